// Sums of linear operators on one input become one operator (Ding et al., RepVGG, arXiv 2101.03697, section 3.3).
//
//        ┌ Conv 3x3 ┐
//     x ─┼ Conv 1x1 ┼─ + ─   becomes   x ─ Conv 3x3 ─       W = W3 + pad(W1) + diag(factor),  b = b3 + b1 + offset
//        └ map, or x┘
//
// The third branch is a batch normalization, arithmetic with constants, or nothing but x. Kernels are padded to a common
// window, dilated ones become larger ones with zeros between (Ding et al., UniRepLKNet, arXiv 2311.15599, section 3.1), and groups
// are opened, all of it only where that adds no multiplications. Sums of sums count as one sum.
#include <algorithm>

#include "nacre/ir/rewrites/kernel.hpp"
#include "nacre/ir/rewrites/rewrites.hpp"

namespace nacre::rewrites {
namespace {

using Uses = std::vector<int32_t>;

bool is_sum(const Node& node) {
  return !node.dead && node.domain.empty() && node.inputs.size() >= 2 && (node.op == "Add" || node.op == "Sum");
}

// One summand: where it is added, and what it is.
struct Term {
  NodeId sum = kNone;
  ValueId value = kNone;
};

// Summands of the shape of `root`'s result, those of private inner sums among them.
void collect(const Graph& graph, const Uses& uses, NodeId sum, ValueId root_result, std::vector<Term>& terms) {
  for (const ValueId value : graph.node(sum).inputs) {
    if (value == kNone || !same_known_shape(graph, value, root_result)) continue;
    const NodeId producer = private_producer(graph, value, uses);
    if (producer != kNone && is_sum(graph.node(producer))) {
      collect(graph, uses, producer, root_result, terms);
    } else {
      terms.push_back({sum, value});
    }
  }
}

// What `term` does to `source`, read through the node that makes it.
struct Branch {
  Kernel kernel;
  NodeId node = kNone;  // kNone: the source itself
};

std::optional<Branch> branch_of(const Graph& graph, const Uses& uses, ValueId term, ValueId source,
                                const Kernel& host) {
  if (term == source) {
    const auto channels = static_cast<size_t>(host.inputs);
    return Branch{.kernel = kernel_of({std::vector<double>(channels, 1.0), std::vector<double>(channels, 0.0)})};
  }
  const NodeId producer = private_producer(graph, term, uses);
  if (producer == kNone) return std::nullopt;
  const Node& node = graph.node(producer);
  if (std::optional<Kernel> kernel = read_kernel(graph, node)) {
    if (node.inputs[0] != source) return std::nullopt;
    return Branch{.kernel = std::move(*kernel), .node = producer};
  }
  std::optional<MappedValue> mapped = read_batch_norm(graph, node);
  if (!mapped.has_value()) mapped = read_arithmetic(graph, node);
  if (!mapped.has_value() || mapped->source != source) return std::nullopt;
  const int channel_axis = host.axes.empty() ? graph.value(source).shape->rank() - 1 : 1;
  if (mapped->axis != kNone && mapped->axis != channel_axis) return std::nullopt;
  if (mapped->axis != kNone && static_cast<int64_t>(mapped->map.factor.size()) != host.inputs) return std::nullopt;
  return Branch{.kernel = kernel_of(spread(mapped->map, host.inputs)), .node = producer};
}

void remove_operand(Graph& graph, NodeId sum, ValueId operand, ValueId heir) {
  Node& node = graph.node(sum);
  if (node.inputs.size() > 2) {
    node.inputs.erase(std::ranges::find(node.inputs, operand));
    return;
  }
  const ValueId other = node.inputs[node.inputs[0] == operand ? 1 : 0];
  const ValueId result = node.outputs[0];
  if (other == heir) return take_over(graph, result, other);
  graph.replace_uses(result, other);
  graph.kill_node(sum);
}

// The host's kernel takes the other summand in, and that is no longer added.
void drop(Graph& graph, const Term& host, const Term& other, NodeId root) {
  if (other.sum != root || host.sum == root) return remove_operand(graph, other.sum, other.value, host.value);
  // The other is added last: the host goes to its place, for only a private inner sum can be left out whatever remains.
  *std::ranges::find(graph.node(root).inputs, other.value) = host.value;
  const NodeId inner = host.sum;
  Node& node = graph.node(inner);
  if (node.inputs.size() > 2) {
    node.inputs.erase(std::ranges::find(node.inputs, host.value));
    return;
  }
  const ValueId remaining = node.inputs[node.inputs[0] == host.value ? 1 : 0];
  graph.replace_uses(node.outputs[0], remaining);
  graph.kill_node(inner);
}

bool is_fixed(const Graph& graph, ValueId id) {
  const std::optional<Shape>& shape = graph.value(id).shape;
  return shape.has_value() && shape->is_fixed();
}

// Before weights are looked at: whether the summand can be a branch on `source`.
bool may_be_branch(const Graph& graph, ValueId term, ValueId source) {
  if (term == source) return true;
  const NodeId producer = graph.value(term).producer;
  return producer != kNone &&
         std::ranges::find(graph.node(producer).inputs, source) != graph.node(producer).inputs.end();
}

bool merge_pair(Graph& graph, const Uses& uses, NodeId root, const Term& host, const Term& other) {
  const NodeId host_node = private_producer(graph, host.value, uses);
  if (host_node == kNone || host.value == other.value) return false;
  const ValueId source = graph.node(host_node).inputs.empty() ? kNone : graph.node(host_node).inputs[0];
  if (source == kNone || !may_be_branch(graph, other.value, source)) return false;
  const std::optional<Kernel> kernel = read_kernel(graph, graph.node(host_node));
  if (!kernel.has_value()) return false;
  const std::optional<Branch> branch = branch_of(graph, uses, other.value, source, *kernel);
  if (!branch.has_value()) return false;
  const std::optional<Kernel> sum = sum_of(*kernel, branch->kernel, is_fixed(graph, host.value));
  if (!sum.has_value() || sum->weight.size() > kernel->weight.size() + branch->kernel.weight.size()) return false;
  if (!can_hold(graph, graph.node(host_node), *sum)) return false;
  write_kernel(graph, host_node, *sum, uses);
  drop(graph, host, other, root);
  if (branch->node != kNone) graph.kill_node(branch->node);
  return true;
}

bool merge_any(Graph& graph, NodeId root) {
  const Uses uses = count_uses(graph);
  std::vector<Term> terms;
  collect(graph, uses, root, graph.node(root).outputs[0], terms);
  for (const Term& host : terms) {
    for (const Term& other : terms) {
      if (merge_pair(graph, uses, root, host, other)) return true;
    }
  }
  return false;
}

}  // namespace

int sum_kernels(Graph& graph) {
  int count = 0;
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    while (is_sum(graph.nodes()[i]) && merge_any(graph, static_cast<NodeId>(i))) ++count;
  }
  return count + rewrite_bodies(graph, sum_kernels);
}

}  // namespace nacre::rewrites
