#include "nacre/ir/schema.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "nacre/ir/operators/families.hpp"

namespace nacre {
namespace {

// Names by open addressing on their ends and length: every node that is built asks, so that this must cost nothing.
class NameTable {
 public:
  void insert(const OperatorSchema& schema) {
    if (2 * (count_ + 1) > slots_.size()) grow();
    const OperatorSchema*& slot = slots_[find_slot(schema.name)];
    NACRE_CHECK(slot == nullptr, "operator registered twice: " + schema.name);
    slot = &schema;
    ++count_;
  }

  const OperatorSchema* find(std::string_view name) const {
    return slots_.empty() || name.empty() ? nullptr : slots_[find_slot(name)];
  }

 private:
  // The slot of that name, or the empty one where it would go.
  size_t find_slot(std::string_view name) const {
    const size_t mask = slots_.size() - 1;
    const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(name[i])); };
    size_t slot = (byte(0) * 131 + byte(name.size() / 2) * 31 + byte(name.size() - 1) * 7 + name.size() * 257) & mask;
    while (slots_[slot] != nullptr && slots_[slot]->name != name) slot = (slot + 1) & mask;
    return slot;
  }

  void grow() {
    const std::vector<const OperatorSchema*> old = std::move(slots_);
    slots_.assign(std::max<size_t>(64, 4 * old.size()), nullptr);
    for (const OperatorSchema* schema : old) {
      if (schema != nullptr) slots_[find_slot(schema->name)] = schema;
    }
  }

  std::vector<const OperatorSchema*> slots_;  // a power of two
  size_t count_ = 0;
};

struct OperatorTable {
  std::vector<OperatorSchema> schemas = operators::registered_operators();
  std::vector<const OperatorSchema*> ordered;
  NameTable by_name;        // domain ""
  NameTable by_name_nacre;  // domain "nacre"

  OperatorTable() {
    for (const OperatorSchema& schema : schemas) {
      NACRE_CHECK(schema.infer != nullptr, schema.name);
      (schema.domain.empty() ? by_name : by_name_nacre).insert(schema);
      ordered.push_back(&schema);
    }
  }
};

const OperatorTable& operator_table() {
  static const OperatorTable table;
  return table;
}

std::string count_text(int minimum, int maximum) {
  if (maximum == std::numeric_limits<int>::max()) return "at least " + std::to_string(minimum);
  return minimum == maximum ? std::to_string(minimum) : std::to_string(minimum) + " to " + std::to_string(maximum);
}

void check_arity(const InferenceContext& context, const OperatorSchema& schema) {
  const int inputs = context.input_count();
  if (inputs < schema.minimum_inputs || inputs > schema.maximum_inputs) {
    context.fail("takes " + count_text(schema.minimum_inputs, schema.maximum_inputs) + " inputs, found " +
                 std::to_string(inputs));
  }
  const int outputs = context.output_count();
  if (outputs < schema.minimum_outputs || outputs > schema.maximum_outputs) {
    context.fail("has " + count_text(schema.minimum_outputs, schema.maximum_outputs) + " outputs, found " +
                 std::to_string(outputs));
  }
  for (int i = 0; i < schema.minimum_inputs; ++i) {
    if (!context.has_input(i)) context.fail("input " + std::to_string(i) + " is missing");
  }
}

}  // namespace

const OperatorSchema* find_operator(std::string_view op, std::string_view domain) {
  const OperatorTable& table = operator_table();
  if (!domain.empty() && domain != "ai.onnx" && domain != "nacre") return nullptr;
  return (domain == "nacre" ? table.by_name_nacre : table.by_name).find(op);
}

std::span<const OperatorSchema* const> all_operators() { return operator_table().ordered; }

// --- inference ----------------------------------------------------------------------------------------------------

const Shape* InferenceContext::ranked_input(int index, int minimum, int maximum) const {
  const std::optional<Shape>& shape = input_shape(index);
  if (!shape.has_value()) return nullptr;
  if (shape->rank() < minimum || shape->rank() > maximum) {
    const std::string expected =
        maximum == kMaximumRank ? "at least " + std::to_string(minimum) : count_text(minimum, maximum);
    fail("input " + std::to_string(index) + " has " + std::to_string(shape->rank()) + " dimensions " +
         graph_.shape_text(*shape) + ", expected " + expected);
  }
  return &*shape;
}

std::optional<KnownTensor> InferenceContext::known_input(int index) const {
  if (!has_input(index)) return std::nullopt;
  return known_tensor(graph_, node().inputs[static_cast<size_t>(index)]);
}

std::optional<std::vector<int64_t>> InferenceContext::known_integers(int index) const {
  if (!has_input(index)) return std::nullopt;
  if (const Tensor* tensor = input_constant(index)) return tensor->integers();
  const std::optional<KnownTensor> known = known_input(index);
  if (!known.has_value() || !known->tensor.has_value()) return std::nullopt;
  return known->tensor->integers();
}

void InferenceContext::set_output(int index, ElementType type, const std::optional<Shape>& shape) {
  if (index >= output_count()) return;
  const ValueId id = node().outputs[static_cast<size_t>(index)];
  if (id == kNone) return;
  Value& value = graph_.value(id);
  if (type != ElementType::undefined) value.type = type;  // behind an opaque operator: what a model declares stands
  if (!shape.has_value()) return;
  if (!value.shape.has_value() || value.shape->rank() != shape->rank()) {
    value.shape = shape;
    return;
  }
  for (int axis = 0; axis < shape->rank(); ++axis) {
    if (!(*shape)[axis].is_unknown()) (*value.shape)[axis] = (*shape)[axis];
  }
}

void InferenceContext::fail(const std::string& message) const {
  throw UserError(node_text(graph_, node_) + ": " + message);
}

void infer_node(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.schema == nullptr) return;
  InferenceContext context(graph, id);
  check_arity(context, *node.schema);
  try {
    node.schema->infer(context);
  } catch (const UserError& error) {
    const std::string_view message = error.what();
    if (message.find("node '") != std::string_view::npos) throw;
    context.fail(std::string(message));
  }
}

void infer_shapes(Graph& graph) {
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    if (!graph.nodes()[i].dead) infer_node(graph, static_cast<NodeId>(i));
  }
}

}  // namespace nacre
