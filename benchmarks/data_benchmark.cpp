// How fast samples become batches: gather + augment + normalize against a plain copy of as many output bytes.
//
//   build/release/benchmarks/data_benchmark
#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>

#include "nacre/data/sampler.hpp"
#include "nacre/data/split.hpp"

namespace nacre {
namespace {

constexpr int64_t kBatch = 256;

Dataset make_images(int64_t n, int64_t channels, int64_t side) {
  Dataset dataset;
  dataset.features = Tensor(ElementType::uint8, {n, channels, side, side});
  Random random(1);
  for (uint8_t& pixel : dataset.features.mutable_values<uint8_t>()) pixel = static_cast<uint8_t>(random.below(256));
  dataset.labels = Tensor(ElementType::int64, {n});
  for (int64_t& label : dataset.labels.mutable_values<int64_t>()) label = random.integer(0, 9);
  dataset.class_names.assign(10, "class");
  return dataset;
}

std::vector<int64_t> shuffled(int64_t n) {
  Random random(2);
  return random.permutation(n);
}

void gather(benchmark::State& state, const Augmentation& augmentation, bool floats) {
  Dataset dataset = make_images(10000, 3, 32);
  const std::vector<int64_t> order = shuffled(dataset.size());
  const Normalization normalization = measure_normalization(dataset, order, NormalizationKind::standard);
  if (floats) dataset.features = dataset.features.cast(ElementType::float32);
  Random random(3);
  size_t at = 0;
  for (auto _ : state) {
    if (at + kBatch > order.size()) at = 0;
    benchmark::DoNotOptimize(
        gather_features(dataset, std::span(order).subspan(at, kBatch), normalization, augmentation, random));
    at += kBatch;
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
  state.SetBytesProcessed(state.iterations() * kBatch * 3 * 32 * 32 * 4);
}

void copy_of_the_same_bytes(benchmark::State& state) {
  const std::vector<float> from(static_cast<size_t>(kBatch * 3 * 32 * 32 * 8), 1.0F);
  const size_t bytes = static_cast<size_t>(kBatch * 3 * 32 * 32 * 4);
  size_t at = 0;
  for (auto _ : state) {
    std::unique_ptr<float[]> to(new float[bytes / 4]);
    std::memcpy(to.get(), from.data() + at, bytes);
    benchmark::DoNotOptimize(to.get());
    at = (at + bytes / 4) % (from.size() - bytes / 4 + 1);
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void stratified_split(benchmark::State& state) {
  const Dataset dataset = make_images(60000, 1, 1);
  for (auto _ : state) benchmark::DoNotOptimize(split_dataset(dataset, {.validation_share = 0.1, .test_share = 0.1}));
}

BENCHMARK(copy_of_the_same_bytes);
BENCHMARK_CAPTURE(gather, bytes, Augmentation{}, false);
BENCHMARK_CAPTURE(gather, bytes_crop_flip, (Augmentation{.crop_padding = 4, .horizontal_flip = true}), false);
BENCHMARK_CAPTURE(gather, floats, Augmentation{}, true);
BENCHMARK_CAPTURE(gather, floats_crop_flip, (Augmentation{.crop_padding = 4, .horizontal_flip = true}), true);
BENCHMARK(stratified_split)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace nacre
