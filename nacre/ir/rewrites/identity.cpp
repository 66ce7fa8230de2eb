// Removes operators that hand their input through, and merges pairs that are one operator.
//
//   Identity, Dropout outside training, Cast to the same type, Transpose that moves nothing, Reshape and its kin to the same
//   shape, Concat and Sum of one, Pad by nothing, Slice of everything, Clip without limits, pooling of single elements, adding
//   0, multiplying by 1;  Transpose(Transpose(x)) -> Transpose(x);  Reshape(Reshape(x)) -> Reshape(x)
#include <algorithm>
#include <array>
#include <string_view>

#include "nacre/ir/rewrites/rewrites.hpp"

namespace nacre::rewrites {
namespace {

bool has_input(const Node& node, size_t index) { return index < node.inputs.size() && node.inputs[index] != kNone; }

template <size_t N>
bool is_one_of(const Node& node, const std::array<std::string_view, N>& ops) {
  return std::ranges::find(ops, std::string_view(node.op)) != ops.end();
}

constexpr std::array<std::string_view, 5> kReshapes = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand"};
constexpr std::array<std::string_view, 5> kSums = {"Concat", "Sum", "Max", "Min", "Mean"};
constexpr std::array<std::string_view, 3> kPools = {"MaxPool", "AveragePool", "LpPool"};

bool all_equal(std::span<const int64_t> list, int64_t number) {
  return std::ranges::all_of(list, [&](int64_t item) { return item == number; });
}

// Every element of a fixed constant is `number`.
bool is_filled_with(const Graph& graph, ValueId id, double number) {
  const Tensor* constant = fixed_constant(graph, id);
  if (constant == nullptr || constant->elements() > 4096 || constant->type() == ElementType::string) return false;
  const std::vector<double> numbers = constant->numbers();
  return std::ranges::all_of(numbers, [&](double item) { return item == number; });
}

bool is_dropout_outside_training(const Graph& graph, const Node& node) {
  if (!has_input(node, 2)) return true;
  return is_filled_with(graph, node.inputs[2], 0);
}

bool takes_everything(const Graph& graph, const Node& node) {
  return same_known_shape(graph, node.inputs[0], node.outputs[0]) &&
         (!has_input(node, 4) || is_filled_with(graph, node.inputs[4], 1));
}

bool moves_nothing(const Node& node) {
  const auto permutation = node.attributes.integers("perm");
  for (size_t i = 0; i < permutation.size(); ++i) {
    if (permutation[i] != static_cast<int64_t>(i)) return false;
  }
  return !permutation.empty();
}

bool pools_single_elements(const Node& node) {
  const auto kernel = node.attributes.integers("kernel_shape");
  return node.op != "LpPool" && !kernel.empty() && all_equal(kernel, 1) &&
         all_equal(node.attributes.integers("strides"), 1) && all_equal(node.attributes.integers("pads"), 0) &&
         node.outputs.size() == 1;
}

// The operand that `x op neutral` equals; broadcasting may not have changed its shape.
ValueId neutral_operand(const Graph& graph, const Node& node) {
  const double neutral = node.op == "Mul" || node.op == "Div" ? 1 : 0;
  if (!has_input(node, 0) || !has_input(node, 1)) return kNone;
  const bool commutes = node.op == "Add" || node.op == "Mul";
  if (is_filled_with(graph, node.inputs[1], neutral) && same_known_shape(graph, node.inputs[0], node.outputs[0]))
    return node.inputs[0];
  if (commutes && is_filled_with(graph, node.inputs[0], neutral) &&
      same_known_shape(graph, node.inputs[1], node.outputs[0]))
    return node.inputs[1];
  return kNone;
}

// The value that the node's first result equals, or kNone.
ValueId source_of(const Graph& graph, const Node& node) {
  if (!node.domain.empty() || !has_input(node, 0) || node.outputs.empty()) return kNone;
  const ValueId input = node.inputs[0];
  const auto when = [&](bool condition) { return condition ? input : kNone; };
  if (node.op == "Identity") return input;
  if (node.op == "Dropout") return when(is_dropout_outside_training(graph, node));
  if (node.op == "Cast")
    return when(graph.value(input).type == static_cast<ElementType>(node.attributes.integer("to", 0)));
  if (node.op == "Transpose") return when(moves_nothing(node));
  if (is_one_of(node, kReshapes)) return when(same_known_shape(graph, input, node.outputs[0]));
  if (is_one_of(node, kSums)) return when(node.inputs.size() == 1);
  if (node.op == "Pad") return when(has_input(node, 1) && is_filled_with(graph, node.inputs[1], 0));
  if (node.op == "Slice") return when(takes_everything(graph, node));
  if (node.op == "Clip") return when(!has_input(node, 1) && !has_input(node, 2));
  if (is_one_of(node, kPools)) return when(pools_single_elements(node));
  if (node.op == "Add" || node.op == "Sub" || node.op == "Mul" || node.op == "Div") return neutral_operand(graph, node);
  return kNone;
}

const Node* producer_of(const Graph& graph, ValueId id) {
  const NodeId producer = graph.value(id).producer;
  return producer == kNone || graph.node(producer).dead ? nullptr : &graph.node(producer);
}

// Transpose(Transpose(x, inner), outer) = Transpose(x, inner[outer[i]])
bool merge_transposes(Graph& graph, Node& node) {
  const Node* inner = producer_of(graph, node.inputs[0]);
  if (inner == nullptr || inner->op != "Transpose" || !inner->domain.empty()) return false;
  const auto first = inner->attributes.integers("perm");
  const auto second = node.attributes.integers("perm");
  if (first.empty() || first.size() != second.size() || !graph.value(node.inputs[0]).format.empty()) return false;
  std::vector<int64_t> merged;
  for (const int64_t axis : second) {
    if (axis < 0 || axis >= static_cast<int64_t>(first.size())) return false;
    merged.push_back(first[static_cast<size_t>(axis)]);
  }
  const ValueId source = inner->inputs[0];
  node.inputs[0] = source;
  node.attributes.set("perm", std::move(merged));
  return true;
}

// A Reshape whose target copies nothing from its input may as well read what the shape before it read.
bool merge_reshapes(Graph& graph, Node& node) {
  const Node* inner = producer_of(graph, node.inputs[0]);
  if (inner == nullptr || !inner->domain.empty() || inner->op == "Expand" || !is_one_of(*inner, kReshapes) ||
      !has_input(*inner, 0))
    return false;
  const Tensor* target = has_input(node, 1) ? fixed_constant(graph, node.inputs[1]) : nullptr;
  if (target == nullptr || !graph.value(node.inputs[0]).format.empty()) return false;
  const std::vector<int64_t> extents = target->integers();
  if (std::ranges::find(extents, 0) != extents.end()) return false;
  const ValueId source = inner->inputs[0];
  node.inputs[0] = source;
  return true;
}

bool later_results_are_read(const Graph& graph, const Node& node, const std::vector<std::vector<NodeId>>& readers) {
  for (size_t i = 1; i < node.outputs.size(); ++i) {
    const ValueId id = node.outputs[i];
    if (id == kNone) continue;
    if (!readers[static_cast<size_t>(id)].empty() || std::ranges::find(graph.outputs, id) != graph.outputs.end())
      return true;
  }
  return false;
}

}  // namespace

int remove_identities(Graph& graph) {
  int count = 0;
  const auto readers = graph.consumers();
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    Node& node = graph.nodes()[i];
    if (node.dead) continue;
    const ValueId source = source_of(graph, node);
    if (source != kNone) {
      if (!later_results_are_read(graph, node, readers) && replace_result(graph, node.outputs[0], source)) ++count;
      continue;
    }
    if (!node.domain.empty() || !has_input(node, 0)) continue;
    if (node.op == "Transpose" && merge_transposes(graph, node)) ++count;
    if (node.op == "Reshape" && merge_reshapes(graph, node)) ++count;
  }
  return count + rewrite_bodies(graph, remove_identities);
}

}  // namespace nacre::rewrites
