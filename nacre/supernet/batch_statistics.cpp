#include "nacre/supernet/batch_statistics.hpp"

#include <algorithm>

#include "nacre/nn/batch_source.hpp"
#include "nacre/nn/teacher.hpp"
#include "nacre/nn/torch_types.hpp"
#include "nacre/supernet/running_statistics.hpp"

namespace nacre {

void recalibrate_batch_norm(Graph& graph, const Task& task, int64_t samples, int64_t batch_size, uint64_t seed,
                            const Numerics& numerics) {
  const bool has_statistics = std::ranges::any_of(
      graph.nodes(), [](const Node& node) { return !node.dead && node.op == "BatchNormalization"; });
  if (!has_statistics) return;
  PlainStore store(graph, seed, numerics);
  const TorchExecutor executor(graph, numerics);
  const BatchSource source(task, Split::train, nullptr, 1, torch_device(numerics.device));
  Random random = Random::stream(seed, "recalibrate");
  const std::vector<int64_t> order = random.permutation(source.size());
  const int64_t size = std::min<int64_t>({batch_size, samples, source.size()});
  const int64_t count = std::max<int64_t>(1, std::min<int64_t>(samples, source.size()) / size);
  const std::vector<std::string> names = input_names_for(graph, task.signature());
  std::vector<std::vector<at::Tensor>> batches;
  for (int64_t b = 0; b < count; ++b) {
    const TorchBatch batch = source.load(
        std::span<const int64_t>(order).subspan(static_cast<size_t>(b * size), static_cast<size_t>(size)), random);
    batches.emplace_back();
    for (const std::string& name : names) batches.back().push_back(batch.at(name));
  }
  if (take_running_statistics(executor, store, batches, seed)) store.export_to(graph);
}

}  // namespace nacre
