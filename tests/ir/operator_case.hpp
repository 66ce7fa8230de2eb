// One use of an operator, and the random tensors and extents from which such uses are made.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/ir/graph.hpp"

namespace nacre::testing {

struct OperatorCase {
  std::string op = {};
  Attributes attributes = {};
  std::vector<std::optional<Tensor>> inputs = {};  // nothing: omitted
  std::vector<size_t> structural = {};             // inputs that shapes depend on: axes, pads, target shapes
  int outputs = 1;
};

inline Tensor random_tensor(Random& random, std::vector<int64_t> extents, ElementType type = ElementType::float32) {
  Tensor tensor(type, extents);
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    const double number = type == ElementType::boolean ? static_cast<double>(random.below(2))
                          : is_floating(type)          ? random.uniform(-2, 2)
                                                       : static_cast<double>(random.integer(-4, 4));
    tensor.set_number_at(i, number);
  }
  return tensor;
}

inline std::vector<int64_t> random_extents(Random& random, int64_t low_rank, int64_t high_rank, int64_t largest = 5) {
  std::vector<int64_t> extents(static_cast<size_t>(random.integer(low_rank, high_rank)));
  for (int64_t& extent : extents) extent = random.integer(1, largest);
  return extents;
}

// Extents that broadcast with `extents`: some axes 1, leading ones missing.
inline std::vector<int64_t> broadcastable(Random& random, const std::vector<int64_t>& extents) {
  std::vector<int64_t> result(extents.begin() + random.integer(0, static_cast<int64_t>(extents.size())), extents.end());
  for (int64_t& extent : result) {
    if (random.bernoulli(0.3)) extent = 1;
  }
  return result;
}

inline Tensor integer_vector(const std::vector<int64_t>& values) {
  const std::vector<int64_t> extents = {static_cast<int64_t>(values.size())};
  return Tensor::of<int64_t>(extents, std::span<const int64_t>(values));
}

// Distinct axes, some counted from the back.
inline std::vector<int64_t> random_axes(Random& random, int64_t rank, int64_t count) {
  std::vector<int64_t> axes = random.permutation(rank);
  axes.resize(static_cast<size_t>(count));
  for (int64_t& axis : axes) {
    if (random.bernoulli(0.5)) axis -= rank;
  }
  return axes;
}

inline int64_t axis_of(const Tensor& x, int64_t axis) { return axis < 0 ? axis + x.rank() : axis; }

}  // namespace nacre::testing
