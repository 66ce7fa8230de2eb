// Random, valid uses of every operator that nacre has a reference kernel for: the common ground of the tests that compare
// shape inference, the reference executor and faster executors. Deterministic for a Random.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/ir/graph.hpp"
#include "nacre/ir/schema.hpp"
#include "tests/ir/operator_case.hpp"
#include "tests/ir/quantized_operator_cases.hpp"
#include "tests/ir/recurrent_operator_cases.hpp"
#include "tests/ir/selection_operator_cases.hpp"

namespace nacre::testing {

using CaseMaker = std::function<OperatorCase(Random&)>;

namespace cases {

inline OperatorCase unary(Random& random, ElementType type = ElementType::float32) {
  return {.inputs = {random_tensor(random, random_extents(random, 0, 4), type)}};
}

inline OperatorCase binary(Random& random, ElementType type = ElementType::float32) {
  const std::vector<int64_t> extents = random_extents(random, 0, 4);
  Tensor a = random_tensor(random, extents, type);
  Tensor b = random_tensor(random, broadcastable(random, extents), type);
  if (random.bernoulli(0.5)) std::swap(a, b);
  return {.inputs = {a, b}};
}

inline OperatorCase variadic(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 0, 3);
  OperatorCase result;
  for (int64_t i = random.integer(1, 4); i > 0; --i)
    result.inputs.push_back(random_tensor(random, broadcastable(random, extents)));
  return result;
}

// Strides, dilations, pads or auto_pad for a window over `kernel`; pads stay below the kernel.
inline void add_window(Random& random, Attributes& attributes, const std::vector<int64_t>& kernel,
                       bool auto_pad = true) {
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> pads(2 * kernel.size());
  for (const int64_t extent : kernel) {
    strides.push_back(random.integer(1, 3));
    dilations.push_back(random.integer(1, extent == 1 ? 1 : 2));
  }
  for (size_t i = 0; i < pads.size(); ++i) pads[i] = random.integer(0, kernel[i % kernel.size()] - 1);
  if (random.bernoulli(0.7)) attributes.set("strides", strides);
  if (random.bernoulli(0.5)) attributes.set("dilations", dilations);
  static const std::vector<std::string> kModes = {"VALID", "SAME_UPPER", "SAME_LOWER"};
  if (auto_pad && random.bernoulli(0.3))
    attributes.set("auto_pad", kModes[random.below(kModes.size())]);
  else if (random.bernoulli(0.7))
    attributes.set("pads", pads);
}

inline std::vector<int64_t> image_extents(Random& random, int64_t channels, const std::vector<int64_t>& kernel) {
  std::vector<int64_t> extents = {random.integer(1, 2), channels};
  for (const int64_t extent : kernel) extents.push_back(2 * extent + random.integer(0, 4));
  return extents;
}

inline OperatorCase conv(Random& random) {
  const std::vector<int64_t> kernel = random_extents(random, 1, 3, 3);
  const int64_t groups = random.integer(1, 3);
  const int64_t group_in = random.integer(1, 3);
  const int64_t out = groups * random.integer(1, 3);
  std::vector<int64_t> weight = {out, group_in};
  weight.insert(weight.end(), kernel.begin(), kernel.end());
  OperatorCase result;
  result.inputs = {random_tensor(random, image_extents(random, groups * group_in, kernel)),
                   random_tensor(random, weight)};
  if (random.bernoulli(0.5)) result.inputs.push_back(random_tensor(random, {out}));
  if (groups != 1) result.attributes.set("group", groups);
  if (random.bernoulli(0.5)) result.attributes.set("kernel_shape", kernel);
  add_window(random, result.attributes, kernel);
  return result;
}

inline OperatorCase conv_transpose(Random& random) {
  OperatorCase result = conv(random);
  const std::vector<int64_t> x = result.inputs[0]->extents();
  std::vector<int64_t> weight = result.inputs[1]->extents();
  const int64_t groups = result.attributes.integer("group", 1);
  weight[0] = x[1];
  weight[1] = random.integer(1, 3);
  result.inputs[1] = random_tensor(random, weight);
  if (result.inputs.size() > 2) result.inputs[2] = random_tensor(random, {weight[1] * groups});
  if (!result.attributes.has("auto_pad") && result.attributes.has("strides") && random.bernoulli(0.5)) {
    std::vector<int64_t> extra;
    for (const int64_t stride : result.attributes.integers("strides")) extra.push_back(random.integer(0, stride - 1));
    result.attributes.set("output_padding", extra);
  }
  return result;
}

inline OperatorCase pool(Random& random) {
  const std::vector<int64_t> kernel = random_extents(random, 1, 3, 3);
  OperatorCase result{.inputs = {random_tensor(random, image_extents(random, random.integer(1, 3), kernel))}};
  result.attributes.set("kernel_shape", kernel);
  add_window(random, result.attributes, kernel);
  if (!result.attributes.has("auto_pad") && random.bernoulli(0.5)) result.attributes.set("ceil_mode", int64_t{1});
  return result;
}

inline OperatorCase max_pool(Random& random) {
  OperatorCase result = pool(random);
  result.outputs = static_cast<int>(random.integer(1, 2));
  return result;
}

inline OperatorCase average_pool(Random& random) {
  OperatorCase result = pool(random);
  result.attributes.set("count_include_pad", random.integer(0, 1));
  return result;
}

inline OperatorCase global_pool(Random& random) {
  return {.inputs = {random_tensor(random, random_extents(random, 3, 5))}};
}

inline OperatorCase batch_normalization(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 2, 4);
  OperatorCase result{.inputs = {random_tensor(random, extents)}};
  for (int i = 0; i < 4; ++i) result.inputs.push_back(random_tensor(random, {extents[1]}));
  Tensor& variance = *result.inputs[4];
  for (int64_t i = 0; i < variance.elements(); ++i) variance.set_number_at(i, random.uniform(0.5, 2));
  result.attributes.set("epsilon", 1e-3F);
  return result;
}

inline OperatorCase layer_normalization(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 1, 4);
  const int64_t axis = random.integer(0, static_cast<int64_t>(extents.size()) - 1);
  const std::vector<int64_t> normalized(extents.begin() + axis, extents.end());
  OperatorCase result{.inputs = {random_tensor(random, extents), random_tensor(random, normalized)}};
  if (random.bernoulli(0.5)) result.inputs.push_back(random_tensor(random, normalized));
  result.attributes.set("axis", random.bernoulli(0.5) ? axis : axis - static_cast<int64_t>(extents.size()));
  result.outputs = random.bernoulli(0.5) ? 3 : 1;
  return result;
}

inline OperatorCase channel_normalization(Random& random, bool groups) {
  std::vector<int64_t> extents = random_extents(random, 3, 4);
  const int64_t count = random.integer(1, 3);
  if (groups) extents[1] = count * random.integer(1, 3);
  OperatorCase result{.inputs = {random_tensor(random, extents), random_tensor(random, {extents[1]}),
                                 random_tensor(random, {extents[1]})}};
  if (groups) result.attributes.set("num_groups", count);
  return result;
}

inline OperatorCase prelu(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 1, 4);
  return {.inputs = {random_tensor(random, extents), random_tensor(random, broadcastable(random, extents))}};
}

inline OperatorCase clip(Random& random) {
  OperatorCase result = unary(random);
  if (random.bernoulli(0.7))
    result.inputs.push_back(random.bernoulli(0.7) ? std::optional(Tensor::scalar(-0.5F)) : std::nullopt);
  if (result.inputs.size() == 2 && random.bernoulli(0.7)) result.inputs.push_back(Tensor::scalar(0.75F));
  return result;
}

inline OperatorCase where(Random& random) {
  OperatorCase result = binary(random);
  const std::vector<int64_t>& longer = std::max(result.inputs[0]->extents(), result.inputs[1]->extents(),
                                                [](const auto& a, const auto& b) { return a.size() < b.size(); });
  result.inputs.insert(result.inputs.begin(),
                       random_tensor(random, broadcastable(random, longer), ElementType::boolean));
  return result;
}

inline OperatorCase gemm(Random& random) {
  const int64_t rows = random.integer(1, 5);
  const int64_t inner = random.integer(1, 5);
  const int64_t columns = random.integer(1, 5);
  OperatorCase result;
  const int64_t turn_a = random.integer(0, 1);
  const int64_t turn_b = random.integer(0, 1);
  if (turn_a != 0) result.attributes.set("transA", turn_a);
  if (turn_b != 0) result.attributes.set("transB", turn_b);
  if (random.bernoulli(0.3)) result.attributes.set("alpha", 0.5F);
  if (random.bernoulli(0.3)) result.attributes.set("beta", 2.0F);
  result.inputs.push_back(random_tensor(random, turn_a != 0 ? std::vector{inner, rows} : std::vector{rows, inner}));
  result.inputs.push_back(
      random_tensor(random, turn_b != 0 ? std::vector{columns, inner} : std::vector{inner, columns}));
  if (random.bernoulli(0.6)) result.inputs.push_back(random_tensor(random, broadcastable(random, {rows, columns})));
  return result;
}

inline OperatorCase matmul(Random& random) {
  const std::vector<int64_t> batch = random_extents(random, 0, 2, 3);
  const int64_t inner = random.integer(1, 4);
  std::vector<int64_t> a = broadcastable(random, batch);
  std::vector<int64_t> b = batch;
  if (random.bernoulli(0.2)) {
    a = {inner};
  } else {
    a.push_back(random.integer(1, 4));
    a.push_back(inner);
  }
  if (random.bernoulli(0.2)) {
    b = {inner};
  } else {
    b.push_back(inner);
    b.push_back(random.integer(1, 4));
  }
  return {.inputs = {random_tensor(random, a), random_tensor(random, b)}};
}

inline OperatorCase along_axis(Random& random) {
  OperatorCase result{.inputs = {random_tensor(random, random_extents(random, 1, 4))}};
  const int64_t rank = result.inputs[0]->rank();
  if (random.bernoulli(0.8)) result.attributes.set("axis", random.integer(-rank, rank - 1));
  return result;
}

inline OperatorCase arg_extreme(Random& random) {
  OperatorCase result = along_axis(random);
  result.attributes.set("keepdims", random.integer(0, 1));
  result.attributes.set("select_last_index", random.integer(0, 1));
  return result;
}

inline OperatorCase top_k(Random& random) {
  OperatorCase result = along_axis(random);
  const Tensor& x = *result.inputs[0];
  const int64_t extent = x.extents()[static_cast<size_t>(axis_of(x, result.attributes.integer("axis", -1)))];
  result.inputs.push_back(integer_vector({random.integer(1, extent)}));
  result.attributes.set("largest", random.integer(0, 1));
  result.structural = {1};
  result.outputs = 2;
  return result;
}

inline OperatorCase cumulative_sum(Random& random) {
  OperatorCase result{.inputs = {random_tensor(random, random_extents(random, 1, 4))}};
  const int64_t rank = result.inputs[0]->rank();
  result.inputs.push_back(Tensor::scalar<int64_t>(random.integer(-rank, rank - 1)));
  result.attributes.set("exclusive", random.integer(0, 1));
  result.attributes.set("reverse", random.integer(0, 1));
  result.structural = {1};
  return result;
}

inline OperatorCase reduce(Random& random, bool positive) {
  OperatorCase result{.inputs = {random_tensor(random, random_extents(random, 1, 4))}};
  Tensor& x = *result.inputs[0];
  for (int64_t i = 0; positive && i < x.elements(); ++i) x.set_number_at(i, 0.5 + std::abs(x.number_at(i)));
  const int64_t rank = x.rank();
  if (random.bernoulli(0.5)) result.attributes.set("keepdims", random.integer(0, 1));
  if (random.bernoulli(0.3)) result.attributes.set("noop_with_empty_axes", int64_t{1});
  if (random.bernoulli(0.8)) {
    result.inputs.push_back(integer_vector(random_axes(random, rank, random.integer(0, rank))));
    result.structural = {1};
  }
  return result;
}

inline OperatorCase reshape(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 1, 4);
  std::vector<int64_t> target = extents;
  random.shuffle(std::span(target));
  if (extents[0] != 1 && random.bernoulli(0.3)) {  // merge two axes
    target = {extents[0]};
    for (size_t i = 1; i < extents.size(); ++i) target.push_back(extents[i]);
    if (target.size() > 1) {
      target[0] *= target[1];
      target.erase(target.begin() + 1);
    }
  }
  if (target[0] == extents[0] && random.bernoulli(0.5)) target[0] = 0;
  if (random.bernoulli(0.5)) target.back() = -1;
  if (target.size() == 1 && target[0] == 0) target[0] = -1;
  return {.inputs = {random_tensor(random, extents), integer_vector(target)}, .structural = {1}};
}

inline OperatorCase flatten(Random& random) {
  OperatorCase result = unary(random);
  const int64_t rank = result.inputs[0]->rank();
  if (rank < 1 || random.bernoulli(0.5)) result.attributes.set("axis", random.integer(-rank, rank));
  return result;
}

inline OperatorCase transpose(Random& random) {
  OperatorCase result = unary(random);
  if (random.bernoulli(0.8)) result.attributes.set("perm", random.permutation(result.inputs[0]->rank()));
  return result;
}

inline OperatorCase squeeze(Random& random) {
  std::vector<int64_t> extents = random_extents(random, 1, 4);
  std::vector<int64_t> axes;
  for (size_t i = 0; i < extents.size(); ++i) {
    if (!random.bernoulli(0.5)) continue;
    extents[i] = 1;
    axes.push_back(random.bernoulli(0.5) ? static_cast<int64_t>(i)
                                         : static_cast<int64_t>(i) - static_cast<int64_t>(extents.size()));
  }
  OperatorCase result{.inputs = {random_tensor(random, extents)}};
  if (random.bernoulli(0.7)) {
    result.inputs.push_back(integer_vector(axes));
    result.structural = {1};
  }
  return result;
}

inline OperatorCase unsqueeze(Random& random) {
  OperatorCase result{.inputs = {random_tensor(random, random_extents(random, 0, 3))}};
  const int64_t count = random.integer(0, 2);
  result.inputs.push_back(integer_vector(random_axes(random, result.inputs[0]->rank() + count, count)));
  result.structural = {1};
  return result;
}

inline OperatorCase dropout(Random& random) {
  OperatorCase result = unary(random);
  if (random.bernoulli(0.5)) result.inputs.push_back(Tensor::scalar(0.25F));
  result.outputs = static_cast<int>(random.integer(1, 2));
  return result;
}

inline OperatorCase cast(Random& random) {
  static const std::vector<ElementType> kTypes = {ElementType::float32,  ElementType::float64, ElementType::float16,
                                                  ElementType::bfloat16, ElementType::int64,   ElementType::int32,
                                                  ElementType::int8,     ElementType::boolean};
  OperatorCase result = unary(random, kTypes[random.below(kTypes.size())]);
  result.attributes.set("to", static_cast<int64_t>(kTypes[random.below(kTypes.size())]));
  return result;
}

inline OperatorCase depth_to_space(Random& random) {
  const int64_t block = random.integer(1, 3);
  OperatorCase result{.inputs = {random_tensor(random, {random.integer(1, 2), block * block * random.integer(1, 2),
                                                        random.integer(1, 3), random.integer(1, 3)})}};
  result.attributes.set("blocksize", block);
  result.attributes.set("mode", std::string(random.bernoulli(0.5) ? "DCR" : "CRD"));
  return result;
}

inline OperatorCase space_to_depth(Random& random) {
  const int64_t block = random.integer(1, 3);
  OperatorCase result{.inputs = {random_tensor(random, {random.integer(1, 2), random.integer(1, 2),
                                                        block * random.integer(1, 3), block * random.integer(1, 3)})}};
  result.attributes.set("blocksize", block);
  return result;
}

inline OperatorCase concat(Random& random) {
  std::vector<int64_t> extents = random_extents(random, 1, 4);
  const int64_t rank = static_cast<int64_t>(extents.size());
  const int64_t axis = random.integer(-rank, rank - 1);
  OperatorCase result;
  for (int64_t i = random.integer(1, 3); i > 0; --i) {
    extents[static_cast<size_t>(axis < 0 ? axis + rank : axis)] = random.integer(0, 4);
    result.inputs.push_back(random_tensor(random, extents));
  }
  result.attributes.set("axis", axis);
  return result;
}

inline OperatorCase split(Random& random) {
  OperatorCase result = along_axis(random);
  const Tensor& x = *result.inputs[0];
  int64_t left = x.extents()[static_cast<size_t>(axis_of(x, result.attributes.integer("axis", 0)))];
  result.outputs = static_cast<int>(random.integer(1, 3));
  if (random.bernoulli(0.5)) {
    result.attributes.set("num_outputs", static_cast<int64_t>(result.outputs));
    return result;
  }
  std::vector<int64_t> sizes;
  for (int i = 1; i < result.outputs; ++i) {
    sizes.push_back(random.integer(0, left));
    left -= sizes.back();
  }
  sizes.push_back(left);
  result.inputs.push_back(integer_vector(sizes));
  result.structural = {1};
  return result;
}

inline OperatorCase slice(Random& random) {
  OperatorCase result{.inputs = {random_tensor(random, random_extents(random, 1, 4, 7))}};
  const int64_t rank = result.inputs[0]->rank();
  const std::vector<int64_t> axes = random_axes(random, rank, random.integer(1, rank));
  std::vector<int64_t> starts;
  std::vector<int64_t> ends;
  std::vector<int64_t> steps;
  for (size_t i = 0; i < axes.size(); ++i) {
    steps.push_back(random.bernoulli(0.5) ? random.integer(1, 3) : random.integer(-3, -1));
    starts.push_back(random.integer(-9, 9));
    ends.push_back(random.bernoulli(0.2) ? std::numeric_limits<int64_t>::max() : random.integer(-9, 9));
  }
  result.inputs.insert(result.inputs.end(),
                       {integer_vector(starts), integer_vector(ends), integer_vector(axes), integer_vector(steps)});
  result.structural = {1, 2, 3, 4};
  return result;
}

inline OperatorCase pad(Random& random) {
  OperatorCase result{.inputs = {random_tensor(random, random_extents(random, 1, 4))}};
  static const std::vector<std::string> kModes = {"constant", "reflect", "edge", "wrap"};
  const std::string mode = kModes[random.below(kModes.size())];
  const int64_t rank = result.inputs[0]->rank();
  const std::vector<int64_t> axes = random_axes(random, rank, random.bernoulli(0.5) ? rank : random.integer(1, rank));
  std::vector<int64_t> pads(2 * axes.size());
  for (size_t i = 0; i < pads.size(); ++i) {
    const int64_t extent =
        result.inputs[0]->extents()[static_cast<size_t>(axis_of(*result.inputs[0], axes[i % axes.size()]))];
    const int64_t most = mode == "reflect" ? extent - 1 : mode == "wrap" ? extent : 3;
    pads[i] = mode == "constant" && random.bernoulli(0.2) ? -(extent / 2) : random.integer(0, most);
  }
  result.attributes.set("mode", mode);
  result.inputs.push_back(integer_vector(pads));
  result.inputs.push_back(mode == "constant" && random.bernoulli(0.5) ? std::optional(Tensor::scalar(1.5F))
                                                                      : std::nullopt);
  result.inputs.push_back(integer_vector(axes));
  result.structural = {1, 3};
  return result;
}

inline OperatorCase tile(Random& random) {
  OperatorCase result{.inputs = {random_tensor(random, random_extents(random, 1, 4, 3))}};
  std::vector<int64_t> repeats;
  for (int i = 0; i < result.inputs[0]->rank(); ++i) repeats.push_back(random.integer(1, 3));
  result.inputs.push_back(integer_vector(repeats));
  result.structural = {1};
  return result;
}

inline OperatorCase expand(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 1, 4);
  return {.inputs = {random_tensor(random, broadcastable(random, extents)), integer_vector(extents)},
          .structural = {1}};
}

inline Tensor random_indices(Random& random, const std::vector<int64_t>& extents, int64_t bound) {
  Tensor indices(ElementType::int64, extents);
  for (int64_t& index : indices.mutable_values<int64_t>()) index = random.integer(-bound, bound - 1);
  return indices;
}

inline OperatorCase gather(Random& random) {
  OperatorCase result = along_axis(random);
  const Tensor& x = *result.inputs[0];
  const int64_t extent = x.extents()[static_cast<size_t>(axis_of(x, result.attributes.integer("axis", 0)))];
  result.inputs.push_back(random_indices(random, random_extents(random, 0, 2), extent));
  return result;
}

inline OperatorCase gather_elements(Random& random) {
  OperatorCase result = along_axis(random);
  const Tensor& x = *result.inputs[0];
  const auto axis = static_cast<size_t>(axis_of(x, result.attributes.integer("axis", 0)));
  std::vector<int64_t> extents = x.extents();
  extents[axis] = random.integer(1, 4);
  const Tensor indices = random_indices(random, extents, x.extents()[axis]);
  result.inputs.push_back(indices);
  return result;
}

inline OperatorCase gather_nd(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 2, 4);
  const int64_t batch = random.integer(0, 1);
  const int64_t depth = random.integer(1, static_cast<int64_t>(extents.size()) - batch);
  std::vector<int64_t> tuples =
      batch == 1 ? std::vector{extents[0], random.integer(1, 3)} : random_extents(random, 0, 2, 3);
  tuples.push_back(depth);
  Tensor indices(ElementType::int64, tuples);
  const std::span<int64_t> all = indices.mutable_values<int64_t>();
  for (size_t i = 0; i < all.size(); ++i) {
    const int64_t bound = extents[static_cast<size_t>(batch) + i % static_cast<size_t>(depth)];
    all[i] = random.integer(-bound, bound - 1);
  }
  OperatorCase result{.inputs = {random_tensor(random, extents), indices}};
  if (batch != 0) result.attributes.set("batch_dims", batch);
  return result;
}

inline OperatorCase scatter_elements(Random& random) {
  OperatorCase result{.inputs = {random_tensor(random, random_extents(random, 1, 3))}};
  const Tensor& x = *result.inputs[0];
  const int64_t axis = random.integer(0, x.rank() - 1);
  std::vector<int64_t> extents = x.extents();
  const int64_t count = random.integer(1, extents[static_cast<size_t>(axis)]);
  extents[static_cast<size_t>(axis)] = count;
  // Distinct positions along the axis: the order of equal ones is not defined.
  Tensor indices(ElementType::int64, extents);
  const std::vector<int64_t> order = random.permutation(x.extents()[static_cast<size_t>(axis)]);
  int64_t inner = 1;
  for (size_t d = static_cast<size_t>(axis) + 1; d < extents.size(); ++d) inner *= extents[d];
  const std::span<int64_t> all = indices.mutable_values<int64_t>();
  for (size_t i = 0; i < all.size(); ++i) all[i] = order[i / static_cast<size_t>(inner) % static_cast<size_t>(count)];
  static const std::vector<std::string> kReductions = {"none", "add", "mul", "max", "min"};
  result.attributes.set("axis", axis);
  result.attributes.set("reduction", kReductions[random.below(kReductions.size())]);
  result.inputs.push_back(indices);
  result.inputs.push_back(random_tensor(random, extents));
  return result;
}

inline OperatorCase scatter_nd(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 1, 3);
  const int64_t rows = random.integer(1, extents[0]);
  std::vector<int64_t> order = random.permutation(extents[0]);
  order.resize(static_cast<size_t>(rows));
  std::vector<int64_t> updates = extents;
  updates[0] = rows;
  return {.inputs = {random_tensor(random, extents),
                     Tensor::of<int64_t>(std::vector<int64_t>{rows, 1}, std::span<const int64_t>(order)),
                     random_tensor(random, updates)}};
}

inline OperatorCase resize(Random& random) {
  OperatorCase result{.inputs = {random_tensor(random, random_extents(random, 2, 4, 4))}};
  static const std::vector<std::string> kModes = {"nearest", "linear", "cubic"};
  static const std::vector<std::string> kCoordinates = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
                                                        "align_corners", "asymmetric"};
  static const std::vector<std::string> kNearest = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  result.attributes.set("mode", kModes[random.below(kModes.size())]);
  result.attributes.set("coordinate_transformation_mode", kCoordinates[random.below(kCoordinates.size())]);
  result.attributes.set("nearest_mode", kNearest[random.below(kNearest.size())]);
  const int64_t rank = result.inputs[0]->rank();
  const std::vector<int64_t> axes = {rank - 2, rank - 1};
  result.attributes.set("axes", axes);
  result.inputs.push_back(std::nullopt);
  if (random.bernoulli(0.5)) {
    static const std::vector<float> kScales = {0.5F, 1.0F, 1.5F, 2.0F, 3.0F};
    const std::vector<float> scales = {kScales[1 + random.below(4)], kScales[1 + random.below(4)]};
    result.inputs.push_back(Tensor::of<float>(std::vector<int64_t>{2}, std::span<const float>(scales)));
    result.structural = {2};
  } else {
    result.inputs.push_back(std::nullopt);
    result.inputs.push_back(integer_vector({random.integer(1, 6), random.integer(1, 6)}));
    result.structural = {3};
  }
  return result;
}

inline OperatorCase constant(Random& random) {
  OperatorCase result;
  switch (random.below(4)) {
    case 0: result.attributes.set("value", random_tensor(random, random_extents(random, 0, 3))); break;
    case 1: result.attributes.set("value_int", random.integer(-5, 5)); break;
    case 2: result.attributes.set("value_floats", std::vector<float>{1.5F, -2.0F}); break;
    default: result.attributes.set("value_ints", std::vector<int64_t>{3, 1, 2}); break;
  }
  return result;
}

inline OperatorCase constant_of_shape(Random& random) {
  OperatorCase result{.inputs = {integer_vector(random_extents(random, 0, 4))}, .structural = {0}};
  if (random.bernoulli(0.5)) result.attributes.set("value", Tensor::of<int32_t>({1}, {7}));
  return result;
}

inline OperatorCase range(Random& random) {
  const int64_t delta = random.bernoulli(0.5) ? random.integer(1, 3) : random.integer(-3, -1);
  OperatorCase result{.inputs = {}, .structural = {0, 1, 2}};
  for (const int64_t number : {random.integer(-5, 5), random.integer(-5, 5), delta}) {
    if (result.inputs.empty() || result.inputs[0]->type() == ElementType::int64)
      result.inputs.emplace_back(Tensor::scalar<int64_t>(number));
  }
  return result;
}

inline OperatorCase shape(Random& random) {
  OperatorCase result = unary(random);
  if (random.bernoulli(0.5)) result.attributes.set("start", random.integer(-3, 3));
  if (random.bernoulli(0.5)) result.attributes.set("end", random.integer(-3, 3));
  return result;
}

}  // namespace cases

// By operator name. The order is that of names.
inline const std::map<std::string, CaseMaker>& case_makers() {
  static const std::map<std::string, CaseMaker> kMakers = [] {
    std::map<std::string, CaseMaker> all = {
        {"Conv", cases::conv},
        {"ConvTranspose", cases::conv_transpose},
        {"MaxPool", cases::max_pool},
        {"AveragePool", cases::average_pool},
        {"GlobalAveragePool", cases::global_pool},
        {"GlobalMaxPool", cases::global_pool},
        {"BatchNormalization", cases::batch_normalization},
        {"LayerNormalization", cases::layer_normalization},
        {"InstanceNormalization", [](Random& r) { return cases::channel_normalization(r, false); }},
        {"GroupNormalization", [](Random& r) { return cases::channel_normalization(r, true); }},
        {"PRelu", cases::prelu},
        {"Clip", cases::clip},
        {"Where", cases::where},
        {"Gemm", cases::gemm},
        {"MatMul", cases::matmul},
        {"Softmax", cases::along_axis},
        {"LogSoftmax", cases::along_axis},
        {"Hardmax", cases::along_axis},
        {"ArgMax", cases::arg_extreme},
        {"ArgMin", cases::arg_extreme},
        {"TopK", cases::top_k},
        {"CumSum", cases::cumulative_sum},
        {"Reshape", cases::reshape},
        {"Flatten", cases::flatten},
        {"Transpose", cases::transpose},
        {"Squeeze", cases::squeeze},
        {"Unsqueeze", cases::unsqueeze},
        {"Identity", [](Random& r) { return cases::unary(r); }},
        {"Dropout", cases::dropout},
        {"Cast", cases::cast},
        {"CastLike",
         [](Random& r) {
           return OperatorCase{
               .inputs = {random_tensor(r, random_extents(r, 0, 3)), random_tensor(r, {}, ElementType::int32)}};
         }},
        {"DepthToSpace", cases::depth_to_space},
        {"SpaceToDepth", cases::space_to_depth},
        {"Concat", cases::concat},
        {"Split", cases::split},
        {"Slice", cases::slice},
        {"Pad", cases::pad},
        {"Tile", cases::tile},
        {"Expand", cases::expand},
        {"Gather", cases::gather},
        {"GatherElements", cases::gather_elements},
        {"GatherND", cases::gather_nd},
        {"ScatterElements", cases::scatter_elements},
        {"ScatterND", cases::scatter_nd},
        {"Resize", cases::resize},
        {"Constant", cases::constant},
        {"ConstantOfShape", cases::constant_of_shape},
        {"Range", cases::range},
        {"Shape", cases::shape},
        {"Size", [](Random& r) { return cases::unary(r); }},
        {"RNN", [](Random& r) { return cases::recurrent(r, "RNN"); }},
        {"GRU", [](Random& r) { return cases::recurrent(r, "GRU"); }},
        {"LSTM", [](Random& r) { return cases::recurrent(r, "LSTM"); }},
        {"QuantizeLinear", cases::quantize_linear},
        {"DequantizeLinear", cases::dequantize_linear},
        {"DynamicQuantizeLinear", cases::dynamic_quantize_linear},
        {"MatMulInteger", cases::matmul_integer},
        {"ConvInteger", cases::conv_integer},
        {"QLinearMatMul", cases::qlinear_matmul},
        {"QLinearConv", cases::qlinear_conv},
        {"NonZero", cases::non_zero},
        {"OneHot", cases::one_hot},
        {"Compress", cases::compress},
        {"Trilu", cases::trilu},
        {"EyeLike", cases::eye_like},
        {"ReverseSequence", cases::reverse_sequence},
        {"Einsum", cases::einsum},
        {"LRN", cases::local_response},
        {"LpNormalization",
         [](Random& r) {
           OperatorCase result = cases::along_axis(r);
           result.attributes.set("p", r.integer(1, 2));
           return result;
         }},
        {"MeanVarianceNormalization", cases::mean_variance},
        {"LpPool",
         [](Random& r) {
           OperatorCase result = cases::pool(r);
           result.attributes.set("p", r.integer(1, 3));
           return result;
         }},
        {"GlobalLpPool",
         [](Random& r) {
           OperatorCase result = cases::global_pool(r);
           result.attributes.set("p", r.integer(1, 3));
           return result;
         }},
        {"MaxUnpool", cases::max_unpool},
        {"BitwiseNot", [](Random& r) { return cases::unary(r, ElementType::int32); }},
        {"BitShift", cases::bit_shift},
        {"Not", [](Random& r) { return cases::unary(r, ElementType::boolean); }},
        {"Div", [](Random& r) { return cases::binary(r); }},
        {"Pow",
         [](Random& r) {
           OperatorCase result = cases::binary(r);
           Tensor& base = *result.inputs[0];
           for (int64_t i = 0; i < base.elements(); ++i) base.set_number_at(i, 0.5 + std::abs(base.number_at(i)));
           return result;
         }},
        {"Mod", [](Random& r) {
           OperatorCase result = cases::binary(r);
           result.attributes.set("fmod", int64_t{1});
           return result;
         }}};
    for (const char* op : {"Add", "Sub", "Mul", "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"}) {
      all[op] = [](Random& r) { return cases::binary(r); };
    }
    for (const char* op : {"And", "Or", "Xor"})
      all[op] = [](Random& r) { return cases::binary(r, ElementType::boolean); };
    for (const char* op : {"BitwiseAnd", "BitwiseOr", "BitwiseXor"})
      all[op] = [](Random& r) { return cases::binary(r, ElementType::int32); };
    for (const char* op : {"Min", "Max", "Sum", "Mean"}) all[op] = cases::variadic;
    for (const char* op : {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
                           "ReduceSumSquare", "ReduceLogSumExp"}) {
      all[op] = [](Random& r) { return cases::reduce(r, false); };
    }
    all["ReduceLogSum"] = [](Random& r) { return cases::reduce(r, true); };
    for (const OperatorSchema* schema : all_operators()) {
      const bool single = schema->minimum_inputs == 1 && schema->maximum_inputs == 1;
      if (single && schema->elementwise && !all.contains(schema->name))
        all[schema->name] = [](Random& r) { return cases::unary(r); };
    }
    return all;
  }();
  return kMakers;
}

// A case of that operator; InternalError when there is no maker, so that a new operator is not forgotten.
inline OperatorCase make_case(const std::string& op, Random& random) {
  const auto found = case_makers().find(op);
  NACRE_CHECK(found != case_makers().end(), "no test case for operator " + op);
  OperatorCase result = found->second(random);
  result.op = op;
  return result;
}

// The case as a graph of one node: structural inputs are constants, the others inputs "x0", "x1", ...; outputs "y0", ...
inline Graph case_graph(const OperatorCase& test, bool constants = true) {
  Graph graph;
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < test.inputs.size(); ++i) {
    const std::string name = "x" + std::to_string(i);
    const bool constant = constants && std::ranges::find(test.structural, i) != test.structural.end();
    if (!test.inputs[i].has_value())
      inputs.push_back(kNone);
    else if (constant)
      inputs.push_back(graph.add_initializer(name, *test.inputs[i]));
    else
      inputs.push_back(graph.add_input(name, test.inputs[i]->type(), test.inputs[i]->shape()));
  }
  const NodeId node = graph.add_node(test.op, inputs, test.outputs, test.attributes);
  for (int i = 0; i < test.outputs; ++i)
    graph.add_output(graph.node(node).outputs[static_cast<size_t>(i)], "y" + std::to_string(i));
  return graph;
}

}  // namespace nacre::testing
