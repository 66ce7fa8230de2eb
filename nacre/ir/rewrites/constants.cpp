// Replaces what can be computed now by constants: operators on constants run through the reference executor, and integers
// that follow from fixed shapes (Shape -> Gather -> Concat) are written out. Weights are no constants: training changes them.
#include <algorithm>
#include <array>
#include <string_view>

#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/rewrites/rewrites.hpp"
#include "nacre/ir/schema.hpp"

namespace nacre::rewrites {
namespace {

// A result larger than this stays a computation, unless it is no larger than what it is computed from.
constexpr int64_t kMaximumFoldedBytes = 1 << 20;

constexpr std::array<std::string_view, 7> kRandom = {
    "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial", "Dropout"};

bool is_output(const Graph& graph, ValueId id) { return std::ranges::find(graph.outputs, id) != graph.outputs.end(); }

std::optional<int64_t> result_bytes(const Graph& graph, const Node& node) {
  int64_t bytes = 0;
  for (const ValueId id : node.outputs) {
    if (id == kNone) continue;
    const Value& value = graph.value(id);
    const std::optional<int64_t> elements = value.shape.has_value() ? value.shape->elements() : std::nullopt;
    if (!elements.has_value() || *elements > (int64_t{1} << 40)) return std::nullopt;
    bytes += packed_bytes(value.type, *elements);
  }
  return bytes;
}

// The node's results, when all it reads is known and the results are worth storing.
std::vector<Tensor> computed(const Graph& graph, const Node& node) {
  if (node.schema == nullptr || node.schema->reference == nullptr || !node.bodies.empty() || node.inputs.empty())
    return {};
  if (std::ranges::find(kRandom, std::string_view(node.op)) != kRandom.end()) return {};
  std::vector<const Tensor*> inputs;
  int64_t input_bytes = 0;
  for (const ValueId id : node.inputs) {
    inputs.push_back(id == kNone ? nullptr : fixed_constant(graph, id));
    if (id != kNone && inputs.back() == nullptr) return {};
    if (id != kNone) input_bytes += inputs.back()->bytes();
  }
  const std::optional<int64_t> bytes = result_bytes(graph, node);
  if (!bytes.has_value() || *bytes > std::max(input_bytes, kMaximumFoldedBytes)) return {};
  return run_reference_node(node, inputs);
}

// An integer result that follows from shapes.
std::vector<Tensor> follows_from_shapes(const Graph& graph, const Node& node) {
  if (node.outputs.size() != 1 || node.outputs[0] == kNone || !node.bodies.empty()) return {};
  if (graph.value(node.outputs[0]).type != ElementType::int64) return {};
  std::optional<KnownTensor> known = known_tensor(graph, node.outputs[0]);
  if (!known.has_value() || !known->tensor.has_value()) return {};
  return {std::move(*known->tensor)};
}

}  // namespace

int fold_constants(Graph& graph) {
  int count = 0;
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    if (graph.nodes()[i].dead ||
        std::ranges::any_of(graph.nodes()[i].outputs, [&](ValueId id) { return is_output(graph, id); }))
      continue;
    std::vector<Tensor> results = computed(graph, graph.nodes()[i]);
    if (results.empty()) results = follows_from_shapes(graph, graph.nodes()[i]);
    const std::vector<ValueId> outputs = graph.nodes()[i].outputs;
    if (results.size() < outputs.size() || outputs.empty()) continue;
    for (size_t k = 0; k < outputs.size(); ++k) {
      if (outputs[k] == kNone) continue;
      const std::string format = graph.value(outputs[k]).format;
      std::string name = std::exchange(graph.value(outputs[k]).name, "");
      if (name.empty()) name = unused_name(graph, value_text(graph, outputs[k]));
      const ValueId constant = graph.add_initializer(std::move(name), std::move(results[k]));
      graph.value(constant).format = format;
      graph.replace_uses(outputs[k], constant);
    }
    graph.nodes()[i].dead = true;
    ++count;
  }
  return count + rewrite_bodies(graph, fold_constants);
}

}  // namespace nacre::rewrites
