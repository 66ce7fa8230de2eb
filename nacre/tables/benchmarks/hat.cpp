// Benchmark `hat`: measured latencies of 2,000 random translation transformers a setting. The table has no quality, and of sizes that
// differ from layer to layer their means: its decisions are those columns, from which no network follows.
#include <fmt/format.h>

#include "nacre/tables/benchmarks/benchmarks.hpp"
#include "nacre/tables/factor_table.hpp"
#include "nacre/tables/stored_benchmark.hpp"

namespace nacre {
namespace {

constexpr int kReadingVersion = 1;

std::shared_ptr<const TabularBenchmark> make_hat(const Options& options, const BenchmarkContext& context) {
  BenchmarkFiles files(context);
  TableContent content;
  content.name = "hat";
  content.dataset = options.text("dataset");
  const CsvTable table = files.read("hat_latency/" + content.dataset + ".csv",
                                    "Hardware-aware Transformers (github.com/mit-han-lab/hardware-aware-transformers)");
  std::vector<std::string> columns;
  for (const std::string& name : table.names()) {
    if (!name.starts_with("lat_")) columns.push_back(name);
  }
  const auto space = decision_space_of("hat", table, columns);
  content.space = space;
  std::vector<double> total = read_cells(table, "lat_ms_encoder", {.divide = 1000});
  const std::vector<double> decoder = read_cells(table, "lat_ms_decoder", {.divide = 1000});
  for (size_t row = 0; row < total.size(); ++row) total[row] += decoder[row];
  content.add(cost_column("latency_s", "s", "encoder and decoder, measured, mean of the runs"), std::move(total));
  content.add(cost_column("encoder_latency_s", "s", "of the encoder"),
              read_cells(table, "lat_ms_encoder", {.divide = 1000}));
  content.add(cost_column("decoder_latency_s", "s", "of the decoder"), decoder);
  content.add(note_column("encoder_latency_spread_s", "standard deviation over the runs"),
              read_cells(table, "lat_std_ms_encoder", {.divide = 1000}));
  content.add(note_column("decoder_latency_spread_s", "standard deviation over the runs"),
              read_cells(table, "lat_std_ms_decoder", {.divide = 1000}));
  std::vector<Decisions> rows = factor_decisions(*space, table, columns);
  for (size_t row = 0; row < table.rows(); ++row) {
    std::string key;
    for (const std::string& column : columns)
      key += fmt::format("{}{}", key.empty() ? "" : ":", table.text(row, table.column(column)));
    content.keys.push_back(std::move(key));
  }
  content.identity = files.identity("hat/" + content.dataset, kReadingVersion);
  rows = merge_repeated_rows(content, rows);
  return std::make_shared<CodedBenchmark>(std::move(content), rows);
}

}  // namespace

void register_hat(Registry<BenchmarkFactory>& registry) {
  registry.add(
      {.name = "hat",
       .summary =
           "latencies of 2,000 translation transformers on a Raspberry Pi, a Xeon or a GPU; no quality, no networks",
       .source = "Hardware-aware Transformers, Wang et al. 2020, arXiv 2005.14187",
       .parameters = {dataset_parameter("task and device",
                                        {"wmt14ende_cpu_raspberrypi", "wmt14ende_cpu_xeon", "wmt14ende_gpu_titanxp",
                                         "wmt14enfr_cpu_xeon", "wmt14enfr_gpu_titanxp", "iwslt14deen_gpu_titanxp"})},
       .example = "benchmark: hat\ndataset: wmt14ende_cpu_xeon\n"},
      make_hat);
}

}  // namespace nacre
