// Integers in place of real numbers (ONNX): real = (integer - zero point) * scale, per tensor, per slice along an axis, or
// per block along it. QuantizeLinear and DequantizeLinear go over and back; the QLinear and Integer operators compute on the
// integers, with sums that are exact.
#include <algorithm>
#include <cmath>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"
#include "nacre/ir/small_float.hpp"

namespace nacre::operators {
namespace {

bool is_quantized_type(ElementType type) {
  switch (type) {
    case ElementType::int4:
    case ElementType::uint4:
    case ElementType::int8:
    case ElementType::uint8:
    case ElementType::int16:
    case ElementType::uint16:
    case ElementType::int32:
    case ElementType::undefined: return true;  // undefined: the result of an opaque operator
    default: return is_small_float(type);
  }
}

void require_quantized(const InferenceContext& context, int index) {
  if (!context.has_input(index) || is_quantized_type(context.input_type(index))) return;
  context.fail("input " + std::to_string(index) + " is " + std::string(element_type_name(context.input_type(index))) +
               ", expected an integer of 4 to 32 bits or an 8-bit float");
}

// Blocks that cover an axis; the last may be shorter.
int64_t block_count(int64_t extent, int64_t block) { return extent / block + (extent % block != 0 ? 1 : 0); }

// The scale is one number, a vector along the axis, or has a number per block.
void check_scale(const InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 0);
  const Shape* scale = context.ranked_input(1, 0);
  if (context.has_input(2)) {
    const Shape* zero = context.ranked_input(2, 0);
    if (scale != nullptr && zero != nullptr && scale->rank() != zero->rank() &&
        scale->elements().value_or(0) != zero->elements().value_or(0)) {
      context.fail("scale and zero point differ in shape");
    }
  }
  if (x == nullptr || scale == nullptr || scale->elements().value_or(2) == 1) return;
  const int64_t block = context.attributes().integer("block_size", 0);
  if (block < 0) context.fail("attribute 'block_size' is " + std::to_string(block) + ", expected at least 0");
  const int axis = resolve_axis(context.attributes().integer("axis", 1), x->rank());
  if (block == 0) {
    if (scale->rank() != 1)
      context.fail("a scale of " + std::to_string(scale->rank()) + " dimensions, expected 0 or 1");
    same_dim(context, (*scale)[0], (*x)[axis], "scales and extent of the axis");
    return;
  }
  if (scale->rank() != x->rank()) context.fail("a scale per block must have the dimensions of the input");
  for (int i = 0; i < x->rank(); ++i) {
    const Dim extent = (*x)[i];
    const bool fixed = extent.is_fixed() && (*scale)[i].is_fixed();
    const int64_t expected = !fixed ? 0 : i == axis ? block_count(extent.extent(), block) : extent.extent();
    if (fixed && (*scale)[i].extent() != expected) {
      context.fail("a scale of " + std::to_string((*scale)[i].extent()) + " blocks along axis " + std::to_string(i) +
                   ", expected " + std::to_string(expected));
    }
  }
}

void infer_quantize(InferenceContext& context) {
  const auto declared = static_cast<ElementType>(context.attributes().integer("output_dtype", 0));
  ElementType type = context.has_input(2) ? context.input_type(2) : declared;
  if (!context.has_input(2) && declared == ElementType::undefined) type = ElementType::uint8;
  if (!is_quantized_type(type))
    context.fail("quantizes to " + std::string(element_type_name(type)) + ", which is no quantized type");
  check_scale(context);
  context.set_output(0, type, context.input_shape(0));
}

void infer_dequantize(InferenceContext& context) {
  require_quantized(context, 0);
  if (context.has_input(2) && context.input_type(0) != ElementType::undefined &&
      context.input_type(2) != ElementType::undefined && context.input_type(2) != context.input_type(0)) {
    context.fail("the zero point has another type than the input");
  }
  require_floating(context, 1);
  check_scale(context);
  context.set_output(0, context.input_type(1), context.input_shape(0));
}

void infer_dynamic_quantize(InferenceContext& context) {
  require_floating(context);
  context.set_output(0, ElementType::uint8, context.input_shape(0));
  context.set_output(1, ElementType::float32, Shape{});
  context.set_output(2, ElementType::uint8, Shape{});
}

// --- real to integer and back -------------------------------------------------------------------------------------

// For each element of `x`, the element of a scale or zero point that belongs to it.
std::vector<int64_t> scale_positions(const Node& node, const Tensor& x, const Tensor& scale) {
  std::vector<int64_t> result(static_cast<size_t>(x.elements()), 0);
  if (scale.elements() == 1) return result;
  const int axis = resolve_axis(node.attributes.integer("axis", 1), x.rank());
  const int64_t block = std::max<int64_t>(1, node.attributes.integer("block_size", 0));
  const AxisView view = view_axis(x.extents(), axis);
  if (scale.rank() == 1 && x.rank() >= 1 && node.attributes.integer("block_size", 0) == 0) {
    if (scale.elements() != view.extent)
      throw UserError("a scale of " + std::to_string(scale.elements()) + " elements along an axis of " +
                      std::to_string(view.extent));
    for (size_t i = 0; i < result.size(); ++i) result[i] = static_cast<int64_t>(i) / view.inner % view.extent;
    return result;
  }
  const int64_t blocks = block_count(view.extent, block);
  if (scale.elements() != view.outer * blocks * view.inner)
    throw UserError("a scale of " + std::to_string(scale.elements()) + " elements, expected " +
                    std::to_string(view.outer * blocks * view.inner) + " blocks");
  for (size_t i = 0; i < result.size(); ++i) {
    const auto flat = static_cast<int64_t>(i);
    const int64_t outer = flat / (view.extent * view.inner), at = flat / view.inner % view.extent;
    result[i] = (outer * blocks + at / block) * view.inner + flat % view.inner;
  }
  return result;
}

struct Range {
  double low = 0;
  double high = 0;
};

Range range_of(ElementType type) {
  switch (type) {
    case ElementType::int4: return {-8, 7};
    case ElementType::uint4: return {0, 15};
    case ElementType::int8: return {-128, 127};
    case ElementType::uint8: return {0, 255};
    case ElementType::int16: return {-32768, 32767};
    case ElementType::uint16: return {0, 65535};
    default: return {-2147483648.0, 2147483647.0};
  }
}

double rounded(double x) { return std::nearbyint(x); }  // halves to even

// Quotients are taken in the type of x, as every runtime does: rounding is decided on what it computes.
double quotient(ElementType type, double x, double scale) {
  return type == ElementType::float64 ? x / scale
                                      : static_cast<double>(static_cast<float>(x) / static_cast<float>(scale));
}

std::vector<Tensor> reference_quantize(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Tensor& scale = input_at(inputs, 1);
  const Tensor* zero = optional_input(inputs, 2);
  auto type = static_cast<ElementType>(node.attributes.integer("output_dtype", 0));
  if (zero != nullptr) type = zero->type();
  if (type == ElementType::undefined) type = ElementType::uint8;
  const std::vector<int64_t> at = scale_positions(node, x, scale);
  const std::vector<double> xs = load<double>(x);
  const std::vector<double> scales = load<double>(scale);
  const std::vector<double> zeros = zero == nullptr ? std::vector<double>{} : load<double>(*zero);
  const bool saturate = node.attributes.integer("saturate", 1) != 0;
  Tensor result(type, x.extents());
  const Range range = range_of(type);
  std::byte* bytes = is_small_float(type) ? result.mutable_data() : nullptr;
  for (size_t i = 0; i < xs.size(); ++i) {
    const auto s = static_cast<size_t>(at[i]);
    const double ratio = quotient(x.type(), xs[i], scales[s]);
    const double shift = zeros.empty() ? 0 : zeros[zeros.size() == 1 ? 0 : s];
    if (bytes != nullptr && element_bits(type) == 8) {
      bytes[i] = std::byte{float_to_small_float(type, static_cast<float>(ratio + shift), saturate)};
    } else if (bytes != nullptr) {
      result.set_number_at(static_cast<int64_t>(i), ratio + shift);
    } else {
      const double whole = std::isnan(ratio) ? 0 : rounded(ratio);
      result.set_number_at(static_cast<int64_t>(i), std::clamp(whole + shift, range.low, range.high));
    }
  }
  return {std::move(result)};
}

std::vector<Tensor> reference_dequantize(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Tensor& scale = input_at(inputs, 1);
  const std::vector<int64_t> at = scale_positions(node, x, scale);
  const std::vector<double> scales = load<double>(scale);
  const Tensor* zero = optional_input(inputs, 2);
  const std::vector<double> zeros = zero == nullptr ? std::vector<double>{} : load<double>(*zero);
  std::vector<double> result = load<double>(x);
  for (size_t i = 0; i < result.size(); ++i) {
    const auto s = static_cast<size_t>(at[i]);
    if (!zeros.empty()) result[i] -= zeros[zeros.size() == 1 ? 0 : s];
    result[i] *= scales[s];
  }
  return {store(scale.type(), x.extents(), result)};
}

// In float32 throughout, so that equal steps give equal integers everywhere.
std::vector<Tensor> reference_dynamic_quantize(const Node&, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  float low = 0, high = 0;
  const std::vector<double> xs = load<double>(x);
  for (const double number : xs) {
    low = std::min(low, static_cast<float>(number));
    high = std::max(high, static_cast<float>(number));
  }
  const float scale = high == low ? 1.0F : (high - low) / 255.0F;
  const double zero = std::clamp(rounded(static_cast<double>(-low / scale)), 0.0, 255.0);
  Tensor y(ElementType::uint8, x.extents());
  for (size_t i = 0; i < xs.size(); ++i) {
    const double ratio = static_cast<double>(static_cast<float>(xs[i]) / scale);
    y.set_number_at(static_cast<int64_t>(i), std::clamp(rounded(ratio) + zero, 0.0, 255.0));
  }
  return {std::move(y), Tensor::scalar<float>(scale), Tensor::scalar<uint8_t>(static_cast<uint8_t>(zero))};
}

// --- products of integers -----------------------------------------------------------------------------------------

// x minus its zero point, as float64. A zero point is one number or one per slice along `axis`.
Tensor centered(const Tensor& x, const Tensor* zero, int axis) {
  std::vector<double> numbers = load<double>(x);
  if (zero != nullptr) {
    const std::vector<double> zeros = load<double>(*zero);
    const AxisView view = zeros.size() == 1 ? AxisView{} : view_axis(x.extents(), resolve_axis(axis, x.rank()));
    if (zeros.size() != 1 && static_cast<int64_t>(zeros.size()) != view.extent) {
      throw UserError("a zero point of " + std::to_string(zeros.size()) + " elements along an axis of " +
                      std::to_string(view.extent));
    }
    for (size_t i = 0; i < numbers.size(); ++i)
      numbers[i] -= zeros[zeros.size() == 1 ? 0 : i / static_cast<size_t>(view.inner) % zeros.size()];
  }
  return store(ElementType::float64, x.extents(), numbers);
}

// Zero points of the rows of A are per row, those of columns of B per column; a vector is a row or a column itself.
Tensor matrix_product(const Tensor& a, const Tensor* a_zero, const Tensor& b, const Tensor* b_zero) {
  const Tensor left = centered(a, a_zero, a.rank() < 2 ? 0 : -2);
  const Tensor right = centered(b, b_zero, -1);
  const Tensor* inputs[] = {&left, &right};
  return find_operator("MatMul")->reference(Node{}, Inputs(inputs))[0];
}

Tensor convolution(const Node& node, const Tensor& x, const Tensor* x_zero, const Tensor& w, const Tensor* w_zero,
                   const Tensor* bias) {
  const Tensor image = centered(x, x_zero, 0);
  const Tensor weight = centered(w, w_zero, 0);
  const Tensor sums = bias == nullptr ? Tensor() : bias->cast(ElementType::float64);
  const Tensor* inputs[] = {&image, &weight, bias == nullptr ? nullptr : &sums};
  return find_operator("Conv")->reference(node, Inputs(inputs))[0];
}

// Sums of products of 8-bit numbers wrap at 32 bits.
Tensor as_int32(const Tensor& sums) { return store<Wide>(ElementType::int32, sums.extents(), load<Wide>(sums)); }

std::vector<Tensor> reference_matmul_integer(const Node&, Inputs inputs) {
  return {as_int32(
      matrix_product(input_at(inputs, 0), optional_input(inputs, 2), input_at(inputs, 1), optional_input(inputs, 3)))};
}

std::vector<Tensor> reference_conv_integer(const Node& node, Inputs inputs) {
  return {as_int32(convolution(node, input_at(inputs, 0), optional_input(inputs, 2), input_at(inputs, 1),
                               optional_input(inputs, 3), nullptr))};
}

double single(const Tensor& tensor, const char* what) {
  if (tensor.elements() != 1)
    throw UserError(std::string(what) + " has " + std::to_string(tensor.elements()) + " elements, expected 1");
  return tensor.number_at(0);
}

// Exact sums back to integers of the result: round(sum * a_scale * b_scale / y_scale) + y_zero. The factor is float32, as
// runtimes have it. `axis`: along which b_scale has an entry per slice.
Tensor requantized(const Tensor& sums, double a_scale, const Tensor& b_scale, const Tensor& y_scale,
                   const Tensor& y_zero, int axis) {
  const std::vector<double> scales = load<double>(b_scale);
  const AxisView view = scales.size() == 1 ? AxisView{} : view_axis(sums.extents(), resolve_axis(axis, sums.rank()));
  if (scales.size() != 1 && static_cast<int64_t>(scales.size()) != view.extent)
    throw UserError("a scale of " + std::to_string(scales.size()) + " elements along an axis of " +
                    std::to_string(view.extent));
  const auto target = static_cast<float>(single(y_scale, "the scale of the result"));
  const double zero = single(y_zero, "the zero point of the result");
  const Range range = range_of(y_zero.type());
  const std::vector<double> numbers = load<double>(sums);
  Tensor result(y_zero.type(), sums.extents());
  for (size_t i = 0; i < numbers.size(); ++i) {
    const size_t slice = scales.size() == 1 ? 0 : i / static_cast<size_t>(view.inner) % scales.size();
    const float factor = static_cast<float>(a_scale) * static_cast<float>(scales[slice]) / target;
    const float scaled = static_cast<float>(numbers[i]) * factor;
    result.set_number_at(static_cast<int64_t>(i),
                         std::clamp(rounded(static_cast<double>(scaled)) + zero, range.low, range.high));
  }
  return result;
}

std::vector<Tensor> reference_qlinear_matmul(const Node&, Inputs inputs) {
  const Tensor sums =
      matrix_product(input_at(inputs, 0), &input_at(inputs, 2), input_at(inputs, 3), &input_at(inputs, 5));
  // A scale per row of A is applied first: what is left is one number.
  const Tensor& a_scale = input_at(inputs, 1);
  if (a_scale.elements() == 1)
    return {requantized(sums, a_scale.number_at(0), input_at(inputs, 4), input_at(inputs, 6), input_at(inputs, 7), -1)};
  if (input_at(inputs, 4).elements() != 1) throw UserError("scales per row and per column at once are not supported");
  return {requantized(sums, input_at(inputs, 4).number_at(0), a_scale, input_at(inputs, 6), input_at(inputs, 7),
                      sums.rank() < 2 ? 0 : -2)};
}

std::vector<Tensor> reference_qlinear_conv(const Node& node, Inputs inputs) {
  const Tensor sums = convolution(node, input_at(inputs, 0), &input_at(inputs, 2), input_at(inputs, 3),
                                  &input_at(inputs, 5), optional_input(inputs, 8));
  return {requantized(sums, single(input_at(inputs, 1), "the scale of the input"), input_at(inputs, 4),
                      input_at(inputs, 6), input_at(inputs, 7), 1)};
}

// --- shapes of products -------------------------------------------------------------------------------------------

// Shapes follow those of the operator on real numbers, asked through a graph of that one node.
void infer_with(InferenceContext& context, const std::vector<int>& inputs, std::string_view op, ElementType type) {
  Graph graph;
  std::vector<ValueId> values;
  for (const int index : inputs) {
    require_quantized(context, index);
    Value value;
    value.type = ElementType::float32;
    value.shape = context.input_shape(index);
    if (value.shape.has_value()) {
      for (Dim& dim : *value.shape) {
        if (dim.is_symbol()) dim = graph.symbol(context.graph().symbol_name(dim));
      }
    }
    values.push_back(graph.add_value(std::move(value)));
    graph.inputs.push_back(values.back());
  }
  const NodeId id = graph.add_node(op, values, 1, op == "Conv" ? context.attributes() : Attributes());
  InferenceContext inner(graph, id);
  try {
    graph.node(id).schema->infer(inner);
  } catch (const UserError& error) {
    const std::string message = error.what();
    const size_t place = message.find("): ");
    context.fail(place == std::string::npos ? message : message.substr(place + 3));
  }
  std::optional<Shape> shape = graph.value(graph.node(id).outputs[0]).shape;
  if (shape.has_value()) {
    for (Dim& dim : *shape) {
      if (dim.is_symbol()) dim = context.graph().symbol(graph.symbol_name(dim));
    }
  }
  context.set_output(0, type, shape);
}

void infer_matmul_integer(InferenceContext& context) { infer_with(context, {0, 1}, "MatMul", ElementType::int32); }
void infer_conv_integer(InferenceContext& context) { infer_with(context, {0, 1}, "Conv", ElementType::int32); }
void infer_qlinear_matmul(InferenceContext& context) { infer_with(context, {0, 3}, "MatMul", context.input_type(7)); }
void infer_qlinear_conv(InferenceContext& context) { infer_with(context, {0, 3}, "Conv", context.input_type(7)); }

// MACs as those of the operator on real numbers.
template <int Weight>
OperatorCost cost_of_product(const Graph& graph, const Node& node) {
  const Shape& weight = fixed_shape(graph, node.inputs[Weight]);
  const bool is_matrix = node.op.find("MatMul") != std::string::npos;
  int64_t inner = 1;
  if (is_matrix) {
    inner = weight[weight.rank() < 2 ? 0 : weight.rank() - 2].extent();
  } else {
    for (int axis = 1; axis < weight.rank(); ++axis) inner = saturating_multiply(inner, weight[axis].extent());
  }
  const int64_t macs = saturating_multiply(output_elements(graph, node), inner);
  return {.macs = macs, .flops = saturating_multiply(2, macs)};
}

std::vector<AttributeSchema> integer_conv_attributes() {
  return {{"auto_pad", "string", "NOTSET (pads are given), VALID, SAME_UPPER or SAME_LOWER"},
          {"dilations", "ints", "distance between taps, per spatial axis; 1"},
          {"group", "int", "groups of channels; 1"},
          {"kernel_shape", "ints", "extents of the kernel; those of the weight"},
          {"pads", "ints", "all begins, then all ends; 0"},
          {"strides", "ints", "per spatial axis; 1"}};
}

}  // namespace

std::vector<OperatorSchema> quantization_operators() {
  return {{.name = "QuantizeLinear",
           .summary = "x / scale rounded to even, plus the zero point, saturated",
           .minimum_inputs = 2,
           .maximum_inputs = 3,
           .attributes = {{"axis", "int", "axis along which scales differ; 1"},
                          {"block_size", "int", "elements along the axis that share a scale; 0: all of a slice"},
                          {"output_dtype", "int", "element type where there is no zero point; uint8"},
                          {"saturate", "int", "0 lets 8-bit floats overflow; 1"}},
           .infer = infer_quantize,
           .cost = cost_per_output<3>,
           .reference = reference_quantize},
          {.name = "DequantizeLinear",
           .summary = "(x - zero point) scale",
           .minimum_inputs = 2,
           .maximum_inputs = 3,
           .attributes = {{"axis", "int", "axis along which scales differ; 1"},
                          {"block_size", "int", "elements along the axis that share a scale; 0: all of a slice"}},
           .infer = infer_dequantize,
           .cost = cost_per_output<2>,
           .reference = reference_dequantize},
          {.name = "DynamicQuantizeLinear",
           .summary = "to uint8 by the range of the tensor itself; also scale and zero point",
           .maximum_outputs = 3,
           .infer = infer_dynamic_quantize,
           .cost = cost_per_input<5>,
           .reference = reference_dynamic_quantize},
          {.name = "MatMulInteger",
           .summary = "(A - a_zero) (B - b_zero) in int32",
           .minimum_inputs = 2,
           .maximum_inputs = 4,
           .infer = infer_matmul_integer,
           .cost = cost_of_product<1>,
           .reference = reference_matmul_integer},
          {.name = "ConvInteger",
           .summary = "convolution of x - x_zero with w - w_zero in int32",
           .minimum_inputs = 2,
           .maximum_inputs = 4,
           .attributes = integer_conv_attributes(),
           .infer = infer_conv_integer,
           .cost = cost_of_product<1>,
           .reference = reference_conv_integer},
          {.name = "QLinearMatMul",
           .summary = "product of quantized matrices, quantized",
           .minimum_inputs = 8,
           .maximum_inputs = 8,
           .infer = infer_qlinear_matmul,
           .cost = cost_of_product<3>,
           .reference = reference_qlinear_matmul},
          {.name = "QLinearConv",
           .summary = "convolution of quantized tensors plus an int32 bias, quantized",
           .minimum_inputs = 8,
           .maximum_inputs = 9,
           .attributes = integer_conv_attributes(),
           .infer = infer_qlinear_conv,
           .cost = cost_of_product<3>,
           .reference = reference_qlinear_conv}};
}

}  // namespace nacre::operators
