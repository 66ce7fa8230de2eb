// Random uses of operators that keep, place or mark elements, of Einsum, and of the rarer norms and pools.
#pragma once

#include "tests/ir/operator_case.hpp"

namespace nacre::testing::cases {

inline OperatorCase non_zero(Random& random) {
  return {.inputs = {random_tensor(random, random_extents(random, 1, 3), ElementType::boolean)}};
}

inline OperatorCase one_hot(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 0, 3, 3);
  const int64_t depth = random.integer(1, 4);
  Tensor indices(ElementType::int64, extents);
  for (int64_t i = 0; i < indices.elements(); ++i)
    indices.set_number_at(i, static_cast<double>(random.integer(-depth - 1, depth)));
  OperatorCase result{.inputs = {indices, Tensor::scalar<int64_t>(depth), random_tensor(random, {2})},
                      .structural = {1}};
  const int64_t rank = indices.rank() + 1;
  if (random.bernoulli(0.7)) result.attributes.set("axis", random.integer(-rank, rank - 1));
  return result;
}

inline OperatorCase compress(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 1, 3);
  OperatorCase result{.inputs = {random_tensor(random, extents)}};
  int64_t length = result.inputs[0]->elements();
  if (random.bernoulli(0.7)) {
    const int64_t axis = random.integer(0, static_cast<int64_t>(extents.size()) - 1);
    result.attributes.set("axis", axis);
    length = extents[static_cast<size_t>(axis)];
  }
  result.inputs.push_back(random_tensor(random, {random.integer(1, length)}, ElementType::boolean));
  return result;
}

inline OperatorCase trilu(Random& random) {
  OperatorCase result{.inputs = {random_tensor(random, random_extents(random, 2, 4))}};
  result.attributes.set("upper", random.integer(0, 1));
  if (random.bernoulli(0.6)) result.inputs.push_back(Tensor::scalar<int64_t>(random.integer(-4, 4)));
  return result;
}

inline OperatorCase eye_like(Random& random) {
  OperatorCase result{.inputs = {random_tensor(random, random_extents(random, 2, 2))}};
  if (random.bernoulli(0.5)) result.attributes.set("k", random.integer(-3, 3));
  if (random.bernoulli(0.5)) result.attributes.set("dtype", static_cast<int64_t>(ElementType::int32));
  return result;
}

inline OperatorCase reverse_sequence(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 2, 4);
  OperatorCase result{.inputs = {random_tensor(random, extents)}};
  const int64_t batch = random.integer(0, 1);
  result.attributes.set("batch_axis", batch);
  result.attributes.set("time_axis", 1 - batch);
  Tensor lengths(ElementType::int64, {extents[static_cast<size_t>(batch)]});
  for (int64_t i = 0; i < lengths.elements(); ++i)
    lengths.set_number_at(i, static_cast<double>(random.integer(0, extents[static_cast<size_t>(1 - batch)])));
  result.inputs.push_back(lengths);
  return result;
}

inline OperatorCase einsum(Random& random) {
  const int64_t a = random.integer(1, 4), b = random.integer(1, 4), c = random.integer(1, 4), d = random.integer(1, 3);
  OperatorCase result;
  const auto use = [&](const char* equation, const std::vector<std::vector<int64_t>>& operands) {
    result.attributes.set("equation", std::string(equation));
    for (const std::vector<int64_t>& extents : operands) result.inputs.push_back(random_tensor(random, extents));
  };
  switch (random.below(9)) {
    case 0: use("ij,jk->ik", {{a, b}, {b, c}}); break;
    case 1: use("bhqd,bhkd->bhqk", {{d, a, b, c}, {d, a, 2, c}}); break;
    case 2: use("...ij,...jk->...ik", {{d, a, b}, {b, c}}); break;
    case 3: use("ii->i", {{a, a}}); break;
    case 4: use("ij", {{a, b}}); break;
    case 5: use("ij->", {{a, b}}); break;
    case 6: use("i,j->ji", {{a}, {b}}); break;
    case 7: use("ij, jk, kl -> il", {{a, b}, {b, c}, {c, d}}); break;
    default: use("b...,...->b...", {{d, a, b}, {a, b}}); break;
  }
  return result;
}

inline OperatorCase local_response(Random& random) {
  OperatorCase result{.inputs = {random_tensor(random, random_extents(random, 3, 4, 6))}};
  result.attributes.set("size", random.integer(1, 5));
  if (random.bernoulli(0.5)) {
    result.attributes.set("alpha", 0.3F);
    result.attributes.set("beta", 0.6F);
    result.attributes.set("bias", 1.5F);
  }
  return result;
}

inline OperatorCase mean_variance(Random& random) {
  OperatorCase result{.inputs = {random_tensor(random, random_extents(random, 4, 4, 4))}};
  // A line of one element has no variance: what it is divided by depends on rounding.
  Tensor& x = *result.inputs[0];
  if (x.extents()[0] * x.extents()[2] * x.extents()[3] == 1) x = random_tensor(random, {2, 2, 2, 2});
  if (random.bernoulli(0.4) && x.extents()[1] * x.extents()[2] > 1)
    result.attributes.set("axes", std::vector<int64_t>{1, 2});
  return result;
}

inline OperatorCase max_unpool(Random& random) {
  const int64_t channels = random.integer(1, 2), height = random.integer(1, 3), width = random.integer(1, 3);
  const std::vector<int64_t> extents = {1, channels, height, width};
  OperatorCase result{.inputs = {random_tensor(random, extents)}};
  Tensor indices(ElementType::int64, extents);
  for (int64_t i = 0; i < indices.elements(); ++i) {
    const int64_t column = i % width, row = i / width % height, channel = i / (width * height);
    indices.set_number_at(i, static_cast<double>((channel * 2 * height + 2 * row + random.integer(0, 1)) * 2 * width +
                                                 2 * column + random.integer(0, 1)));
  }
  result.inputs.push_back(indices);
  result.attributes.set("kernel_shape", std::vector<int64_t>{2, 2});
  result.attributes.set("strides", std::vector<int64_t>{2, 2});
  if (random.bernoulli(0.4)) {
    const std::vector<int64_t> wanted = {1, channels, 2 * height + 1, 2 * width};
    result.inputs.push_back(Tensor::of<int64_t>(std::vector<int64_t>{4}, std::span<const int64_t>(wanted)));
    result.structural = {2};
  }
  return result;
}

inline OperatorCase bit_shift(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 0, 3);
  Tensor x(ElementType::uint8, extents), by(ElementType::uint8, extents);
  for (int64_t i = 0; i < x.elements(); ++i) {
    x.set_number_at(i, static_cast<double>(random.integer(0, 255)));
    by.set_number_at(i, static_cast<double>(random.integer(0, 7)));
  }
  OperatorCase result{.inputs = {x, by}};
  result.attributes.set("direction", std::string(random.bernoulli(0.5) ? "LEFT" : "RIGHT"));
  return result;
}

}  // namespace nacre::testing::cases
