// The elements of one axis of a tensor that a tile touches: sums of products, { sum_d c_d i_d : 0 <= i_d < n_d }. Mostly all
// multiples of some number within an interval, which is counted in closed form; otherwise as a set of bits.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "nacre/hw/loopnest/traffic.hpp"

namespace nacre {

struct SumTerm {  // without initial values: arrays of them are scratch
  int64_t coefficient;
  int64_t count;
};

// start, start + step, ..., `count` of them.
struct Progression {
  int64_t count = 1;
  int64_t step = 1;
};

// The set as a progression, when it is one. Sorts `terms`.
bool as_progression(std::span<SumTerm> terms, Progression& result);
// The number of different sums.
int64_t sum_count(std::span<SumTerm> terms);

// A set of integers, dense, for the shapes that no closed form covers.
class IntegerSet {
 public:
  void clear(int64_t low, int64_t high);  // empty, for values in [low, high]
  void add_sums(std::span<const SumTerm> terms, int64_t offset);
  void add_run(int64_t first, int64_t count);  // first, first + 1, ...
  void add(const IntegerSet& other);
  void remove(const IntegerSet& other);
  bool operator==(const IntegerSet& other) const { return words_ == other.words_; }
  int64_t size() const;

 private:
  int64_t low_ = 0;
  std::vector<uint64_t> words_;
};

}  // namespace nacre
