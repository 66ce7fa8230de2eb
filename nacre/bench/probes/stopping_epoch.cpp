// `stopping_epoch`: the rule by which FBNetV3 shortens trainings (predict/stopping_epoch.hpp), judged on published training
// curves: a batch of networks says after which epoch to stop; on other batches, how they rank there and in the end.
//
//   epoch, earliest, latest   chosen, from 1, mean and range of the runs;  share: of all epochs
//   held_out                  rank correlation there on the other batches: mean, lowest, lowest tenth
//   all                       rank correlation of each epoch with the last over all networks
#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/random.hpp"
#include "nacre/bench/interval.hpp"
#include "nacre/bench/probe.hpp"
#include "nacre/bench/significance.hpp"
#include "nacre/data/data_paths.hpp"
#include "nacre/data/npy.hpp"
#include "nacre/predict/stopping_epoch.hpp"
#include "nacre/tables/csv_table.hpp"

namespace nacre {
namespace {

std::vector<TrainingCurve> curves_of_array(const Options& options, const DataPaths& paths) {
  const Tensor array = read_npy(paths.find(options.text("curves"), options.position("curves")));
  if (array.rank() != 2) throw UserError(options.position("curves"), "curves: expected an array [networks, epochs]");
  const auto columns = static_cast<size_t>(array.extents()[1]);
  const auto used = options.has("epochs") ? std::min(columns, static_cast<size_t>(options.integer("epochs"))) : columns;
  const std::vector<double> values = array.numbers();
  std::vector<TrainingCurve> curves;
  for (size_t row = 0; row < static_cast<size_t>(array.extents()[0]); ++row) {
    TrainingCurve curve(values.begin() + static_cast<std::ptrdiff_t>(row * columns),
                        values.begin() + static_cast<std::ptrdiff_t>(row * columns + used));
    const bool known = !options.has("unknown") || std::ranges::find(curve, options.real("unknown")) == curve.end();
    if (known) curves.push_back(std::move(curve));
  }
  return curves;
}

std::vector<TrainingCurve> curves_of_table(const Options& options, const DataPaths& paths) {
  const CsvTable table = read_csv_table(paths.find(options.text("file"), options.position("file")));
  std::vector<size_t> columns;
  for (const std::string& name : options.texts("columns")) columns.push_back(table.column(name));
  std::vector<TrainingCurve> curves;
  for (size_t row = 0; row < table.rows(); ++row) {
    TrainingCurve curve;
    for (const size_t column : columns)
      if (const auto value = table.number(row, column)) curve.push_back(*value);
    if (curve.size() == columns.size()) curves.push_back(std::move(curve));
  }
  return curves;
}

Json measure_stopping(const Options& options, const ProbeContext& context) {
  const DataPaths paths(context.folder);
  if (options.has("curves") == options.has("file"))
    throw UserError(options.position("curves"),
                    "expected curves (an array) or file and columns (a table), one of them");
  const std::vector<TrainingCurve> all =
      options.has("curves") ? curves_of_array(options, paths) : curves_of_table(options, paths);
  const auto batch = static_cast<size_t>(options.integer("batch"));
  const auto others = static_cast<size_t>(options.integer("other_batches"));
  if (all.size() < batch * (1 + others) || all[0].size() < 2)
    throw UserError(options.position("batch"),
                    fmt::format("batch: {} curves of {} epochs are too few for {} batches of {}", all.size(),
                                all.empty() ? 0 : all[0].size(), 1 + others, batch));
  std::vector<double> epochs, correlations, held_out;
  for (int64_t run = 0; run < options.integer("runs"); ++run) {
    if (context.interrupted()) throw Interrupted();
    Random random = Random::stream(context.seed, "stopping epoch", static_cast<uint64_t>(run));
    const std::vector<int64_t> order = random.permutation(static_cast<int64_t>(all.size()));
    const auto batch_of = [&](size_t number) {
      std::vector<TrainingCurve> curves;
      for (size_t i = number * batch; i < (number + 1) * batch; ++i)
        curves.push_back(all[static_cast<size_t>(order[i])]);
      return curves;
    };
    const StoppingEpoch chosen = stopping_epoch(batch_of(0), options.real("correlation"));
    epochs.push_back(static_cast<double>(chosen.epoch));
    correlations.push_back(chosen.correlation);
    for (size_t other = 1; other <= others; ++other)
      held_out.push_back(rank_correlation_with_end(batch_of(other), chosen.epoch));
  }
  Json of_all = Json::array();
  for (size_t epoch = 1; epoch <= all[0].size(); ++epoch) of_all.push_back(rank_correlation_with_end(all, epoch));
  return {{"networks", all.size()},
          {"epochs", all[0].size()},
          {"epoch", mean_interval(epochs).mean},
          {"earliest", *std::ranges::min_element(epochs)},
          {"latest", *std::ranges::max_element(epochs)},
          {"share", mean_interval(epochs).mean / static_cast<double>(all[0].size())},
          {"correlation", mean_interval(correlations).mean},
          {"all", of_all},
          {"held_out",
           {{"mean", mean_interval(held_out).mean},
            {"least", *std::ranges::min_element(held_out)},
            {"tenth", quantile_of(held_out, 0.1)}}}};
}

}  // namespace

void add_stopping_epoch_probe(Registry<ProbeFactory>& registry) {
  registry.add(
      {.name = "stopping_epoch",
       .summary = "the first epoch at which a batch of networks ranks as in the end, and how others rank there",
       .source = "Dai et al., FBNetV3, CVPR 2021, arXiv 2006.02049, section 3.2",
       .parameters = {{.name = "curves",
                       .type = ParameterType::text,
                       .description = ".npy of values [networks, epochs], found like a task's data"},
                      {.name = "unknown",
                       .type = ParameterType::real,
                       .description =
                           "the number in `curves` that stands for no value; networks with one are left out"},
                      {.name = "epochs",
                       .type = ParameterType::integer,
                       .description = "first epochs of `curves` that are used; all unless given",
                       .minimum = 2},
                      {.name = "file", .type = ParameterType::text, .description = "instead of curves: a CSV file"},
                      {.name = "columns",
                       .type = ParameterType::text_list,
                       .description = "of the file: results of ever longer trainings, the longest last",
                       .default_value = Json::array()},
                      {.name = "correlation",
                       .type = ParameterType::real,
                       .description = "Spearman's, that the epoch must reach",
                       .default_value = 0.92,
                       .minimum = -1,
                       .maximum = 1},
                      {.name = "batch",
                       .type = ParameterType::integer,
                       .description = "networks that are trained to the end first",
                       .default_value = 100,
                       .minimum = 2},
                      {.name = "other_batches",
                       .type = ParameterType::integer,
                       .description = "of the same size, on which the epoch is judged",
                       .default_value = 5,
                       .minimum = 1},
                      {.name = "runs",
                       .type = ParameterType::integer,
                       .description = "repetitions with other draws",
                       .default_value = 20,
                       .minimum = 1,
                       .maximum = 1e6}},
       .example = "probe: stopping_epoch\nfile: nasbench201/nb201.csv.gz\ncolumns: [val12_c10, val200_1_c10]\n"},
      measure_stopping);
}

}  // namespace nacre
