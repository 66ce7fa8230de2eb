#include "nacre/supernet/batch_statistics.hpp"

#include <algorithm>

#include "nacre/nn/batch_source.hpp"
#include "nacre/nn/teacher.hpp"
#include "nacre/nn/torch_executor.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre {
namespace {

// A running statistic, and what a batch's own is weighed with when it is updated.
struct Statistic {
  at::Tensor running, sum;
  double share = 0;
};

std::vector<Statistic> statistics_of(const Graph& graph, const PlainStore& store) {
  std::vector<Statistic> all;
  for (const Node& node : graph.nodes()) {
    if (node.dead || node.op != "BatchNormalization") continue;
    const double share = 1.0 - static_cast<double>(node.attributes.real("momentum", 0.9F));
    for (const size_t input : {3, 4}) {
      const std::string name = value_text(graph, node.inputs[input]);
      const auto info = std::ranges::find(store.infos(), name, &ParameterInfo::name);
      if (info == store.infos().end() || share <= 0) continue;
      const at::Tensor& running = store.tensors()[static_cast<size_t>(info - store.infos().begin())];
      all.push_back({running, at::zeros_like(running, at::TensorOptions(at::kDouble)), share});
    }
  }
  return all;
}

}  // namespace

void recalibrate_batch_norm(Graph& graph, const Task& task, int64_t samples, int64_t batch_size, uint64_t seed,
                            const Numerics& numerics) {
  const at::NoGradGuard no_grad;
  PlainStore store(graph, seed, numerics);
  std::vector<Statistic> statistics = statistics_of(graph, store);
  if (statistics.empty()) return;
  const TorchExecutor executor(graph, numerics);
  const BatchSource source(task, Split::train, nullptr, 1, torch_device(numerics.device));
  Random random = Random::stream(seed, "recalibrate");
  const std::vector<int64_t> order = random.permutation(source.size());
  const int64_t size = std::min<int64_t>({batch_size, samples, source.size()});
  const int64_t batches = std::max<int64_t>(1, std::min<int64_t>(samples, source.size()) / size);
  RunMode mode{.training = true};
  mode.generator = make_generator(numerics.device);
  mode.generator->set_current_seed(seed);
  const std::vector<std::string> names = input_names_for(graph, task.signature());
  for (int64_t b = 0; b < batches; ++b) {
    const TorchBatch batch = source.load(
        std::span<const int64_t>(order).subspan(static_cast<size_t>(b * size), static_cast<size_t>(size)), random);
    std::vector<at::Tensor> inputs;
    for (const std::string& name : names) inputs.push_back(batch.at(name));
    // From 0 the running statistic is the batch's own, times its share.
    for (Statistic& one : statistics) one.running.zero_();
    executor.run(inputs, store, mode);
    for (Statistic& one : statistics) one.sum.add_(one.running, 1 / one.share);
  }
  for (Statistic& one : statistics) one.running.copy_(one.sum / static_cast<double>(batches));
  store.export_to(graph);
}

}  // namespace nacre
