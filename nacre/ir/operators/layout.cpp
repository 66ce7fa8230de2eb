// The same elements under another shape, order or type: Reshape, Transpose, Squeeze, Cast and their kin.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "nacre/ir/dim_expression.hpp"
#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"
#include "nacre/ir/small_float.hpp"

namespace nacre::operators {
namespace {

// --- Reshape ------------------------------------------------------------------------------------------------------

Dim product_of_dims(Graph& graph, const Shape& shape, int begin, int end) {
  Dim product(1);
  for (int axis = begin; axis < end; ++axis) product = multiply_dims(graph, product, shape[axis]);
  return product;
}

// The dimension that -1 stands for: elements of the input over those of the other result dimensions. Equal dimensions cancel first,
// so that [batch,?,8] to [batch,-1] needs nothing of the unknown ones but their product.
Dim remaining_dim(const InferenceContext& context, const Shape& x, const Shape& result, int free_axis) {
  Graph& graph = context.graph();
  Shape above = x;
  Shape below;
  for (int axis = 0; axis < result.rank(); ++axis) {
    if (axis == free_axis) continue;
    Dim* match = std::find(above.begin(), above.end(), result[axis]);
    if (match != above.end() && !match->is_unknown())
      *match = Dim(1);
    else
      below.push_back(result[axis]);
  }
  const Dim total = product_of_dims(graph, above, 0, above.rank());
  const Dim others = product_of_dims(graph, below, 0, below.rank());
  if (total.is_fixed() && others.is_fixed() && (others.extent() == 0 || total.extent() % others.extent() != 0)) {
    context.fail("input " + graph.shape_text(x) + " does not divide into " + graph.shape_text(result));
  }
  return divide_dims(graph, total, others);
}

void infer_reshape(InferenceContext& context) {
  const ElementType type = context.input_type(0);
  const std::optional<Shape>& x = context.input_shape(0);
  const std::optional<KnownTensor> target = context.known_input(1);
  if (!target.has_value()) return context.set_output(0, type, std::nullopt);
  if (target->extents.size() != 1) context.fail("the target shape must be a vector");
  if (target->extents[0] > kMaximumRank) context.fail("tensors of more than 8 dimensions are not supported");
  const bool allow_zero = context.attributes().integer("allowzero", 0) != 0;
  Shape result;
  int free_axis = -1;
  for (int axis = 0; axis < target->extents[0]; ++axis) {
    const std::optional<int64_t> number = known_number(*target, static_cast<size_t>(axis));
    if (number == 0 && !allow_zero) {
      if (x.has_value() && axis >= x->rank())
        context.fail("0 at axis " + std::to_string(axis) + " copies a dimension the input lacks");
      result.push_back(x.has_value() ? (*x)[axis] : Dim());
    } else if (number.has_value() && *number < 0) {
      if (*number != -1 || free_axis >= 0)
        context.fail("the target shape holds " + std::to_string(*number) + "; -1 is allowed, once");
      free_axis = axis;
      result.push_back(Dim());
    } else {
      result.push_back(known_dim(context.graph(), *target, static_cast<size_t>(axis)));
    }
  }
  if (x.has_value()) {
    if (free_axis >= 0) {
      result[free_axis] = remaining_dim(context, *x, result, free_axis);
    } else if (x->is_fixed() && result.is_fixed() && x->elements() != result.elements()) {
      context.fail("input " + context.graph().shape_text(*x) + " has another number of elements than " +
                   context.graph().shape_text(result));
    }
  }
  context.set_output(0, type, result);
}

void infer_flatten(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 0);
  if (x == nullptr) return context.set_output(0, context.input_type(0), Shape{Dim(), Dim()});
  const int64_t axis = context.attributes().integer("axis", 1);
  if (axis < -x->rank() || axis > x->rank())
    context.fail("axis " + std::to_string(axis) + " of a tensor of " + std::to_string(x->rank()) + " dimensions");
  const int split = static_cast<int>(axis < 0 ? axis + x->rank() : axis);
  const Dim rows = product_of_dims(context.graph(), *x, 0, split);
  const Dim columns = product_of_dims(context.graph(), *x, split, x->rank());
  context.set_output(0, context.input_type(0), Shape{rows, columns});
}

// --- axes ---------------------------------------------------------------------------------------------------------

void infer_transpose(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 0);
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  const std::span<const int64_t> order = context.attributes().integers("perm");
  Shape result;
  if (order.empty()) {
    for (int axis = x->rank(); axis-- > 0;) result.push_back((*x)[axis]);
  } else {
    if (order.size() != x->size()) {
      context.fail("attribute 'perm' has " + std::to_string(order.size()) + " entries, expected " +
                   std::to_string(x->rank()));
    }
    for (const int axis : resolve_axes(order, x->rank())) result.push_back((*x)[axis]);
  }
  context.set_output(0, context.input_type(0), result);
}

void infer_squeeze(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 0);
  const ElementType type = context.input_type(0);
  if (x == nullptr) return context.set_output(0, type, std::nullopt);
  uint32_t dropped = 0;
  if (context.has_input(1)) {
    const std::optional<std::vector<int64_t>> axes = context.known_integers(1);
    if (!axes.has_value()) return context.set_output(0, type, std::nullopt);
    for (const int axis : resolve_axes(*axes, x->rank())) {
      if ((*x)[axis].is_fixed() && (*x)[axis] != Dim(1)) {
        context.fail("axis " + std::to_string(axis) + " of " + context.graph().shape_text(*x) + " is not 1");
      }
      dropped |= 1U << axis;
    }
  } else {
    for (int axis = 0; axis < x->rank(); ++axis) {
      if (!(*x)[axis].is_fixed()) return context.set_output(0, type, std::nullopt);
      if ((*x)[axis] == Dim(1)) dropped |= 1U << axis;
    }
  }
  Shape result;
  for (int axis = 0; axis < x->rank(); ++axis) {
    if ((dropped >> axis & 1U) == 0) result.push_back((*x)[axis]);
  }
  context.set_output(0, type, result);
}

void infer_unsqueeze(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 0);
  const std::optional<std::vector<int64_t>> axes = context.known_integers(1);
  if (x == nullptr || !axes.has_value()) return context.set_output(0, context.input_type(0), std::nullopt);
  const int rank = x->rank() + static_cast<int>(axes->size());
  if (rank > kMaximumRank) context.fail("tensors of more than 8 dimensions are not supported");
  uint32_t added = 0;
  for (const int axis : resolve_axes(*axes, rank)) added |= 1U << axis;
  Shape result;
  int from = 0;
  for (int axis = 0; axis < rank; ++axis) result.push_back((added >> axis & 1U) != 0 ? Dim(1) : (*x)[from++]);
  context.set_output(0, context.input_type(0), result);
}

// --- types --------------------------------------------------------------------------------------------------------

void infer_cast(InferenceContext& context) {
  const int64_t to = context.attributes().integer("to", 0);
  const auto type = static_cast<ElementType>(to);
  if (to <= 0 || to > 255 || element_type_name(type) == "undefined")
    context.fail("attribute 'to' names no element type: " + std::to_string(to));
  context.set_output(0, type, context.input_shape(0));
}

void infer_cast_like(InferenceContext& context) {
  context.set_output(0, context.input_type(1), context.input_shape(0));
}

void infer_dropout(InferenceContext& context) {
  infer_same_as_input(context);
  context.set_output(1, ElementType::boolean, context.input_shape(0));
}

// --- blocks between depth and space -------------------------------------------------------------------------------

int64_t read_block(const InferenceContext& context) {
  const int64_t block = context.attributes().integer("blocksize", 0);
  if (block < 1 || block > (1 << 20)) context.fail("attribute 'blocksize' is missing or not in 1 to 2^20");
  return block;
}

Dim divided(const InferenceContext& context, Dim dim, int64_t divisor, const char* what) {
  if (dim.is_fixed() && dim.extent() % divisor != 0) {
    context.fail(std::string(what) + " " + std::to_string(dim.extent()) + " does not divide by " +
                 std::to_string(divisor));
  }
  return divide_dims(context.graph(), dim, Dim(divisor));
}

void infer_depth_to_space(InferenceContext& context) {
  const int64_t block = read_block(context);
  const Shape* x = context.ranked_input(0, 4, 4);
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  const std::string_view mode = context.attributes().text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    context.fail("attribute 'mode' is '" + std::string(mode) + "', expected DCR or CRD");
  Graph& graph = context.graph();
  const Shape result = {(*x)[0], divided(context, (*x)[1], block * block, "channel count"),
                        multiply_dims(graph, (*x)[2], Dim(block)), multiply_dims(graph, (*x)[3], Dim(block))};
  context.set_output(0, context.input_type(0), result);
}

void infer_space_to_depth(InferenceContext& context) {
  const int64_t block = read_block(context);
  const Shape* x = context.ranked_input(0, 4, 4);
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  const Shape result = {(*x)[0], multiply_dims(context.graph(), (*x)[1], Dim(block * block)),
                        divided(context, (*x)[2], block, "height"), divided(context, (*x)[3], block, "width")};
  context.set_output(0, context.input_type(0), result);
}

// --- reference ----------------------------------------------------------------------------------------------------

std::vector<Tensor> reference_reshape(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const bool allow_zero = node.attributes.integer("allowzero", 0) != 0;
  Extents extents = input_at(inputs, 1).integers();
  int64_t known = 1;
  std::optional<size_t> free_axis;
  for (size_t axis = 0; axis < extents.size(); ++axis) {
    if (extents[axis] == 0 && !allow_zero) {
      if (axis >= x.extents().size())
        throw UserError("0 at axis " + std::to_string(axis) + " copies a dimension the input lacks");
      extents[axis] = x.extents()[axis];
    }
    if (extents[axis] == -1)
      free_axis = axis;
    else
      known *= extents[axis];
  }
  if (free_axis.has_value()) extents[*free_axis] = known == 0 ? 0 : x.elements() / known;
  if (count_of(extents) != x.elements())
    throw UserError("the target shape has another number of elements than the input");
  return {x.reshaped(extents)};
}

std::vector<Tensor> reference_flatten(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const int64_t axis = node.attributes.integer("axis", 1);
  const auto split = static_cast<size_t>(axis < 0 ? axis + x.rank() : axis);
  const std::span<const int64_t> all = x.extents();
  const Extents extents = {count_of(all.first(split)), count_of(all.subspan(split))};
  return {x.reshaped(extents)};
}

// The tensor with its axes in the given order.
Tensor transposed(const Tensor& x, std::span<const int> order) {
  const Extents strides = strides_of(x.extents());
  Extents extents;
  Extents steps;
  for (const int axis : order) {
    extents.push_back(x.extents()[static_cast<size_t>(axis)]);
    steps.push_back(strides[static_cast<size_t>(axis)]);
  }
  std::vector<int64_t> source(static_cast<size_t>(x.elements()));
  Extents index(extents.size(), 0);
  for (int64_t& position : source) {
    position = 0;
    for (size_t axis = 0; axis < index.size(); ++axis) position += index[axis] * steps[axis];
    next_position(index, extents);
  }
  return pick_elements(x, extents, source);
}

std::vector<Tensor> reference_transpose(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  std::vector<int> order = resolve_axes(node.attributes.integers("perm"), x.rank());
  for (int axis = x.rank(); order.size() < static_cast<size_t>(x.rank());) order.push_back(--axis);
  return {transposed(x, order)};
}

std::vector<Tensor> reference_squeeze(const Node&, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Tensor* axes = optional_input(inputs, 1);
  uint32_t dropped = 0;
  if (axes != nullptr) {
    for (const int axis : resolve_axes(axes->integers(), x.rank())) dropped |= 1U << axis;
  }
  Extents extents;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int64_t extent = x.extents()[static_cast<size_t>(axis)];
    const bool drop = axes == nullptr ? extent == 1 : (dropped >> axis & 1U) != 0;
    if (drop && extent != 1)
      throw UserError("axis " + std::to_string(axis) + " of extent " + std::to_string(extent) + " is not 1");
    if (!drop) extents.push_back(extent);
  }
  return {x.reshaped(extents)};
}

std::vector<Tensor> reference_unsqueeze(const Node&, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const std::vector<int64_t> axes = input_at(inputs, 1).integers();
  const int rank = x.rank() + static_cast<int>(axes.size());
  Extents extents(static_cast<size_t>(rank), 0);
  for (const int axis : resolve_axes(axes, rank)) extents[static_cast<size_t>(axis)] = 1;
  auto from = x.extents().begin();
  for (int64_t& extent : extents) {
    if (extent == 0) extent = *from++;
  }
  return {x.reshaped(extents)};
}

std::vector<Tensor> reference_identity(const Node&, Inputs inputs) { return {input_at(inputs, 0)}; }

std::vector<Tensor> reference_dropout(const Node&, Inputs inputs) {
  const Tensor* training = optional_input(inputs, 2);
  if (training != nullptr && training->number_at(0) != 0) {
    throw UserError("Dropout in training mode is not run by the reference executor; set training_mode to false");
  }
  const Tensor& x = input_at(inputs, 0);
  const std::vector<Wide> kept(static_cast<size_t>(x.elements()), 1);
  return {x, store<Wide>(ElementType::boolean, x.extents(), kept)};
}

Tensor strings_to_numbers(const Tensor& x, ElementType type) {
  std::vector<double> numbers;
  for (const std::string& text : x.strings()) {
    char* end = nullptr;
    numbers.push_back(std::strtod(text.c_str(), &end));
    if (text.empty() || end != text.c_str() + text.size()) throw UserError("the string '" + text + "' is no number");
  }
  const Tensor real = store(ElementType::float64, x.extents(), numbers);
  return is_floating(type) ? store(type, x.extents(), numbers) : store(type, x.extents(), load<Wide>(real));
}

Tensor numbers_to_strings(const Tensor& x) {
  std::vector<std::string> strings;
  if (!is_floating(x.type())) {
    for (const Wide number : load<Wide>(x))
      strings.push_back(number < 0 ? std::to_string(static_cast<int64_t>(number))
                                   : std::to_string(static_cast<uint64_t>(number)));
    return Tensor::of_strings(x.extents(), std::move(strings));
  }
  for (const double number : load<double>(x)) {
    std::array<char, 64> buffer = {};  // the shortest text that reads back as the same number
    const auto end = x.type() == ElementType::float64
                         ? std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr
                         : std::to_chars(buffer.data(), buffer.data() + buffer.size(), static_cast<float>(number)).ptr;
    strings.push_back(std::isnan(number)   ? "NaN"
                      : std::isinf(number) ? (number < 0 ? "-INF" : "INF")
                                           : std::string(buffer.data(), end));
  }
  return Tensor::of_strings(x.extents(), std::move(strings));
}

// Real numbers become integers by cutting toward zero, integers wrap, anything but 0 is true.
Tensor cast_to(const Tensor& x, ElementType type) {
  if (x.type() == type) return x;
  if (x.type() == ElementType::string) return strings_to_numbers(x, type);
  if (type == ElementType::string) return numbers_to_strings(x);
  if (type == ElementType::boolean && is_floating(x.type())) {
    std::vector<Wide> truths;
    for (const double number : load<double>(x)) truths.push_back(number != 0 ? 1 : 0);
    return store<Wide>(type, x.extents(), truths);
  }
  if (is_floating(x.type()) && is_floating(type)) return store(type, x.extents(), load<double>(x));
  return store(type, x.extents(), load<Wide>(x));
}

// 8-bit floats saturate unless the node says otherwise.
Tensor cast_by(const Node& node, const Tensor& x, ElementType type) {
  const bool overflows = is_small_float(type) && element_bits(type) == 8 && node.attributes.integer("saturate", 1) == 0;
  if (!overflows) return cast_to(x, type);
  const std::vector<double> numbers = load<double>(x);
  Tensor result(type, x.extents());
  std::byte* bytes = result.mutable_data();
  for (size_t i = 0; i < numbers.size(); ++i)
    bytes[i] = std::byte{float_to_small_float(type, static_cast<float>(numbers[i]), false)};
  return result;
}

std::vector<Tensor> reference_cast(const Node& node, Inputs inputs) {
  return {cast_by(node, input_at(inputs, 0), static_cast<ElementType>(node.attributes.integer("to", 0)))};
}

std::vector<Tensor> reference_cast_like(const Node& node, Inputs inputs) {
  return {cast_by(node, input_at(inputs, 0), input_at(inputs, 1).type())};
}

// [N, C, H, W] with C split into blocks before (DCR) or behind (CRD) the remaining channels.
std::vector<Tensor> reference_depth_to_space(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const int64_t b = node.attributes.integer("blocksize", 1);
  const int64_t n = x.extents().at(0);
  const int64_t c = x.extents().at(1) / (b * b);
  const int64_t h = x.extents().at(2);
  const int64_t w = x.extents().at(3);
  const bool depth_first = node.attributes.text("mode", "DCR") == "DCR";
  const Tensor parts = x.reshaped(depth_first ? Extents{n, b, b, c, h, w} : Extents{n, c, b, b, h, w});
  const std::array<int, 6> order = depth_first ? std::array{0, 3, 4, 1, 5, 2} : std::array{0, 1, 4, 2, 5, 3};
  return {transposed(parts, order).reshaped(Extents{n, c, h * b, w * b})};
}

std::vector<Tensor> reference_space_to_depth(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const int64_t b = node.attributes.integer("blocksize", 1);
  const int64_t n = x.extents().at(0);
  const int64_t c = x.extents().at(1);
  const int64_t h = x.extents().at(2) / b;
  const int64_t w = x.extents().at(3) / b;
  const Tensor parts = x.reshaped(Extents{n, c, h, b, w, b});
  return {transposed(parts, std::array{0, 3, 5, 1, 2, 4}).reshaped(Extents{n, c * b * b, h, w})};
}

}  // namespace

std::vector<OperatorSchema> layout_operators() {
  return {
      {.name = "Reshape",
       .summary = "the same elements under another shape; -1 is what remains, 0 copies a dimension",
       .minimum_inputs = 2,
       .maximum_inputs = 2,
       .attributes = {{"allowzero", "int", "1: a 0 in the target is an extent of 0; 0"}},
       .infer = infer_reshape,
       .reference = reference_reshape,
       .moved_inputs = 1},
      {.name = "Flatten",
       .summary = "a matrix: axes before `axis` by axes from it",
       .attributes = {{"axis", "int", "first axis of the columns; 1"}},
       .infer = infer_flatten,
       .reference = reference_flatten,
       .moved_inputs = 1},
      {.name = "Transpose",
       .summary = "axes in another order; reversed when none is given",
       .attributes = {{"perm", "ints", "input axis of each result axis"}},
       .infer = infer_transpose,
       .reference = reference_transpose,
       .moved_inputs = 1},
      {.name = "Squeeze",
       .summary = "drops axes of extent 1",
       .maximum_inputs = 2,
       .infer = infer_squeeze,
       .reference = reference_squeeze,
       .moved_inputs = 1},
      {.name = "Unsqueeze",
       .summary = "adds axes of extent 1",
       .minimum_inputs = 2,
       .maximum_inputs = 2,
       .infer = infer_unsqueeze,
       .reference = reference_unsqueeze,
       .moved_inputs = 1},
      {.name = "Identity",
       .summary = "the input",
       .infer = infer_same_as_input,
       .reference = reference_identity,
       .moved_inputs = 1},
      {.name = "Dropout",
       .summary = "the input, outside training; optionally a mask",
       .maximum_inputs = 3,
       .maximum_outputs = 2,
       .attributes = {{"seed", "int", "of the mask in training"}},
       .infer = infer_dropout,
       .reference = reference_dropout},
      {.name = "DropPath",
       .domain = "nacre",
       .summary = "the input, outside training; in training each example kept with a probability, else 0",
       .maximum_inputs = 2,
       .attributes = {{"keep", "float", "probability at the end of training (input 2, 0 to 1, says how far it is)"}},
       .infer = infer_same_as_input,
       .reference = reference_identity},
      {.name = "Cast",
       .summary = "another element type",
       .attributes = {{"saturate", "int", "1 clamps in conversions to 8-bit floats; 1"},
                      {"to", "int", "ONNX number of the type", true}},
       .infer = infer_cast,
       .reference = reference_cast},
      {.name = "CastLike",
       .summary = "the element type of another tensor",
       .minimum_inputs = 2,
       .maximum_inputs = 2,
       .attributes = {{"saturate", "int", "1 clamps in conversions to 8-bit floats; 1"}},
       .infer = infer_cast_like,
       .reference = reference_cast_like},
      {.name = "DepthToSpace",
       .summary = "blocks of channels become blocks of pixels",
       .attributes = {{"blocksize", "int", "edge of a block", true},
                      {"mode", "string", "DCR or CRD: which part of the channels is the block; DCR"}},
       .infer = infer_depth_to_space,
       .reference = reference_depth_to_space,
       .moved_inputs = 1},
      {.name = "SpaceToDepth",
       .summary = "blocks of pixels become channels",
       .attributes = {{"blocksize", "int", "edge of a block", true}},
       .infer = infer_space_to_depth,
       .reference = reference_space_to_depth,
       .moved_inputs = 1}};
}

}  // namespace nacre::operators
