// Runtimes' operators on quantized tensors, as real arithmetic between DequantizeLinear and QuantizeLinear: what they mean,
// up to the rounding of the runtime's own integer arithmetic.
#include <algorithm>
#include <array>

#include "nacre/ir/onnx_decompose.hpp"

namespace nacre {
namespace {

Decomposed one(ValueId id) { return std::vector<ValueId>{id}; }

ValueId dequantized(Decomposition& make, size_t x, size_t scale, size_t zero) {
  std::vector<ValueId> inputs = {make.input(x), make.input(scale)};
  if (make.has(zero)) inputs.push_back(make.input(zero));
  return make.add("DequantizeLinear", inputs);
}

ValueId quantized(Decomposition& make, ValueId x, size_t scale, size_t zero) {
  std::vector<ValueId> inputs = {x, make.input(scale)};
  if (make.has(zero)) inputs.push_back(make.input(zero));
  return make.add("QuantizeLinear", inputs);
}

// Packed codes of `bits` bits, the first in the low bits, rows of `row_bytes` bytes: element (row, column).
int64_t packed_code(const Tensor& packed, int64_t row, int64_t row_bytes, int64_t column, int64_t bits) {
  const auto byte = static_cast<uint8_t>(packed.data()[row * row_bytes + column * bits / 8]);
  return bits == 8 ? byte : (byte >> (4 * (column % 2))) & 0xf;
}

}  // namespace

Decomposed decompose_quantize(Decomposition& make) {
  return one(make.add(make.node().op, make.node().inputs, make.attributes()));
}

// A [.., K] times the transpose of a matrix [N, K] of 4- or 8-bit codes: each row in blocks of block_size with a scale and a
// zero point (2^(bits-1) where none is given). Becomes DequantizeLinear in blocks, on the codes as they are.
Decomposed decompose_matmul_n_bits(Decomposition& make) {
  const Attributes& attributes = make.attributes();
  const int64_t k = attributes.integer("K", 0), n = attributes.integer("N", 0);
  const int64_t bits = attributes.integer("bits", 4), block = attributes.integer("block_size", 0);
  const Tensor* packed = make.constant_of(make.input(1));
  const Tensor* scales = make.constant_of(make.input(2));
  const Tensor* zeros = make.constant_of(make.input(3));
  if (k < 1 || n < 1 || block < 16 || block > (int64_t{1} << 20) || k > (int64_t{1} << 28) || n > (int64_t{1} << 28) ||
      (bits != 4 && bits != 8) || packed == nullptr || scales == nullptr || make.has(4))
    return std::nullopt;
  if (make.has(3) && zeros == nullptr) return std::nullopt;
  const int64_t blocks = (k + block - 1) / block, block_bytes = block * bits / 8, zero_bytes = (blocks * bits + 7) / 8;
  if (packed->type() != ElementType::uint8 || packed->elements() != n * blocks * block_bytes) return std::nullopt;
  if (scales->elements() != n * blocks) return std::nullopt;
  const bool packed_zeros = zeros != nullptr && zeros->type() == ElementType::uint8;
  if (packed_zeros && zeros->elements() != n * zero_bytes) return std::nullopt;
  if (zeros != nullptr && !packed_zeros) return std::nullopt;  // real zero points have no place in DequantizeLinear
  const ElementType code_type = bits == 4 ? ElementType::uint4 : ElementType::uint8;
  Tensor codes(code_type, {n, k}), middle(code_type, {n, blocks});
  for (int64_t row = 0; row < n; ++row) {
    for (int64_t column = 0; column < k; ++column)
      codes.set_number_at(row * k + column,
                          static_cast<double>(packed_code(*packed, row, blocks * block_bytes, column, bits)));
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t code = zeros == nullptr ? int64_t{1} << (bits - 1) : packed_code(*zeros, row, zero_bytes, b, bits);
      middle.set_number_at(row * blocks + b, static_cast<double>(code));
    }
  }
  const std::array<int64_t, 2> scale_extents{n, blocks};
  const ValueId weight = make.add("DequantizeLinear",
                                  {make.constant(std::move(codes)), make.constant(scales->reshaped(scale_extents)),
                                   make.constant(std::move(middle))},
                                  {{"axis", int64_t{1}}, {"block_size", block}});
  ValueId y = make.add("MatMul", {make.input(0), make.transpose(weight, {1, 0})});
  if (make.has(5)) y = make.add("Add", {y, make.input(5)});
  return one(y);
}

// float(MatMulInteger(A, B)) * a_scale * b_scale + bias. Inputs: A, B, a_scale, b_scale, a_zero, b_zero, bias.
Decomposed decompose_matmul_integer_to_float(Decomposition& make) {
  const ValueId sums = make.add("MatMulInteger", {make.input(0), make.input(1), make.input(4), make.input(5)});
  const ValueId scale = make.add("Mul", {make.input(2), make.input(3)});
  ValueId y = make.add("Mul", {make.cast(sums, make.type_of(make.input(2))), scale});
  if (make.has(6)) y = make.add("Add", {y, make.input(6)});
  return one(y);
}

// A is real and quantized by its own range: as DynamicQuantizeLinear does, written out so that each part is a value.
// Inputs: A, B, b_scale, b_zero, bias.
Decomposed decompose_dynamic_quantize_matmul(Decomposition& make) {
  const ValueId a = make.input(0);
  const ValueId zero = make.number(0, a);
  const ValueId low = make.add("Min", {make.add("ReduceMin", {a}, {{"keepdims", int64_t{0}}}), zero});
  const ValueId high = make.add("Max", {make.add("ReduceMax", {a}, {{"keepdims", int64_t{0}}}), zero});
  const ValueId range = make.add("Sub", {high, low});
  // A tensor of zeros has a scale of 1.
  const ValueId scale = make.add(
      "Where", {make.add("Equal", {range, zero}), make.number(1, a), make.add("Div", {range, make.number(255, a)})});
  const ValueId middle = make.add("Round", {make.add("Div", {make.add("Neg", {low}), scale})});
  const ValueId a_zero = make.cast(middle, ElementType::uint8);
  const ValueId codes = make.add("QuantizeLinear", {a, scale, a_zero});
  const ValueId sums = make.add("MatMulInteger", {codes, make.input(1), a_zero, make.input(3)});
  ValueId y = make.add("Mul", {make.cast(sums, make.type_of(a)), make.add("Mul", {scale, make.input(2)})});
  if (make.has(4)) y = make.add("Add", {y, make.input(4)});
  return one(y);
}

// Of two tensors: A, a_scale, a_zero, B, b_scale, b_zero, y_scale, y_zero. Of one: X, x_scale, x_zero, y_scale, y_zero.
Decomposed decompose_qlinear_elementwise(Decomposition& make) {
  const std::string_view op = make.node().op;
  if (op == "QLinearAdd" || op == "QLinearMul") {
    const ValueId a = dequantized(make, 0, 1, 2), b = dequantized(make, 3, 4, 5);
    return one(quantized(make, make.add(op == "QLinearAdd" ? "Add" : "Mul", {a, b}), 6, 7));
  }
  const int64_t axis = make.attributes().integer("axis", -1);
  if (op == "QLinearSoftmax" && axis != -1 && axis != make.rank_of(make.input(0)) - 1) return std::nullopt;
  const ValueId x = dequantized(make, 0, 1, 2);
  ValueId y = kNone;
  if (op == "QLinearSigmoid") y = make.add("Sigmoid", {x});
  if (op == "QLinearSoftmax") y = make.add("Softmax", {x}, {{"axis", int64_t{-1}}});
  if (op == "QLinearLeakyRelu") y = make.add("LeakyRelu", {x}, {{"alpha", make.attributes().real("alpha", 0.01F)}});
  return one(quantized(make, y, 3, 4));
}

// X, x_scale, x_zero, y_scale, y_zero; images with channels last are turned.
Decomposed decompose_qlinear_pool(Decomposition& make) {
  const bool last = make.attributes().integer("channels_last", 0) != 0;
  const int rank = make.rank_of(make.input(0));
  if (last && rank < 3) return std::nullopt;
  std::vector<int64_t> to = {0, rank - 1}, back = {0};
  for (int64_t axis = 1; axis + 1 < rank; ++axis) to.push_back(axis);
  for (int64_t axis = 2; axis < rank; ++axis) back.push_back(axis);
  back.push_back(1);
  ValueId x = dequantized(make, 0, 1, 2);
  if (last) x = make.transpose(x, to);
  Attributes attributes = make.attributes();
  attributes.erase("channels_last");
  const bool global = make.node().op == "QLinearGlobalAveragePool";
  ValueId y = make.add(global ? "GlobalAveragePool" : "AveragePool", {x}, global ? Attributes() : attributes);
  if (last) y = make.transpose(y, back);
  return one(quantized(make, y, 3, 4));
}

// y_scale, y_zero, then X, scale, zero of each part.
Decomposed decompose_qlinear_concat(Decomposition& make) {
  const size_t count = make.node().inputs.size();
  if (count % 3 != 2 || !make.attributes().has("axis")) return std::nullopt;
  std::vector<ValueId> parts;
  for (size_t i = 2; i < count; i += 3) parts.push_back(dequantized(make, i, i + 1, i + 2));
  const ValueId y = make.add("Concat", parts, {{"axis", make.attributes().integer("axis", 0)}});
  return one(quantized(make, y, 0, 1));
}

// A, a_scale, a_zero, B, b_scale, b_zero, C (int32, of scale alpha a_scale b_scale), y_scale, y_zero; real without y_scale.
Decomposed decompose_qgemm(Decomposition& make) {
  const Tensor* b_scale = make.constant_of(make.input(4));
  if (b_scale == nullptr || b_scale->elements() != 1) return std::nullopt;
  std::vector<ValueId> inputs = {dequantized(make, 0, 1, 2), dequantized(make, 3, 4, 5)};
  if (make.has(6)) {
    const ValueId scale = make.add("Mul", {make.input(1), make.input(4)});
    const float alpha = make.attributes().real("alpha", 1.0F);
    const ValueId factor = alpha == 1.0F ? scale : make.add("Mul", {scale, make.number(alpha, scale)});
    inputs.push_back(make.add("Mul", {make.cast(make.input(6), make.type_of(make.input(1))), factor}));
  }
  const ValueId y = make.add("Gemm", inputs, make.attributes());
  return one(make.has(7) ? quantized(make, y, 7, 8) : y);
}

}  // namespace nacre
