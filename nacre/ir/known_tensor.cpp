// Partial evaluation for shape inference: what small tensors hold before anything runs. A value is followed backwards to
// constants, Shape and Size. Where all inputs are known the reference kernel computes the result; operators that only
// move elements (OperatorSchema::moved_inputs) are run on element numbers instead of elements, so that symbols pass
// through any of them; sums, products and quotients of symbols become expressions.
#include <algorithm>
#include <map>

#include "nacre/ir/dim_expression.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/schema.hpp"

namespace nacre {
namespace {

constexpr int64_t kMaximumElements = 1024;  // shapes and axes are far smaller; weights are far larger
constexpr int kMaximumDepth = 64;

class Evaluator {
 public:
  explicit Evaluator(const Graph& graph) : graph_(graph) {}

  std::optional<KnownTensor> evaluate(ValueId id, int depth) {
    if (id == kNone || depth > kMaximumDepth) return std::nullopt;
    const auto cached = memo_.find(id);
    if (cached != memo_.end()) return cached->second;
    std::optional<KnownTensor> result = compute(id, depth);
    memo_.emplace(id, result);
    return result;
  }

 private:
  std::optional<KnownTensor> compute(ValueId id, int depth) {
    const Value& value = graph_.value(id);
    if (!value.shape.has_value()) return std::nullopt;
    const std::optional<int64_t> elements = value.shape->elements();
    if (!elements.has_value() || *elements > kMaximumElements) return std::nullopt;
    if (const Tensor* constant = graph_.constant(id)) return whole(*constant);
    if (value.producer == kNone) return unknown(*value.shape, *elements);
    const Node& node = graph_.node(value.producer);
    if (node.op == "Shape" && node.domain.empty()) return dims_of(node);
    if (node.op == "Size" && node.domain.empty()) return size_of(node);
    std::optional<KnownTensor> result;
    if (node.schema != nullptr && node.bodies.empty()) {
      result = by_kernel(node, value.output_index, depth);
      if (!result.has_value()) result = by_movement(node, value.output_index, depth);
      if (!result.has_value()) result = by_arithmetic(node, *value.shape, depth);
    }
    return result.has_value() ? result : unknown(*value.shape, *elements);
  }

  static KnownTensor whole(Tensor tensor) {
    KnownTensor result{.extents = tensor.extents(), .tensor = {}, .expressions = {}};
    result.tensor = std::move(tensor);
    return result;
  }

  static KnownTensor unknown(const Shape& shape, int64_t elements) {
    return {.extents = shape.extents(),
            .tensor = {},
            .expressions = std::vector<std::string>(static_cast<size_t>(elements))};
  }

  // A tensor of numbers where all elements are numbers.
  static KnownTensor settled(KnownTensor known) {
    std::vector<int64_t> numbers;
    for (const std::string& text : known.expressions) {
      const std::optional<int64_t> number = text.empty() ? std::nullopt : evaluate_dim_expression(text, {});
      if (!number.has_value()) return known;
      numbers.push_back(*number);
    }
    return whole(Tensor::of<int64_t>(known.extents, numbers));
  }

  std::string expression(const KnownTensor& known, int64_t element) const {
    if (!known.tensor.has_value()) return known.expressions[static_cast<size_t>(element)];
    if (is_floating(known.tensor->type()) || known.tensor->type() == ElementType::string) return "";
    return std::to_string(static_cast<int64_t>(known.tensor->number_at(element)));
  }

  std::string dim_expression(Dim dim) const { return dim.is_unknown() ? "" : graph_.dim_text(dim); }

  std::optional<KnownTensor> dims_of(const Node& node) const {
    const std::optional<Shape>& shape = graph_.value(node.inputs.at(0)).shape;
    if (!shape.has_value()) return std::nullopt;
    const int rank = shape->rank();
    const auto clamped = [&](int64_t axis) { return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank); };
    const int64_t begin = clamped(node.attributes.integer("start", 0));
    const int64_t end = clamped(node.attributes.integer("end", rank));
    KnownTensor result;
    for (int64_t axis = begin; axis < end; ++axis)
      result.expressions.push_back(dim_expression((*shape)[static_cast<int>(axis)]));
    result.extents = {static_cast<int64_t>(result.expressions.size())};
    return settled(std::move(result));
  }

  std::optional<KnownTensor> size_of(const Node& node) const {
    const std::optional<Shape>& shape = graph_.value(node.inputs.at(0)).shape;
    if (!shape.has_value()) return std::nullopt;
    std::string product = "1";
    for (const Dim dim : *shape) {
      const std::optional<std::string> next =
          dim.is_unknown() ? std::nullopt : combine_dim_expressions(product, '*', dim_expression(dim));
      if (!next.has_value()) return std::nullopt;
      product = *next;
    }
    return settled({.extents = {}, .tensor = {}, .expressions = {product}});
  }

  // Runs the kernel on `tensors`; nothing when it refuses.
  static std::optional<Tensor> run(const Node& node, const std::vector<std::optional<Tensor>>& tensors,
                                   int32_t output) {
    std::vector<const Tensor*> inputs;
    for (const std::optional<Tensor>& tensor : tensors) inputs.push_back(tensor.has_value() ? &*tensor : nullptr);
    try {
      std::vector<Tensor> results = node.schema->reference(node, inputs);
      if (static_cast<size_t>(output) >= results.size()) return std::nullopt;
      return std::move(results[static_cast<size_t>(output)]);
    } catch (const UserError&) {
      return std::nullopt;  // inference reports what is wrong with the node, with its place
    }
  }

  std::optional<KnownTensor> by_kernel(const Node& node, int32_t output, int depth) {
    if (node.schema->reference == nullptr) return std::nullopt;
    std::vector<std::optional<Tensor>> tensors;
    for (const ValueId input : node.inputs) {
      tensors.emplace_back();
      if (input == kNone) continue;
      std::optional<KnownTensor> known = evaluate(input, depth + 1);
      if (!known.has_value() || !known->tensor.has_value()) return std::nullopt;
      tensors.back() = std::move(known->tensor);
    }
    std::optional<Tensor> result = run(node, tensors, output);
    if (!result.has_value()) return std::nullopt;
    return whole(std::move(*result));
  }

  std::optional<KnownTensor> by_movement(const Node& node, int32_t output, int depth) {
    if (node.op == "Cast" && !is_floating(graph_.value(node.outputs[0]).type) &&
        !is_floating(graph_.value(node.inputs[0]).type)) {
      return evaluate(node.inputs[0], depth + 1);  // between integer types symbols stay
    }
    if (node.schema->moved_inputs == 0 || node.schema->reference == nullptr) return std::nullopt;
    std::vector<std::string> table = {""};  // expressions of all moved elements; 0, what Pad fills with, is unknown
    std::vector<std::optional<Tensor>> tensors;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      tensors.emplace_back();
      if (node.inputs[i] == kNone) continue;
      std::optional<KnownTensor> known = evaluate(node.inputs[i], depth + 1);
      if (!known.has_value()) return std::nullopt;
      if ((node.schema->moved_inputs >> std::min<size_t>(i, 31) & 1U) == 0) {
        if (!known->tensor.has_value()) return std::nullopt;
        tensors.back() = std::move(known->tensor);
        continue;
      }
      Tensor numbers(ElementType::int64, known->extents);
      const std::span<int64_t> codes = numbers.mutable_values<int64_t>();
      for (size_t e = 0; e < codes.size(); ++e) {
        codes[e] = static_cast<int64_t>(table.size());
        table.push_back(expression(*known, static_cast<int64_t>(e)));
      }
      tensors.back() = std::move(numbers);
    }
    const std::optional<Tensor> codes = run(node, tensors, output);
    if (!codes.has_value() || codes->type() != ElementType::int64) return std::nullopt;
    KnownTensor result{.extents = codes->extents(), .tensor = {}, .expressions = {}};
    for (const int64_t code : codes->values<int64_t>()) {
      if (code < 0 || static_cast<size_t>(code) >= table.size()) return std::nullopt;
      result.expressions.push_back(table[static_cast<size_t>(code)]);
    }
    return result;
  }

  std::optional<KnownTensor> by_arithmetic(const Node& node, const Shape& shape, int depth) {
    static const std::map<std::string, char, std::less<>> kOperations = {
        {"Add", '+'}, {"Sub", '-'}, {"Mul", '*'}, {"Div", '/'}};
    const auto operation = kOperations.find(node.op);
    if (operation == kOperations.end() || node.inputs.size() != 2 || is_floating(graph_.value(node.inputs[0]).type))
      return std::nullopt;
    const std::optional<KnownTensor> a = evaluate(node.inputs[0], depth + 1);
    const std::optional<KnownTensor> b = evaluate(node.inputs[1], depth + 1);
    // Shapes are vectors: one rank at most, and a lone element broadcasts.
    if (!a.has_value() || !b.has_value() || shape.rank() > 1) return std::nullopt;
    KnownTensor result{.extents = shape.extents(), .tensor = {}, .expressions = {}};
    const int64_t count = shape.elements().value_or(0);
    const auto element = [&](const KnownTensor& known, int64_t i) {
      const bool single = std::ranges::all_of(known.extents, [](int64_t extent) { return extent == 1; });
      return expression(known, single ? 0 : i);
    };
    for (int64_t i = 0; i < count; ++i) {
      const std::string x = element(*a, i);
      const std::string y = element(*b, i);
      const bool known = !x.empty() && !y.empty();
      // Division in ONNX rounds toward zero, in expressions down: alike for dimensions, which are not negative.
      const std::optional<std::string> text = known ? combine_dim_expressions(x, operation->second, y) : std::nullopt;
      result.expressions.push_back(text.value_or(""));
    }
    return settled(std::move(result));
  }

  const Graph& graph_;
  std::map<ValueId, std::optional<KnownTensor>> memo_;
};

}  // namespace

std::optional<KnownTensor> known_tensor(const Graph& graph, ValueId id) { return Evaluator(graph).evaluate(id, 0); }

}  // namespace nacre
