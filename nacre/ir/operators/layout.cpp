// The same elements under another shape, order or type: Reshape, Transpose, Squeeze, Cast and their kin.
#include <algorithm>

#include "nacre/ir/dim_expression.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

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
    if (match != above.end() && !match->is_unknown()) *match = Dim(1);
    else below.push_back(result[axis]);
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
      if (x.has_value() && axis >= x->rank()) context.fail("0 at axis " + std::to_string(axis) + " copies a dimension the input lacks");
      result.push_back(x.has_value() ? (*x)[axis] : Dim());
    } else if (number.has_value() && *number < 0) {
      if (*number != -1 || free_axis >= 0) context.fail("the target shape holds " + std::to_string(*number) + "; -1 is allowed, once");
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
      context.fail("input " + context.graph().shape_text(*x) + " has another number of elements than " + context.graph().shape_text(result));
    }
  }
  context.set_output(0, type, result);
}

void infer_flatten(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 0);
  if (x == nullptr) return context.set_output(0, context.input_type(0), Shape{Dim(), Dim()});
  const int64_t axis = context.attributes().integer("axis", 1);
  if (axis < -x->rank() || axis > x->rank()) context.fail("axis " + std::to_string(axis) + " of a tensor of " + std::to_string(x->rank()) + " dimensions");
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
      context.fail("attribute 'perm' has " + std::to_string(order.size()) + " entries, expected " + std::to_string(x->rank()));
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
  if (to <= 0 || to > 255 || element_type_name(type) == "undefined") context.fail("attribute 'to' names no element type: " + std::to_string(to));
  context.set_output(0, type, context.input_shape(0));
}

void infer_cast_like(InferenceContext& context) { context.set_output(0, context.input_type(1), context.input_shape(0)); }

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
    context.fail(std::string(what) + " " + std::to_string(dim.extent()) + " does not divide by " + std::to_string(divisor));
  }
  return divide_dims(context.graph(), dim, Dim(divisor));
}

void infer_depth_to_space(InferenceContext& context) {
  const int64_t block = read_block(context);
  const Shape* x = context.ranked_input(0, 4, 4);
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  const std::string_view mode = context.attributes().text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") context.fail("attribute 'mode' is '" + std::string(mode) + "', expected DCR or CRD");
  Graph& graph = context.graph();
  const Shape result = {(*x)[0], divided(context, (*x)[1], block * block, "channel count"), multiply_dims(graph, (*x)[2], Dim(block)),
                        multiply_dims(graph, (*x)[3], Dim(block))};
  context.set_output(0, context.input_type(0), result);
}

void infer_space_to_depth(InferenceContext& context) {
  const int64_t block = read_block(context);
  const Shape* x = context.ranked_input(0, 4, 4);
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  const Shape result = {(*x)[0], multiply_dims(context.graph(), (*x)[1], Dim(block * block)), divided(context, (*x)[2], block, "height"),
                        divided(context, (*x)[3], block, "width")};
  context.set_output(0, context.input_type(0), result);
}

}  // namespace

std::vector<OperatorSchema> layout_operators() {
  return {{.name = "Reshape",
           .summary = "the same elements under another shape; -1 is what remains, 0 copies a dimension",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .attributes = {{"allowzero", "int", "1: a 0 in the target is an extent of 0; 0"}},
           .infer = infer_reshape,
           .moved_inputs = 1},
          {.name = "Flatten",
           .summary = "a matrix: axes before `axis` by axes from it",
           .attributes = {{"axis", "int", "first axis of the columns; 1"}},
           .infer = infer_flatten,
           .moved_inputs = 1},
          {.name = "Transpose",
           .summary = "axes in another order; reversed when none is given",
           .attributes = {{"perm", "ints", "input axis of each result axis"}},
           .infer = infer_transpose,
           .moved_inputs = 1},
          {.name = "Squeeze", .summary = "drops axes of extent 1", .maximum_inputs = 2, .infer = infer_squeeze, .moved_inputs = 1},
          {.name = "Unsqueeze", .summary = "adds axes of extent 1", .minimum_inputs = 2, .maximum_inputs = 2, .infer = infer_unsqueeze, .moved_inputs = 1},
          {.name = "Identity", .summary = "the input", .infer = infer_same_as_input, .moved_inputs = 1},
          {.name = "Dropout",
           .summary = "the input, outside training; optionally a mask",
           .maximum_inputs = 3,
           .maximum_outputs = 2,
           .attributes = {{"seed", "int", "of the mask in training"}},
           .infer = infer_dropout},
          {.name = "Cast",
           .summary = "another element type",
           .attributes = {{"saturate", "int", "1 clamps in conversions to 8-bit floats; 1"}, {"to", "int", "ONNX number of the type", true}},
           .infer = infer_cast},
          {.name = "CastLike",
           .summary = "the element type of another tensor",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .attributes = {{"saturate", "int", "1 clamps in conversions to 8-bit floats; 1"}},
           .infer = infer_cast_like},
          {.name = "DepthToSpace",
           .summary = "blocks of channels become blocks of pixels",
           .attributes = {{"blocksize", "int", "edge of a block", true}, {"mode", "string", "DCR or CRD: which part of the channels is the block; DCR"}},
           .infer = infer_depth_to_space,
           .moved_inputs = 1},
          {.name = "SpaceToDepth",
           .summary = "blocks of pixels become channels",
           .attributes = {{"blocksize", "int", "edge of a block", true}},
           .infer = infer_space_to_depth,
           .moved_inputs = 1}};
}

}  // namespace nacre::operators
