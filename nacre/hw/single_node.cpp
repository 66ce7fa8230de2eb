#include "nacre/hw/single_node.hpp"

#include <map>

namespace nacre {
namespace {

bool is_fixed(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  return value.shape.has_value() && value.shape->is_fixed();
}

}  // namespace

std::optional<Graph> single_node_graph(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.is_opaque() || !node.bodies.empty()) return std::nullopt;
  for (const std::vector<ValueId>* ids : {&node.inputs, &node.outputs}) {
    for (const ValueId value : *ids) {
      if (value != kNone && !is_fixed(graph, value)) return std::nullopt;
    }
  }
  Graph alone;
  std::map<ValueId, ValueId> taken;  // the same value read twice is one input
  std::vector<ValueId> inputs;
  for (const ValueId input : node.inputs) {
    if (input == kNone) {
      inputs.push_back(kNone);
      continue;
    }
    auto [place, fresh] = taken.emplace(input, kNone);
    if (fresh) {
      const Value& value = graph.value(input);
      const std::string name = "v" + std::to_string(taken.size());
      const Initializer* initializer = graph.initializer_of(input);
      if (initializer == nullptr) {
        place->second = alone.add_input(name, value.type, *value.shape);
      } else if (initializer->data != nullptr) {
        place->second = alone.add_initializer(name, *initializer->data, initializer->trainable);
      } else {
        place->second =
            alone.add_parameter(name, value.type, *value.shape, initializer->distribution, initializer->trainable);
      }
    }
    inputs.push_back(place->second);
  }
  const NodeId copy =
      alone.add_node(node.op, inputs, static_cast<int>(node.outputs.size()), node.attributes, node.domain);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNone) continue;
    const ValueId output = alone.node(copy).outputs[i];
    alone.value(output).type = graph.value(node.outputs[i]).type;
    alone.value(output).shape = graph.value(node.outputs[i]).shape;
    alone.add_output(output, "y" + std::to_string(i));
  }
  return alone;
}

}  // namespace nacre
