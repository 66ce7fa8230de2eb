// Random uses of the quantized operators: scales per tensor, per slice and per block, zero points of every integer type.
#pragma once

#include "tests/ir/operator_case.hpp"

namespace nacre::testing::cases {

inline Tensor random_codes(Random& random, const std::vector<int64_t>& extents, ElementType type) {
  Tensor tensor(type, extents);
  const bool is_signed = type == ElementType::int8 || type == ElementType::int4 || type == ElementType::int16;
  const int64_t largest = type == ElementType::uint4 || type == ElementType::int4 ? 7 : 100;
  for (int64_t i = 0; i < tensor.elements(); ++i)
    tensor.set_number_at(i, static_cast<double>(random.integer(is_signed ? -largest : 0, largest)));
  return tensor;
}

inline Tensor random_scale(Random& random, const std::vector<int64_t>& extents) {
  Tensor tensor(ElementType::float32, extents);
  for (int64_t i = 0; i < tensor.elements(); ++i) tensor.set_number_at(i, random.uniform(0.01, 0.2));
  return tensor;
}

// The extents of a scale for a tensor; sets axis and block_size.
inline std::vector<int64_t> scale_extents(Random& random, const std::vector<int64_t>& extents, Attributes& attributes) {
  if (extents.empty() || random.bernoulli(0.3)) return {};
  const auto rank = static_cast<int64_t>(extents.size());
  const int64_t axis = random.integer(0, rank - 1);
  attributes.set("axis", random.bernoulli(0.5) ? axis : axis - rank);
  if (random.bernoulli(0.6)) return {extents[static_cast<size_t>(axis)]};
  const int64_t block = random.integer(1, 3);
  attributes.set("block_size", block);
  std::vector<int64_t> result = extents;
  int64_t& blocks = result[static_cast<size_t>(axis)];
  blocks = (blocks + block - 1) / block;
  return result;
}

inline ElementType code_type(Random& random) {
  static const std::vector<ElementType> kTypes = {ElementType::uint8, ElementType::int8, ElementType::uint16,
                                                  ElementType::int16, ElementType::int4, ElementType::uint4};
  return kTypes[random.below(kTypes.size())];
}

inline OperatorCase quantize_linear(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 1, 4);
  OperatorCase result{.inputs = {random_tensor(random, extents)}};
  const std::vector<int64_t> scale = scale_extents(random, extents, result.attributes);
  result.inputs.push_back(random_scale(random, scale));
  const ElementType type = code_type(random);
  if (random.bernoulli(0.6))
    result.inputs.push_back(random_codes(random, scale, type));
  else if (random.bernoulli(0.5))
    result.attributes.set("output_dtype", static_cast<int64_t>(type));
  return result;
}

inline OperatorCase dequantize_linear(Random& random) {
  const std::vector<int64_t> extents = random_extents(random, 1, 4);
  const ElementType type = code_type(random);
  OperatorCase result{.inputs = {random_codes(random, extents, type)}};
  const std::vector<int64_t> scale = scale_extents(random, extents, result.attributes);
  result.inputs.push_back(random_scale(random, scale));
  if (random.bernoulli(0.6)) result.inputs.push_back(random_codes(random, scale, type));
  return result;
}

inline OperatorCase dynamic_quantize_linear(Random& random) {
  return {.inputs = {random_tensor(random, random_extents(random, 0, 3))}, .outputs = 3};
}

inline ElementType byte_type(Random& random) { return random.bernoulli(0.5) ? ElementType::uint8 : ElementType::int8; }

struct ProductCase {
  std::vector<int64_t> a, b;
};

inline ProductCase product_extents(Random& random) {
  const int64_t inner = random.integer(1, 4);
  ProductCase result{.a = {random.integer(1, 3), inner}, .b = {inner, random.integer(1, 3)}};
  if (random.bernoulli(0.3)) result.a.insert(result.a.begin(), 2);
  if (random.bernoulli(0.3)) result.b.insert(result.b.begin(), 2);
  return result;
}

inline OperatorCase matmul_integer(Random& random) {
  const ProductCase extents = product_extents(random);
  const ElementType a = byte_type(random), b = byte_type(random);
  OperatorCase result{.inputs = {random_codes(random, extents.a, a), random_codes(random, extents.b, b)}};
  if (random.bernoulli(0.3)) return result;
  const int64_t rows = extents.a[extents.a.size() - 2], columns = extents.b.back();
  result.inputs.push_back(random_codes(random, random.bernoulli(0.5) ? std::vector<int64_t>{} : std::vector{rows}, a));
  if (random.bernoulli(0.7))
    result.inputs.push_back(
        random_codes(random, random.bernoulli(0.5) ? std::vector<int64_t>{} : std::vector{columns}, b));
  return result;
}

inline OperatorCase qlinear_matmul(Random& random) {
  const ProductCase extents = product_extents(random);
  const ElementType a = byte_type(random), b = byte_type(random), y = byte_type(random);
  const std::vector<int64_t> per_column =
      random.bernoulli(0.5) ? std::vector<int64_t>{} : std::vector{extents.b.back()};
  return {.inputs = {random_codes(random, extents.a, a), random_scale(random, {}), random_codes(random, {}, a),
                     random_codes(random, extents.b, b), random_scale(random, per_column),
                     random_codes(random, per_column, b), random_scale(random, {}), random_codes(random, {}, y)}};
}

// Images and weights of codes; attributes of the window.
inline OperatorCase code_convolution(Random& random, ElementType x, ElementType w) {
  const std::vector<int64_t> kernel = random_extents(random, 1, 2, 3);
  const int64_t groups = random.integer(1, 2), group_in = random.integer(1, 2);
  std::vector<int64_t> image = {random.integer(1, 2), groups * group_in};
  std::vector<int64_t> weight = {groups * random.integer(1, 2), group_in};
  std::vector<int64_t> pads;
  for (const int64_t extent : kernel) {
    image.push_back(extent + random.integer(0, 3));
    weight.push_back(extent);
  }
  for (size_t i = 0; i < 2 * kernel.size(); ++i) pads.push_back(random.integer(0, kernel[i % kernel.size()] - 1));
  OperatorCase result{.inputs = {random_codes(random, image, x), random_codes(random, weight, w)}};
  if (groups != 1) result.attributes.set("group", groups);
  if (random.bernoulli(0.6)) result.attributes.set("pads", pads);
  if (random.bernoulli(0.4)) result.attributes.set("strides", std::vector<int64_t>(kernel.size(), 2));
  return result;
}

inline OperatorCase conv_integer(Random& random) {
  const ElementType x = byte_type(random), w = byte_type(random);
  OperatorCase result = code_convolution(random, x, w);
  if (random.bernoulli(0.3)) return result;
  result.inputs.push_back(random_codes(random, {}, x));
  if (random.bernoulli(0.5)) {
    const int64_t channels = result.inputs[1]->extents()[0];
    result.inputs.push_back(
        random_codes(random, random.bernoulli(0.5) ? std::vector<int64_t>{} : std::vector{channels}, w));
  }
  return result;
}

inline OperatorCase qlinear_conv(Random& random) {
  const ElementType x = byte_type(random), w = byte_type(random);
  OperatorCase parts = code_convolution(random, x, w);
  const int64_t channels = parts.inputs[1]->extents()[0];
  const std::vector<int64_t> per_channel = random.bernoulli(0.5) ? std::vector<int64_t>{} : std::vector{channels};
  const Tensor image = *parts.inputs[0], weight = *parts.inputs[1];
  parts.inputs = {image,
                  random_scale(random, {}),
                  random_codes(random, {}, x),
                  weight,
                  random_scale(random, per_channel),
                  random_codes(random, per_channel, w),
                  random_scale(random, {}),
                  random_codes(random, {}, byte_type(random))};
  if (random.bernoulli(0.5)) {
    Tensor bias(ElementType::int32, {channels});
    for (int64_t i = 0; i < channels; ++i) bias.set_number_at(i, static_cast<double>(random.integer(-500, 500)));
    parts.inputs.push_back(bias);
  }
  return parts;
}

}  // namespace nacre::testing::cases
