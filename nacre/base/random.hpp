// Random numbers that are the same on every machine and with every standard library.
//
// A stream is named by (seed, number): Random::stream(seed, n) of different n are independent, so that the n-th ask of a
// study draws the same numbers whatever ran before it. Generator: xoshiro256** seeded through SplitMix64 (Blackman and
// Vigna, ACM TOMS 47, 2021). The std distributions are not used: their results differ between libraries.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace nacre {

class Random {
 public:
  using result_type = uint64_t;

  explicit Random(uint64_t seed);
  // The `number`-th independent stream of `seed`.
  static Random stream(uint64_t seed, uint64_t number);
  // As above, further separated by a word ("ask", "split", "augment"), so that uses never share numbers.
  static Random stream(uint64_t seed, std::string_view purpose, uint64_t number = 0);

  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return ~uint64_t{0}; }
  uint64_t operator()() { return next(); }
  uint64_t next();

  // Uniform in [0, bound), without modulo bias (Lemire 2019); bound >= 1.
  uint64_t below(uint64_t bound);
  // Uniform in [low, high], both included.
  int64_t integer(int64_t low, int64_t high);
  // Uniform in [0, 1) with 53 random bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // Standard normal (polar method).
  double normal();
  bool bernoulli(double probability) { return uniform() < probability; }

  template <class T>
  void shuffle(std::span<T> items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }
  // 0 .. n-1 in random order.
  std::vector<int64_t> permutation(int64_t n);

 private:
  std::array<uint64_t, 4> state_;
  double spare_normal_ = 0;
  bool has_spare_normal_ = false;
};

// Mixes two words into one; for deriving seeds. Not cryptographic.
uint64_t mix_seed(uint64_t a, uint64_t b);

}  // namespace nacre
