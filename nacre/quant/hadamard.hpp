// Rotation by random signs and a Hadamard matrix: outliers of a block spread over the whole block, so that fewer bits do.
// R = D1 (H / sqrt n) D2 with D1, D2 of random signs and H of Sylvester's construction: orthogonal. (X R)(W R)^T = X W^T, so both
// operands of a product are rotated along the summed axis (INT v.s. FP, arXiv 2510.25602; QuIP#, arXiv 2402.04396).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace nacre {

// UserError unless a power of two from 2 to 4096.
void check_hadamard_size(int64_t size);

class HadamardRotation {
 public:
  // The same seed gives the same signs.
  HadamardRotation(int64_t size, uint64_t seed);
  int64_t size() const { return static_cast<int64_t>(before_.size()); }
  // In place, each `size` neighbors; n log2 n additions. A tail that is shorter stays as it is.
  void apply(std::span<float> values) const;
  void undo(std::span<float> values) const;

 private:
  std::vector<float> before_, after_;  // signs; after_ with the factor 1 / sqrt n
};

}  // namespace nacre
