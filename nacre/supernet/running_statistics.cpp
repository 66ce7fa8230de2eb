#include "nacre/supernet/running_statistics.hpp"

#include "nacre/nn/torch_types.hpp"

namespace nacre {
namespace {

// A running statistic, and what a batch's own is weighed with when it is updated.
struct Statistic {
  at::Tensor running, sum;
  double share = 0;
};

std::vector<Statistic> statistics_of(const Graph& graph, ParameterStore& store) {
  std::vector<Statistic> all;
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.dead || node.op != "BatchNormalization") continue;
    const double share = 1.0 - static_cast<double>(node.attributes.real("momentum", 0.9F));
    for (const size_t input : {3, 4}) {
      const ValueId id = node.inputs[input];
      if (graph.initializer_of(id) == nullptr || share <= 0) continue;
      const at::Tensor running =
          store.view(value_text(graph, id), *graph.value(id).shape, {graph, id, static_cast<NodeId>(i), false})
              .detach();
      all.push_back({running, at::zeros_like(running, at::TensorOptions(at::kDouble)), share});
    }
  }
  return all;
}

}  // namespace

bool take_running_statistics(const TorchExecutor& executor, ParameterStore& store,
                             std::span<const std::vector<at::Tensor>> batches, uint64_t seed) {
  const at::NoGradGuard no_grad;
  std::vector<Statistic> statistics = statistics_of(executor.graph(), store);
  if (statistics.empty() || batches.empty()) return false;
  RunMode mode{.training = true};
  mode.generator = make_generator(executor.numerics().device);
  mode.generator->set_current_seed(seed);
  for (const std::vector<at::Tensor>& inputs : batches) {
    // From 0 the running statistic is the batch's own, times its share.
    for (Statistic& one : statistics) one.running.zero_();
    executor.run(inputs, store, mode);
    for (Statistic& one : statistics) one.sum.add_(one.running, 1 / one.share);
  }
  for (Statistic& one : statistics) one.running.copy_(one.sum / static_cast<double>(batches.size()));
  return true;
}

}  // namespace nacre
