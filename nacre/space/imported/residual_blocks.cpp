#include "nacre/space/imported/residual_blocks.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace nacre {
namespace {

class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph), readers_(graph.consumers()) {}

  std::vector<RemovableBlock> run() const {
    std::vector<RemovableBlock> blocks;
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      const Node& node = graph_.nodes()[i];
      if (node.dead || !node.domain.empty() || node.op != "Add" || node.inputs.size() != 2) continue;
      std::optional<RemovableBlock> block = block_of(static_cast<NodeId>(i), node.inputs[0], node.inputs[1]);
      if (!block.has_value()) block = block_of(static_cast<NodeId>(i), node.inputs[1], node.inputs[0]);
      if (block.has_value()) blocks.push_back(std::move(*block));
    }
    return blocks;
  }

 private:
  bool is_parameter(ValueId id) const { return graph_.initializer_of(id) != nullptr; }

  std::optional<RemovableBlock> block_of(NodeId sum, ValueId source, ValueId other) const {
    if (source == other || is_parameter(source) || is_parameter(other)) return std::nullopt;
    const ValueId result = graph_.node(sum).outputs[0];
    const std::optional<Shape>& shape = graph_.value(result).shape;
    if (!shape.has_value() || graph_.value(source).shape != shape || graph_.value(other).shape != shape)
      return std::nullopt;
    std::set<NodeId> nodes;
    if (!collect(other, source, nodes) || nodes.empty()) return std::nullopt;
    for (const NodeId id : nodes) {
      if (!is_private(id, sum, nodes)) return std::nullopt;
    }
    RemovableBlock block{.name = name_of(sum), .source = source, .sum = sum, .nodes = {nodes.begin(), nodes.end()}};
    return block;
  }

  // All nodes between `source` and `value`; false when something else feeds them.
  bool collect(ValueId value, ValueId source, std::set<NodeId>& nodes) const {
    std::vector<ValueId> waiting = {value};
    bool reached = false;
    while (!waiting.empty()) {
      const ValueId id = waiting.back();
      waiting.pop_back();
      if (id == kNone || is_parameter(id)) continue;
      if (id == source) {
        reached = true;
        continue;
      }
      const NodeId producer = graph_.value(id).producer;
      if (producer == kNone || !graph_.node(producer).bodies.empty()) return false;
      // What was made before the source cannot follow from it.
      if (producer < graph_.value(source).producer) return false;
      if (!nodes.insert(producer).second) continue;
      const Node& node = graph_.node(producer);
      waiting.insert(waiting.end(), node.inputs.begin(), node.inputs.end());
    }
    return reached;
  }

  bool is_private(NodeId id, NodeId sum, const std::set<NodeId>& nodes) const {
    const auto belongs = [&](NodeId reader) { return reader == sum || nodes.contains(reader); };
    for (const ValueId output : graph_.node(id).outputs) {
      if (output == kNone) continue;
      if (std::ranges::find(graph_.outputs, output) != graph_.outputs.end()) return false;
      if (!std::ranges::all_of(readers_[static_cast<size_t>(output)], belongs)) return false;
    }
    for (const ValueId input : graph_.node(id).inputs) {
      if (input == kNone || !is_parameter(input)) continue;
      if (!std::ranges::all_of(readers_[static_cast<size_t>(input)], belongs)) return false;
    }
    return true;
  }

  std::string name_of(NodeId sum) const {
    const Node& node = graph_.node(sum);
    const std::string& scope = graph_.scope(node.scope);
    if (!scope.empty()) return scope;
    return node.name.empty() ? "add" + std::to_string(sum) : node.name;
  }

  const Graph& graph_;
  std::vector<std::vector<NodeId>> readers_;
};

}  // namespace

std::vector<RemovableBlock> residual_blocks(const Graph& graph) { return Finder(graph).run(); }

}  // namespace nacre
