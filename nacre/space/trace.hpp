// The decisions of a space as data: an and/or graph.
//
//   all(...)        every child is decided                      count = product, the empty one counts 1
//   decide(key, …)  one of n alternatives, each with a child    count = sum over alternatives of the child's count
//
// From it follow, without building a network: the exact count of distinct decision sets, uniform sampling over them,
// mutation, crossover of subtrees, enumeration by index, and encodings of fixed length.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nacre/base/count.hpp"
#include "nacre/base/random.hpp"
#include "nacre/design/candidate.hpp"

namespace nacre {


struct TraceDecision {
  std::string key;
  std::vector<std::string> alternatives;  // texts, for people
  bool ordered = false;                   // numbers (kernel sizes, widths): neighbours are near
  std::vector<double> numbers;            // of ordered ones
  bool structural = false;
};

class Trace {
 public:
  struct Node {
    int32_t decision = -1;          // index into decisions(); -1: an all-node
    std::vector<int32_t> children;  // of an all-node: parts; of a decision: one child per alternative
  };

  const std::vector<TraceDecision>& decisions() const { return decisions_; }
  const std::vector<Node>& nodes() const { return nodes_; }  // nodes()[0] is the root
  std::optional<int32_t> find_decision(std::string_view key) const;

  // Number of distinct decision sets, exactly.
  const Count& count() const;
  // Uniform over decision sets.
  Decisions sample(Random& random) const;
  // Complete: draws missing keys uniformly, drops unused ones, clamps nothing (UserError for an index out of range).
  Decisions complete(const Decisions& partial, Random& random) const;
  // True when every key is needed, present and in range.
  bool is_complete(const Decisions& decisions) const;
  // Changes one active decision with more than one alternative (uniformly chosen) to another alternative; decisions that
  // this makes active are drawn, those it makes inactive dropped. Never returns its argument unless the count is 1.
  Decisions mutate(const Decisions& parent, Random& random) const;
  // All decision sets that differ from `center` in one decision (and what follows from it).
  std::vector<Decisions> neighbors(const Decisions& center, Random& random) const;
  // Uniform crossover over decisions active in both; subtrees follow their decision.
  Decisions cross_over(const Decisions& a, const Decisions& b, Random& random) const;
  // The index-th decision set, 0 <= index < count(), and back: a bijection.
  Decisions at(const Count& index) const;
  Count index_of(const Decisions& decisions) const;

  // Fixed-length encodings: for each decision its index, -1 where inactive; and one-hot with a zero block where inactive.
  std::vector<int64_t> encode_indices(const Decisions& decisions) const;
  std::vector<float> encode_one_hot(const Decisions& decisions) const;
  int64_t one_hot_length() const;

  // Lines for `nacre describe`: each decision with its alternatives, indented below the alternative it depends on.
  std::string describe() const;
  // "stage2/1/op=k3_e6 ..." with labels.
  std::string text(const Decisions& decisions) const;

 private:
  friend class TraceBuilder;
  std::vector<TraceDecision> decisions_;
  std::vector<Node> nodes_;
  mutable std::vector<Count> counts_;  // per node, filled at the first count()
};

}  // namespace nacre
