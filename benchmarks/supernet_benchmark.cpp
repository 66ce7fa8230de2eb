// What sharing weights costs: a step of one drawn path against the same network trained alone, steps of DARTS with partial channels,
// and of methods that keep all paths active against those that keep one. Ratios within one run:
//
//   build/release/benchmarks/supernet_benchmark --benchmark_repetitions=5
#include <benchmark/benchmark.h>

#include "nacre/nn/trainer.hpp"
#include "nacre/space/space.hpp"
#include "nacre/supernet/method.hpp"

namespace nacre {
namespace {

class NoAccuracy : public MetricAccumulator {
 public:
  void add(const NamedTensors&, const Batch&) override {}
  Metrics result() const override { return {{"accuracy", {.value = 0}}}; }
};

// Random images of ten classes; what is learned does not matter.
class RandomImages : public Task {
 public:
  RandomImages(int64_t side, int64_t count) : side_(side), count_(count) {
    signature_.inputs = {{"image", ElementType::float32, {3, side, side}}};
    signature_.outputs = {{"logits", ElementType::float32, {10}}};
  }
  const std::string& name() const override { return name_; }
  const TaskSignature& signature() const override { return signature_; }
  const LossSpec& loss() const override { return loss_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  int64_t size(Split split) const override { return split == Split::train ? count_ : 0; }
  Batch load(Split, std::span<const int64_t> indices, const Recipe*, Random&) const override {
    Batch batch;
    batch.size = static_cast<int64_t>(indices.size());
    Tensor images(ElementType::float32, {batch.size, 3, side_, side_});
    Tensor labels(ElementType::int64, {batch.size});
    Random random(static_cast<uint64_t>(indices[0]));
    for (float& pixel : images.mutable_values<float>()) pixel = static_cast<float>(random.normal());
    for (int64_t& label : labels.mutable_values<int64_t>()) label = static_cast<int64_t>(random.below(10));
    batch.tensors["image"] = images;
    batch.tensors["label"] = labels;
    return batch;
  }
  std::unique_ptr<MetricAccumulator> accumulator() const override { return std::make_unique<NoAccuracy>(); }
  std::string identity() const override { return "random images"; }
  int64_t test_reads() const override { return 0; }

 private:
  std::string name_ = "random_images";
  int64_t side_, count_;
  TaskSignature signature_;
  LossSpec loss_{"cross_entropy", "logits", "label"};
  std::vector<MetricSpec> metrics_ = {{"accuracy", Direction::maximize, "", ""}};
};

constexpr int64_t kBatch = 32, kSteps = 8;

Recipe recipe_of() {
  Recipe recipe;
  recipe.epochs = 1;
  recipe.batch_size = kBatch;
  recipe.warmup_epochs = 0;
  return recipe;
}

std::shared_ptr<const Space> space_of(const std::string& kind, const std::string& options, const Task& task) {
  const auto& entry = space_registry().get(kind);
  SpaceContext context;
  context.task_name = task.name();
  context.signature = task.signature();
  context.recipe = recipe_of();
  return entry.make(resolve_options(parse_config(options, "benchmark"), entry.parameters, "space"), context);
}

// One network, all layers alike: what is drawn is always the same.
const char* const kOneNetwork = "{candidates: [k3_e3], preset: small_32x32}";

void alone(benchmark::State& state) {
  const RandomImages task(32, kBatch * kSteps);
  const auto space = space_of("mbconv", kOneNetwork, task);
  const Graph graph = space->build(Decisions()).graph();
  for (auto _ : state) state.SetIterationTime(train_network(graph, task, recipe_of(), {}).time_s / kSteps);
}
BENCHMARK(alone)->UseManualTime()->Unit(benchmark::kMillisecond)->Name("one network, trained alone");

void run_supernet(benchmark::State& state, const std::shared_ptr<const Task>& task,
                  const std::shared_ptr<const Space>& space, SupernetSettings settings, double steps) {
  settings.recipe = recipe_of();
  for (auto _ : state) {
    SupernetTraining training(space, task, settings, {});
    training.run();
    state.SetIterationTime(training.epochs().back().time_s / steps);
  }
}

SupernetSettings method_settings(const std::string& name, const std::string& options) {
  const auto& entry = supernet_method_registry().get(name);
  return entry.make(resolve_options(parse_config(options, "benchmark"), entry.parameters, "search"), recipe_of());
}

void single_path(benchmark::State& state) {
  const auto task = std::make_shared<RandomImages>(32, kBatch * kSteps);
  SupernetSettings settings;
  settings.weight_paths = ActivePaths::one;
  settings.update = ArchitectureUpdate::none;
  run_supernet(state, task, space_of("mbconv", kOneNetwork, *task), settings, kSteps);
}
BENCHMARK(single_path)->UseManualTime()->Unit(benchmark::kMillisecond)->Name("the same network as a drawn path");

// The largest network of Single-Path NAS's space, by itself and with thresholds.
const char* const kSlices = "{preset: small_32x32}";
void largest_alone(benchmark::State& state) {
  const RandomImages task(32, kBatch * kSteps);
  const auto space = space_of("single_path", kSlices, task);
  Decisions largest;
  for (const TraceDecision& decision : space->trace().decisions()) largest.set(decision.key, decision.ordered ? 1 : 0);
  const Graph graph = space->build(largest).graph();
  for (auto _ : state) state.SetIterationTime(train_network(graph, task, recipe_of(), {}).time_s / kSteps);
}
BENCHMARK(largest_alone)->UseManualTime()->Unit(benchmark::kMillisecond)->Name("largest network, trained alone");
void superkernels(benchmark::State& state) {
  const auto task = std::make_shared<RandomImages>(32, kBatch * kSteps);
  run_supernet(state, task, space_of("single_path", kSlices, *task),
               method_settings("single_path", "{architecture_from: 0, cost_form: none}"), kSteps);
}
BENCHMARK(superkernels)->UseManualTime()->Unit(benchmark::kMillisecond)->Name("the same with thresholds");

// A step of the weights and one of the architecture, C = 8, 5 cells.
void darts(benchmark::State& state, const std::string& method, const std::string& options) {
  const auto task = std::make_shared<RandomImages>(32, 2 * kBatch * kSteps);
  run_supernet(state, task, space_of("darts", "{channels: 8, cells: 5}", *task), method_settings(method, options),
               kSteps);
}
void darts_with(benchmark::State& state) {
  darts(state, "pc_darts", "{architecture_from: 0, partial_channels: " + std::to_string(state.range(0)) + "}");
}
BENCHMARK(darts_with)
    ->Arg(1)
    ->Arg(2)
    ->Arg(4)
    ->Arg(8)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Name("pc_darts, 1/K of the channels");

void darts_first(benchmark::State& state) { darts(state, "darts", ""); }
void darts_second(benchmark::State& state) { darts(state, "darts", "{update: second_order}"); }
void darts_relaxed(benchmark::State& state) { darts(state, "rarts", ""); }
BENCHMARK(darts_first)->UseManualTime()->Unit(benchmark::kMillisecond)->Name("darts, first order");
BENCHMARK(darts_second)->UseManualTime()->Unit(benchmark::kMillisecond)->Name("darts, second order");
BENCHMARK(darts_relaxed)->UseManualTime()->Unit(benchmark::kMillisecond)->Name("rarts");

// Steps of the weights alone, seven alternatives per layer.
void layers(benchmark::State& state, const char* paths) {
  const auto task = std::make_shared<RandomImages>(32, kBatch * kSteps);
  run_supernet(
      state, task,
      space_of("mbconv", "{preset: small_32x32, candidates: [k3_e3, k3_e6, k5_e3, k5_e6, k7_e3, k7_e6, skip]}", *task),
      method_settings(
          "fbnet",
          std::string("{cost_form: none, architecture_share: 0, architecture_from: 100, weight_paths: ") + paths + "}"),
      kSteps);
}
void all_paths(benchmark::State& state) { layers(state, "all"); }
void one_path(benchmark::State& state) { layers(state, "one"); }
BENCHMARK(all_paths)->UseManualTime()->Unit(benchmark::kMillisecond)->Name("seven alternatives a layer, all active");
BENCHMARK(one_path)->UseManualTime()->Unit(benchmark::kMillisecond)->Name("seven alternatives a layer, one active");

}  // namespace
}  // namespace nacre
