// Benchmark `accel_nasbench`: 5,125 EfficientNet-like networks on ImageNet with their throughput on five accelerators. Of the 13
// that were trained and measured twice the table has the mean.
#include "nacre/space/spaces/accel_nasbench.hpp"

#include <fmt/format.h>

#include "nacre/tables/benchmarks/benchmarks.hpp"
#include "nacre/tables/stored_benchmark.hpp"

namespace nacre {
namespace {

constexpr int kReadingVersion = 1;

std::shared_ptr<const TabularBenchmark> make_accel_nasbench(const Options&, const BenchmarkContext& context) {
  BenchmarkFiles files(context);
  const CsvTable table =
      files.read("accelnasbench/accel_nasbench.csv", "Accel-NASBench (github.com/afzalxo/Accel-NASBench)");
  TableContent content;
  content.name = "accel_nasbench";
  content.dataset = "imagenet";
  content.space = benchmark_space("accel_nasbench", "{}", {3, 224, 224}, 1000);
  content.add(quality_column("valid_accuracy",
                             "share of correct answers on ImageNet's validation set, short training, one seed"),
              read_cells(table, "top1", {.divide = 100}));
  content.add(quality_column("valid_top5_accuracy", "share of images whose class is among the first five answers"),
              read_cells(table, "top5", {.divide = 100}));
  content.add(cost_column("train_time_s", "s", "time of the training"), read_cells(table, "train_time_s"));
  content.add(cost_column("params", "", "trainable parameters"), read_cells(table, "params_m", {.multiply = 1e6}));
  content.add(
      cost_column("macs", "", "multiply-accumulates as the publication counts them, a tenth above those of the layers"),
      read_cells(table, "macs_m", {.multiply = 1e6}));
  content.add(cost_column("latency_s_zcu102", "s", "latency on the FPGA ZCU102, measured"),
              read_cells(table, "lat_ms_zcu102", {.divide = 1000}));
  for (const std::string device : {"a100", "3090", "tpuv2", "tpuv3", "zcu102"}) {
    content.add(cost_column("throughput_per_s_" + device, "1/s", "images a second on " + device + ", measured",
                            Direction::maximize),
                read_cells(table, "thr_img_s_" + device));
  }
  std::vector<Decisions> rows;
  const size_t architecture = table.column("arch");
  for (size_t row = 0; row < table.rows(); ++row) {
    content.keys.emplace_back(table.text(row, architecture));
    rows.push_back(accel_nasbench_decisions(content.keys.back()));
  }
  content.identity = files.identity("accel_nasbench", kReadingVersion);
  rows = merge_repeated_rows(content, rows);
  return std::make_shared<CodedBenchmark>(std::move(content), rows);
}

}  // namespace

void register_accel_nasbench(Registry<BenchmarkFactory>& registry) {
  registry.add({.name = "accel_nasbench",
                .summary = "Accel-NASBench: 5,125 EfficientNet-like networks, throughput on GPUs, TPUs and an FPGA",
                .source = "Ahmad et al. 2024, arXiv 2404.08005",
                .parameters = {dataset_parameter("on which the networks were trained", {"imagenet"})},
                .example = "benchmark: accel_nasbench\n"},
               make_accel_nasbench);
}

}  // namespace nacre
