// Benchmarks `transnas101_micro` and `transnas101_macro`: TransNAS-Bench-101, six tasks on indoor images.
#include "nacre/space/spaces/transnas101.hpp"

#include "nacre/tables/benchmarks/benchmarks.hpp"
#include "nacre/tables/stored_benchmark.hpp"

namespace nacre {
namespace {

constexpr int kReadingVersion = 1;
constexpr const char* kSource = "TransNAS-Bench-101 (github.com/yawen-d/TransNASBench)";
constexpr int64_t kSide = 256;

struct TransnasTask {
  std::string name;
  const char *metric, *description;
  double divide;
  int64_t classes;  // of the classification head that the space gets
};

// The decoders of autoencoder, normal and jigsaw are no part of the spaces: theirs get the head of class_scene.
const std::vector<TransnasTask>& tasks() {
  static const std::vector<TransnasTask> kTasks = {
      {"class_object", "valid_accuracy", "share of correct objects", 100, 100},
      {"class_scene", "valid_accuracy", "share of correct scenes", 100, 63},
      {"autoencoder", "valid_ssim", "structural similarity of the image and its reconstruction", 1, 63},
      {"normal", "valid_ssim", "structural similarity of surface normals", 1, 63},
      {"jigsaw", "valid_accuracy", "share of correct permutations", 100, 63},
      {"room_layout", "valid_negative_loss", "minus the loss of the room layout", 1, 9}};
  return kTasks;
}

std::shared_ptr<const TabularBenchmark> make_transnas101(const std::string& part,
                                                         Decisions (*decisions_of)(const std::string&),
                                                         const Options& options, const BenchmarkContext& context) {
  const TransnasTask& task = *std::ranges::find(tasks(), options.text("dataset"), &TransnasTask::name);
  BenchmarkFiles files(context);
  const CsvTable table = files.read("transnas101/tnb101_" + part + ".csv", kSource);
  TableContent content;
  content.name = "transnas101_" + part;
  content.dataset = task.name;
  content.space = benchmark_space(content.name, "{}", {3, kSide, kSide}, task.classes);
  content.add(quality_column(task.metric, task.description),
              read_cells(table, "val_" + task.name, {.divide = task.divide}));
  std::vector<Decisions> rows;
  const size_t code = table.column("code");
  for (size_t row = 0; row < table.rows(); ++row) {
    content.keys.emplace_back(table.text(row, code));
    rows.push_back(decisions_of(content.keys.back()));
  }
  content.identity = files.identity(content.name + "/" + task.name, kReadingVersion);
  return std::make_shared<CodedBenchmark>(std::move(content), rows);
}

}  // namespace

void register_transnas101(Registry<BenchmarkFactory>& registry) {
  std::vector<std::string> names;
  for (const TransnasTask& task : tasks()) names.push_back(task.name);
  const Parameter dataset = dataset_parameter(
      "the task; autoencoder and normal have valid_ssim, room_layout valid_negative_loss, the others valid_accuracy",
      names);
  registry.add({.name = "transnas101_micro",
                .summary = "TransNAS-Bench-101, cells: all 4,096, six tasks",
                .source = "Duan et al. 2021, arXiv 2105.11871",
                .parameters = {dataset},
                .example = "benchmark: transnas101_micro\ndataset: jigsaw\n"},
               [](const Options& options, const BenchmarkContext& context) {
                 return make_transnas101("micro", transnas101_micro_decisions, options, context);
               });
  registry.add({.name = "transnas101_macro",
                .summary = "TransNAS-Bench-101, skeletons: all 3,256, six tasks",
                .source = "Duan et al. 2021, arXiv 2105.11871",
                .parameters = {dataset},
                .example = "benchmark: transnas101_macro\ndataset: class_scene\n"},
               [](const Options& options, const BenchmarkContext& context) {
                 return make_transnas101("macro", transnas101_macro_decisions, options, context);
               });
}

}  // namespace nacre
