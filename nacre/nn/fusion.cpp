#include "nacre/nn/fusion.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

namespace nacre {
namespace {

using kernels::FusedActivation;

class FusionFinder {
 public:
  explicit FusionFinder(const Graph& graph) : graph_(graph), consumers_(graph.consumers()) {
    outputs_.insert(graph.outputs.begin(), graph.outputs.end());
    for (const State& state : graph.states) outputs_.insert(state.output);
  }

  std::vector<NormFusion> find() {
    std::vector<NormFusion> fusions;
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      const Node& node = graph_.nodes()[i];
      if (node.dead || node.op != "BatchNormalization" || !node.domain.empty() || node.outputs.size() != 1) continue;
      NormFusion fusion{.norm = static_cast<NodeId>(i),
                        .last = static_cast<NodeId>(i),
                        .output = node.outputs[0],
                        .covered = {static_cast<NodeId>(i)}};
      add_residual(fusion);
      add_activation(fusion);
      for (const NodeId covered : fusion.covered) taken_.insert(covered);
      fusions.push_back(std::move(fusion));
    }
    return fusions;
  }

 private:
  // The nodes that read `id` when nothing else does.
  std::vector<NodeId> private_readers(ValueId id) const {
    if (outputs_.contains(id)) return {};
    std::vector<NodeId> readers;
    for (const NodeId reader : consumers_[static_cast<size_t>(id)]) {
      if (!graph_.node(reader).dead) readers.push_back(reader);
    }
    std::ranges::sort(readers);
    readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
    return readers;
  }

  void extend(NormFusion& fusion, NodeId node) const {
    fusion.covered.push_back(node);
    fusion.last = std::max(fusion.last, node);
    fusion.output = graph_.node(node).outputs[0];
  }

  void add_residual(NormFusion& fusion) const {
    const std::vector<NodeId> readers = private_readers(fusion.output);
    if (readers.size() != 1 || taken_.contains(readers[0])) return;
    const Node& add = graph_.node(readers[0]);
    if (add.op != "Add" || !add.domain.empty() || add.inputs.size() != 2 || add.inputs[0] == add.inputs[1]) return;
    const ValueId other = add.inputs[0] == fusion.output ? add.inputs[1] : add.inputs[0];
    const std::optional<Shape>& shape = graph_.value(other).shape;
    const std::optional<Shape>& own = graph_.value(fusion.output).shape;
    if (!shape.has_value() || !own.has_value() || !(*shape == *own)) return;  // a broadcast sum
    if (graph_.value(other).initializer != kNone) return;
    fusion.residual = other;
    extend(fusion, readers[0]);
  }

  void add_activation(NormFusion& fusion) const {
    const std::vector<NodeId> readers = private_readers(fusion.output);
    if (readers.size() == 1 && !taken_.contains(readers[0])) {
      const std::optional<FusedActivation> activation = activation_of(graph_.node(readers[0]), fusion.output);
      if (!activation.has_value()) return;
      fusion.activation = *activation;
      extend(fusion, readers[0]);
      return;
    }
    if (readers.size() != 2) return;  // x * sigmoid(x): read by the sigmoid and the product
    const Node& sigmoid = graph_.node(readers[0]);
    const Node& product = graph_.node(readers[1]);
    if (sigmoid.op != "Sigmoid" || product.op != "Mul" || product.inputs.size() != 2) return;
    const ValueId gate = sigmoid.outputs[0];
    const bool pair = (product.inputs[0] == fusion.output && product.inputs[1] == gate) ||
                      (product.inputs[1] == fusion.output && product.inputs[0] == gate);
    if (!pair || private_readers(gate) != std::vector<NodeId>{readers[1]}) return;
    fusion.activation = FusedActivation::swish;
    fusion.covered.push_back(readers[0]);
    extend(fusion, readers[1]);
  }

  std::optional<FusedActivation> activation_of(const Node& node, ValueId input) const {
    if (!node.domain.empty() || node.outputs.size() != 1 || node.inputs.empty() || node.inputs[0] != input)
      return std::nullopt;
    if (node.op == "Relu") return FusedActivation::relu;
    if (node.op == "HardSwish") return FusedActivation::hard_swish;
    if (node.op == "Sigmoid") return FusedActivation::sigmoid;
    if (node.op == "HardSigmoid") {
      const bool usual = std::abs(node.attributes.real("alpha", 0.2F) - 1.0F / 6) < 1e-6F &&
                         node.attributes.real("beta", 0.5F) == 0.5F;
      return usual ? std::optional(FusedActivation::hard_sigmoid) : std::nullopt;
    }
    if (node.op == "Clip" && node.inputs.size() == 3 && node.inputs[1] != kNone && node.inputs[2] != kNone) {
      const Tensor* low = graph_.constant(node.inputs[1]);
      const Tensor* high = graph_.constant(node.inputs[2]);
      if (low != nullptr && high != nullptr && low->elements() == 1 && high->elements() == 1 &&
          low->number_at(0) == 0 && high->number_at(0) == 6) {
        return FusedActivation::relu6;
      }
    }
    return std::nullopt;
  }

  const Graph& graph_;
  std::vector<std::vector<NodeId>> consumers_;
  std::set<ValueId> outputs_;
  std::set<NodeId> taken_;
};

}  // namespace

std::vector<NormFusion> find_norm_fusions(const Graph& graph) { return FusionFinder(graph).find(); }

}  // namespace nacre
