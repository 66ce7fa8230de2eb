// Elements kept, placed or marked by where they are: NonZero, OneHot, Compress, Trilu, EyeLike, ReverseSequence.
#include <algorithm>
#include <optional>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

void infer_non_zero(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 0);
  context.set_output(0, ElementType::int64, x == nullptr ? Shape{Dim(), Dim()} : Shape{Dim(x->rank()), Dim()});
}

// The new axis stands at `axis` of the result, which has one dimension more than the indices.
void infer_one_hot(InferenceContext& context) {
  if (const Shape* values = context.ranked_input(2, 1, 1); values != nullptr && (*values)[0].is_fixed()) {
    if ((*values)[0].extent() != 2)
      context.fail("takes two values, off and on, found " + std::to_string((*values)[0].extent()));
  }
  const Shape* indices = context.ranked_input(0, 0, kMaximumRank - 1);
  if (indices == nullptr) return context.set_output(0, context.input_type(2), std::nullopt);
  const int axis = resolve_axis(context.attributes().integer("axis", -1), indices->rank() + 1);
  Dim depth;
  const std::optional<std::vector<int64_t>> known = context.known_integers(1);
  if (known.has_value()) {
    if (known->size() != 1 || (*known)[0] < 0) context.fail("the depth must be one number of at least 0");
    depth = Dim((*known)[0]);
  }
  Shape result;
  for (int i = 0; i <= indices->rank(); ++i) result.push_back(i == axis ? depth : (*indices)[i < axis ? i : i - 1]);
  context.set_output(0, context.input_type(2), result);
}

void infer_compress(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 1);
  context.ranked_input(1, 1, 1);
  if (context.input_type(1) != ElementType::boolean && context.input_type(1) != ElementType::undefined)
    context.fail("the condition is " + std::string(element_type_name(context.input_type(1))) + ", expected bool");
  if (!context.attributes().has("axis")) return context.set_output(0, context.input_type(0), Shape{Dim()});
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  Shape result = *x;
  result[resolve_axis(context.attributes().integer("axis", 0), x->rank())] = Dim();
  context.set_output(0, context.input_type(0), result);
}

void infer_trilu(InferenceContext& context) {
  context.ranked_input(0, 2);
  if (context.has_input(1)) context.ranked_input(1, 0, 1);
  infer_same_as_input(context);
}

void infer_eye_like(InferenceContext& context) {
  context.ranked_input(0, 2, 2);
  const auto type = static_cast<ElementType>(context.attributes().integer("dtype", 0));
  context.set_output(0, type == ElementType::undefined ? context.input_type(0) : type, context.input_shape(0));
}

void infer_reverse_sequence(InferenceContext& context) {
  const int64_t batch = context.attributes().integer("batch_axis", 1),
                time = context.attributes().integer("time_axis", 0);
  if (batch == time || batch < 0 || batch > 1 || time < 0 || time > 1)
    context.fail("batch_axis and time_axis must be 0 and 1, in either order");
  const Shape* x = context.ranked_input(0, 2);
  const Shape* lengths = context.ranked_input(1, 1, 1);
  if (x != nullptr && lengths != nullptr)
    same_dim(context, (*x)[static_cast<int>(batch)], (*lengths)[0], "sequence lengths and samples");
  infer_same_as_input(context);
}

// --- reference ----------------------------------------------------------------------------------------------------

std::vector<Tensor> reference_non_zero(const Node&, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  std::vector<Extents> found;
  Extents index(x.extents().size(), 0);
  const std::vector<double> numbers = load<double>(x);
  for (const double number : numbers) {
    if (number != 0) found.push_back(index);
    next_position(index, x.extents());
  }
  const Extents extents = {x.rank(), static_cast<int64_t>(found.size())};
  Tensor result(ElementType::int64, extents);
  const std::span<int64_t> all = result.mutable_values<int64_t>();
  for (size_t i = 0; i < found.size(); ++i) {
    for (size_t axis = 0; axis < index.size(); ++axis) all[axis * found.size() + i] = found[i][axis];
  }
  return {std::move(result)};
}

// Indices outside [-depth, depth) mark nothing.
std::vector<Tensor> reference_one_hot(const Node& node, Inputs inputs) {
  const Tensor& indices = input_at(inputs, 0);
  const Tensor& values = input_at(inputs, 2);
  const int64_t depth = single_integer(input_at(inputs, 1));
  if (depth < 0 || values.elements() != 2) throw UserError("a depth of at least 0 and two values are needed");
  const int axis = resolve_axis(node.attributes.integer("axis", -1), indices.rank() + 1);
  Extents extents = indices.extents();
  extents.insert(extents.begin() + axis, depth);
  const AxisView view = view_axis(extents, axis);
  const std::vector<int64_t> all = indices.integers();
  std::vector<int64_t> picks(static_cast<size_t>(count_of(extents)), 0);
  for (int64_t o = 0; o < view.outer; ++o) {
    for (int64_t i = 0; i < view.inner; ++i) {
      int64_t index = all[static_cast<size_t>(o * view.inner + i)];
      if (index < 0) index += depth;
      if (index >= 0 && index < depth) picks[static_cast<size_t>(view.at(o, index, i))] = 1;
    }
  }
  return {pick_elements(values, extents, picks)};
}

std::vector<Tensor> reference_compress(const Node& node, Inputs inputs) {
  const bool flat = !node.attributes.has("axis");
  const Tensor& given = input_at(inputs, 0);
  const Extents one = {given.elements()};
  const Tensor x = flat ? given.reshaped(one) : given;
  const int axis = flat ? 0 : resolve_axis(node.attributes.integer("axis", 0), x.rank());
  const AxisView view = view_axis(x.extents(), axis);
  const std::vector<Wide> condition = load<Wide>(input_at(inputs, 1));
  std::vector<int64_t> kept;
  for (size_t i = 0; i < condition.size(); ++i) {
    if (condition[i] != 0) kept.push_back(static_cast<int64_t>(i));
  }
  if (static_cast<int64_t>(condition.size()) > view.extent || (!kept.empty() && kept.back() >= view.extent))
    throw UserError("a condition of " + std::to_string(condition.size()) + " entries along an axis of " +
                    std::to_string(view.extent));
  Extents extents = x.extents();
  extents[static_cast<size_t>(axis)] = static_cast<int64_t>(kept.size());
  std::vector<int64_t> picks;
  for (int64_t o = 0; o < view.outer; ++o) {
    for (const int64_t e : kept) {
      for (int64_t i = 0; i < view.inner; ++i) picks.push_back(view.at(o, e, i));
    }
  }
  return {pick_elements(x, extents, picks)};
}

std::vector<Tensor> reference_trilu(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  if (x.rank() < 2) throw UserError("a tensor of fewer than two dimensions");
  const bool upper = node.attributes.integer("upper", 1) != 0;
  const Tensor* given = optional_input(inputs, 1);
  const int64_t k = given == nullptr ? 0 : single_integer(*given);
  const int64_t columns = x.extents().back(), rows = x.extents()[x.extents().size() - 2];
  Tensor zero(x.type(), std::span<const int64_t>{});
  std::vector<Pick> picks;
  for (int64_t i = 0; i < x.elements(); ++i) {
    const int64_t column = i % columns, row = i / columns % rows;
    // Compared so that a k of any size overflows nothing.
    const bool kept = upper ? k <= column - row : k >= column - row;
    picks.push_back(kept ? Pick{.source = 0, .index = i} : Pick{.source = 1, .index = 0});
  }
  const Tensor* sources[] = {&x, &zero};
  return {pick_elements(sources, x.extents(), picks)};
}

std::vector<Tensor> reference_eye_like(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const int64_t k = node.attributes.integer("k", 0);
  const auto declared = static_cast<ElementType>(node.attributes.integer("dtype", 0));
  const Tensor result(declared == ElementType::undefined ? x.type() : declared, x.extents());
  std::vector<Wide> numbers(static_cast<size_t>(x.elements()), 0);
  const int64_t columns = x.extents().at(1);
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto flat = static_cast<int64_t>(i);
    numbers[i] = flat % columns - flat / columns == k ? 1 : 0;
  }
  return {store<Wide>(result.type(), x.extents(), numbers)};
}

std::vector<Tensor> reference_reverse_sequence(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const auto batch_axis = static_cast<size_t>(node.attributes.integer("batch_axis", 1));
  const auto time_axis = static_cast<size_t>(node.attributes.integer("time_axis", 0));
  const std::vector<int64_t> lengths = input_at(inputs, 1).integers();
  const Extents strides = strides_of(x.extents());
  Extents index(x.extents().size(), 0);
  std::vector<int64_t> picks;
  for (int64_t i = 0; i < x.elements(); ++i, next_position(index, x.extents())) {
    const int64_t length = lengths.at(static_cast<size_t>(index[batch_axis]));
    if (length < 0 || length > x.extents()[time_axis])
      throw UserError("a sequence length of " + std::to_string(length) + ", expected 0 to " +
                      std::to_string(x.extents()[time_axis]));
    const int64_t t = index[time_axis];
    picks.push_back(t < length ? i + (length - 1 - 2 * t) * strides[time_axis] : i);
  }
  return {pick_elements(x, x.extents(), picks)};
}

}  // namespace

std::vector<OperatorSchema> selection_operators() {
  return {{.name = "NonZero",
           .summary = "positions of the elements that are not zero, one column each",
           .infer = infer_non_zero,
           .cost = cost_per_input<1>,
           .reference = reference_non_zero},
          {.name = "OneHot",
           .summary = "the second value where the index points along a new axis, the first elsewhere",
           .minimum_inputs = 3,
           .maximum_inputs = 3,
           .attributes = {{"axis", "int", "where the new axis stands; -1"}},
           .infer = infer_one_hot,
           .reference = reference_one_hot,
           .moved_inputs = 0b100},
          {.name = "Compress",
           .summary = "slices along an axis, or elements, where a condition holds",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .attributes = {{"axis", "int", "of the slices; without it elements of the flattened tensor"}},
           .infer = infer_compress,
           .reference = reference_compress,
           .moved_inputs = 0b1},
          {.name = "Trilu",
           .summary = "upper or lower triangle of matrices, zero elsewhere",
           .maximum_inputs = 2,
           .attributes = {{"upper", "int", "0 keeps the lower triangle; 1"}},
           .infer = infer_trilu,
           .reference = reference_trilu},
          {.name = "EyeLike",
           .summary = "ones on a diagonal of a matrix of that shape",
           .attributes = {{"dtype", "int", "element type; that of the input"},
                          {"k", "int", "above (positive) or below the main diagonal; 0"}},
           .infer = infer_eye_like,
           .reference = reference_eye_like},
          {.name = "ReverseSequence",
           .summary = "the first steps of each sample in reverse order",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .attributes = {{"batch_axis", "int", "1"}, {"time_axis", "int", "0"}},
           .infer = infer_reverse_sequence,
           .reference = reference_reverse_sequence,
           .moved_inputs = 0b1}};
}

}  // namespace nacre::operators
