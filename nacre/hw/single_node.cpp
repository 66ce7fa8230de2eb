#include "nacre/hw/single_node.hpp"

#include <map>
#include <vector>

namespace nacre {
namespace {

bool is_fixed(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  return value.shape.has_value() && value.shape->is_fixed();
}

bool can_stand_alone(const Graph& graph, const Node& node) {
  if (node.is_opaque() || !node.bodies.empty()) return false;
  for (const std::vector<ValueId>* ids : {&node.inputs, &node.outputs}) {
    for (const ValueId value : *ids) {
      if (value != kNone && !is_fixed(graph, value)) return false;
    }
  }
  return true;
}

class Cut {
 public:
  Cut(const Graph& graph, std::span<const NodeId> ids) : graph_(graph), ids_(ids) {}

  Graph make() {
    for (const NodeId id : ids_) copy(id);
    const size_t count = graph_.values().size();
    std::vector<char> read_inside(count, 0), read_outside(count, 0), is_member(graph_.nodes().size(), 0);
    for (const NodeId id : ids_) is_member[static_cast<size_t>(id)] = 1;
    for (const ValueId output : graph_.outputs) read_outside[static_cast<size_t>(output)] = 1;
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      const Node& node = graph_.nodes()[i];
      if (node.dead) continue;
      std::vector<char>& read = is_member[i] ? read_inside : read_outside;
      for (const ValueId input : node.inputs) {
        if (input != kNone) read[static_cast<size_t>(input)] = 1;
      }
      for (const Body& body : node.bodies) {
        for (const ValueId captured : body.captures) read[static_cast<size_t>(captured)] = 1;
      }
    }
    int named = 0;
    for (const NodeId id : ids_) {
      for (const ValueId output : graph_.node(id).outputs) {
        if (output == kNone) continue;
        const auto i = static_cast<size_t>(output);
        if (!read_inside[i] || read_outside[i]) alone_.add_output(taken_.at(output), "y" + std::to_string(named++));
      }
    }
    return std::move(alone_);
  }

 private:
  ValueId take(ValueId outer) {
    if (outer == kNone) return kNone;
    auto [place, fresh] = taken_.emplace(outer, kNone);
    if (!fresh) return place->second;
    const Value& value = graph_.value(outer);
    const std::string name = "v" + std::to_string(++named_);
    const Initializer* initializer = graph_.initializer_of(outer);
    if (initializer == nullptr) {
      place->second = alone_.add_input(name, value.type, *value.shape);
    } else if (initializer->data != nullptr) {
      place->second = alone_.add_initializer(name, initializer->data, initializer->trainable);
    } else {
      place->second =
          alone_.add_parameter(name, value.type, *value.shape, initializer->distribution, initializer->trainable);
    }
    alone_.value(place->second).format = value.format;
    return place->second;
  }

  void copy(NodeId id) {
    const Node& node = graph_.node(id);
    std::vector<ValueId> inputs;
    for (const ValueId input : node.inputs) inputs.push_back(take(input));
    const NodeId copied =
        alone_.add_node(node.op, inputs, static_cast<int>(node.outputs.size()), node.attributes, node.domain);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNone) continue;
      const ValueId output = alone_.node(copied).outputs[i];
      const Value& value = graph_.value(node.outputs[i]);
      alone_.value(output).type = value.type;
      alone_.value(output).shape = value.shape;
      alone_.value(output).format = value.format;
      taken_[node.outputs[i]] = output;
    }
  }

  const Graph& graph_;
  std::span<const NodeId> ids_;
  Graph alone_;
  std::map<ValueId, ValueId> taken_;
  int named_ = 0;
};

}  // namespace

std::optional<Graph> node_group_graph(const Graph& graph, std::span<const NodeId> ids) {
  for (const NodeId id : ids) {
    if (!can_stand_alone(graph, graph.node(id))) return std::nullopt;
  }
  return Cut(graph, ids).make();
}

std::optional<Graph> single_node_graph(const Graph& graph, NodeId id) {
  return node_group_graph(graph, std::span(&id, 1));
}

}  // namespace nacre
