// For searches of a space of which a table holds a small sample: the row nearest to what a strategy would like to have.
//
// Distance is the number of decisions in which two sets differ, of ordered ones a share of their range (at most one). Of equally
// near rows the one that a hash of the wish and the row's key puts first, so that no place in the file is preferred.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "nacre/space/nearest_network.hpp"
#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {

class NearestRow {
 public:
  // Of the rows that `keeps` accepts. The table must outlive this.
  NearestRow(const TabularBenchmark& table, const std::function<bool(int64_t row)>& keeps);

  // The decisions of the nearest row that is not taken; nothing when all are. Takes tens of microseconds for thousands of rows.
  std::optional<Decisions> find(const Decisions& wanted, const TakenNetwork& taken) const;

 private:
  const Trace& trace_;
  std::vector<Decisions> rows_;
  std::vector<Hash128> identities_;
  std::vector<int16_t> indices_;  // [decisions, rows], -1: not decided
  std::vector<int32_t> steps_;    // of each decision: what a step costs, and at most a whole difference; 0: not ordered
};

}  // namespace nacre
