// Older forms of ONNX operators, rewritten into the semantics of opset 21. Internal to the ONNX sources.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre {

// A node as read, before it enters the graph.
struct NodeDraft {
  std::string op;
  std::string domain;
  std::string name;
  std::vector<ValueId> inputs;
  std::vector<std::string> outputs;
  Attributes attributes;
};

// What an upgrade may do to the graph around the node.
struct UpgradeContext {
  Graph& graph;
  int opset;                                                             // of the file
  std::function<ValueId(std::string_view suffix, Tensor)> add_constant;  // named after the node's first output
  std::function<ValueId(std::string_view op, std::vector<ValueId> inputs, Attributes)> add_node;  // before the node
  std::function<void(const std::string&)> fail;  // UserError naming the node
};

void upgrade_node(const UpgradeContext& context, NodeDraft& node);
// The part of it for files of opsets 1 to 6, which comes first.
void upgrade_node_before_7(const UpgradeContext& context, NodeDraft& node);

}  // namespace nacre
