// Benchmark `spikenas`: all 15,625 spiking networks of SpikeNAS-Bench, CIFAR-10. Decisions only: nacre builds no spiking networks.
//
// 690 of the trainings ran for 200 epochs, with another schedule, the others for 100. Columns of 100 epochs are unknown for them.
#include <array>

#include "nacre/tables/benchmarks/benchmarks.hpp"
#include "nacre/tables/decision_space.hpp"
#include "nacre/tables/stored_benchmark.hpp"

namespace nacre {
namespace {

constexpr int kReadingVersion = 1;
constexpr double kEpochs = 100;
// The digits of the code are edges in this order.
constexpr std::array kEdges = {"0_1", "0_2", "0_3", "1_2", "1_3", "2_3"};

std::vector<double> where(std::vector<double> cells, const std::vector<char>& kept) {
  for (size_t row = 0; row < cells.size(); ++row)
    if (!kept[row]) cells[row] = kUnknownCell;
  return cells;
}

std::shared_ptr<const TabularBenchmark> make_spikenas(const Options&, const BenchmarkContext& context) {
  BenchmarkFiles files(context);
  const CsvTable table = files.read("spikenas/spikenas_cifar10.csv",
                                    "SpikeNAS-Bench (github.com/tju-sun-lab/SpikeNAS-Bench), folder data");
  std::vector<DecisionSpace::Factor> factors;
  for (const char* edge : kEdges)
    factors.push_back({edge, {}, {"none", "identity", "spiking_0.5", "spiking_1.0", "spiking_1.5"}});
  TableContent content;
  content.name = "spikenas";
  content.dataset = "cifar10";
  content.space = std::make_shared<DecisionSpace>("spikenas", factors);
  std::vector<char> kept;
  const size_t epochs = table.column("epochs");
  for (size_t row = 0; row < table.rows(); ++row) kept.push_back(table.number(row, epochs) == kEpochs ? 1 : 0);
  for (const double at : {10.0, 25.0, 50.0, kEpochs}) {
    content.add(quality_column("valid_accuracy", "share of correct answers on the validation split", at),
                where(read_cells(table, "val_ep" + std::to_string(static_cast<int>(at)), {.divide = 100}), kept));
  }
  content.add(quality_column("test_accuracy", "share of correct answers on the test split", kEpochs),
              where(read_cells(table, "test_acc", {.divide = 100}), kept));
  content.add(quality_column("train_time_s", "time of the training", kEpochs, Direction::minimize),
              where(read_cells(table, "train_hours", {.multiply = 3600}), kept));
  content.add(cost_column("params", "", "trainable parameters"), read_cells(table, "params"));
  std::vector<Decisions> rows;
  const size_t code = table.column("code");
  for (size_t row = 0; row < table.rows(); ++row) {
    content.keys.emplace_back(table.text(row, code));
    const std::string& digits = content.keys.back();
    if (digits.size() != kEdges.size() || digits.find_first_not_of("01234") != std::string::npos)
      throw UserError("spikenas: '" + digits + "' is no code of six digits from 0 to 4");
    Decisions decisions;
    for (size_t i = 0; i < kEdges.size(); ++i) decisions.set(kEdges[i], digits[i] - '0');
    rows.push_back(std::move(decisions));
  }
  content.identity = files.identity("spikenas", kReadingVersion);
  return std::make_shared<CodedBenchmark>(std::move(content), rows);
}

}  // namespace

void register_spikenas(Registry<BenchmarkFactory>& registry) {
  registry.add({.name = "spikenas",
                .summary = "SpikeNAS-Bench: 15,625 spiking cells, one seed, accuracy after 10, 25, 50 and 100 epochs",
                .source = "Sun et al., SpikeNAS-Bench, IEEE Transactions on Artificial Intelligence 2024",
                .parameters = {dataset_parameter("on which the networks were trained", {"cifar10"})},
                .example = "benchmark: spikenas\n"},
               make_spikenas);
}

}  // namespace nacre
