// nacre calibrate: the constants of an accelerator's description fitted to measured cycles.
#include <fmt/format.h>

#include <iostream>

#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/hash.hpp"
#include "nacre/base/log.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/calibration/calibrate.hpp"

namespace nacre {
namespace {

struct CalibrateVerbOptions {
  std::string file;
  std::string accelerator;
  std::string dataflow = "weight_stationary";
  std::vector<std::string> free;
  std::vector<std::string> where;
  CalibrationOptions calibration;
  int64_t seed = 0;
  std::string output;
};

// "a,b" and "c" become a, b, c.
std::vector<std::string> comma_separated(const std::vector<std::string>& words) {
  std::vector<std::string> result;
  for (const std::string& word : words) {
    for (std::size_t begin = 0; begin <= word.size();) {
      const std::size_t end = std::min(word.find(',', begin), word.size());
      if (end > begin) result.push_back(word.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return result;
}

Json figure_json(const PredictionError::Figure& figure) {
  return {{"value", figure.value}, {"low", figure.low}, {"high", figure.high}};
}

Json error_json(const PredictionError& error) {
  return {{"mean", figure_json(error.mean)},
          {"median", figure_json(error.median)},
          {"spearman", figure_json(error.spearman)}};
}

Json result_json(const ConstantFit& result, int64_t folds, const std::string& written) {
  Json constants = Json::array();
  for (const CalibratedConstant& constant : result.constants)
    constants.push_back({{"name", constant.name}, {"before", constant.before}, {"after", constant.after}});
  return {{"rows", result.rows},
          {"layers", result.layers},
          {"folds", folds},
          {"constants", std::move(constants)},
          {"without_effect", result.without_effect},
          {"before", error_json(result.before)},
          {"kept_aside", error_json(result.kept_aside)},
          {"fitted", error_json(result.fitted)},
          {"written", written.empty() ? Json() : Json(written)}};
}

std::string percent(const PredictionError::Figure& figure) {
  return fmt::format("{:.1f} ({:.1f} to {:.1f})", 100 * figure.value, 100 * figure.low, 100 * figure.high);
}

void print_result(const ConstantFit& result, int64_t folds, const std::string& written) {
  std::cout << fmt::format("{} rows, {} layers, {} folds that split by layer\n", result.rows, result.layers, folds);
  TextTable constants({"constant", ">before", ">after"});
  for (const CalibratedConstant& constant : result.constants)
    constants.add({constant.name, fmt::format("{:.4g}", constant.before), fmt::format("{:.4g}", constant.after)});
  std::cout << constants.text();
  TextTable errors({"cycles", ">mean error %", ">median error %", ">Spearman"});
  for (const auto& [name, error] :
       {std::pair{"as described", &result.before}, std::pair{"calibrated, layers kept aside", &result.kept_aside},
        std::pair{"calibrated, all rows", &result.fitted}}) {
    errors.add(
        {name, percent(error->mean), percent(error->median),
         fmt::format("{:.3f} ({:.3f} to {:.3f})", error->spearman.value, error->spearman.low, error->spearman.high)});
  }
  std::cout << errors.text() << "in brackets: 95 % of resampled layers\n";
  if (!written.empty()) std::cout << written << "\n";
}

void append_source(AcceleratorDescription& accelerator, const std::string& source) {
  std::string& place = accelerator.commands ? accelerator.commands->source : accelerator.source;
  place += (place.empty() ? "" : "; ") + source;
}

void run_calibrate(CalibrateVerbOptions options, const Session& session) {
  const AcceleratorDescription accelerator = load_accelerator(options.accelerator);
  MeasuredLayerOptions reading{.where = {}, .dataflow = load_dataflow(options.dataflow)};
  for (const std::string& condition : options.where) {
    const std::size_t equals = condition.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UserError(fmt::format("--where: expected COLUMN=TEXT, found '{}'", condition));
    reading.where[condition.substr(0, equals)] = condition.substr(equals + 1);
  }
  options.calibration.free = comma_separated(options.free);
  options.calibration.seed = static_cast<uint64_t>(options.seed);
  const std::vector<MeasuredLayer> rows = read_measured_layers(options.file, accelerator, reading);
  ConstantFit result = calibrate(rows, accelerator, options.calibration);
  if (!result.without_effect.empty()) {
    log_info("left as they are, for they change none of the rows: {}", fmt::join(result.without_effect, ", "));
  }
  if (!options.output.empty()) {
    std::vector<std::string> names;
    for (const CalibratedConstant& constant : result.constants) names.push_back(constant.name);
    append_source(
        result.accelerator,
        fmt::format("{} calibrated to {} ({}), {} rows: mean error {:.1f} % on layers kept aside",
                    fmt::join(names, ", "), std::filesystem::path(options.file).filename().string(),
                    hash_text(read_file(options.file)).hex(), result.rows, 100 * result.kept_aside.mean.value));
    write_accelerator(result.accelerator, options.output);
  }
  if (session.json)
    std::cout << result_json(result, options.calibration.folds, options.output).dump(2) << "\n";
  else
    print_result(result, options.calibration.folds, options.output);
}

}  // namespace

void add_calibrate(Command& program, Session& session) {
  Command verb =
      program.add_verb("calibrate", "constants of an accelerator's description fitted to cycles that were measured");
  auto options = std::make_shared<CalibrateVerbOptions>();
  verb.add_option("file", options->file, "CSV: a layer a row, with its cycles (docs/calibrate.md)").required();
  verb.add_option("--accelerator", options->accelerator, "a registered name or a file").required();
  verb.add_option("--free", options->free,
                  "constants to fit, separated by commas; left out: all of `commands`, or else all bandwidths");
  verb.add_option("--where", options->where, "COLUMN=TEXT: only rows with this text there");
  verb.add_option("--dataflow", options->dataflow, "of rows without a mapping (weight_stationary)");
  verb.add_option("--folds", options->calibration.folds, "parts of the layers, each kept aside once (5)")
      .non_negative();
  verb.add_option("--seed", options->seed, "of the folds and the intervals (0)").non_negative();
  verb.add_option("-o,--output", options->output, "the calibrated description");
  verb.on_run([options, &session] { run_calibrate(*options, session); });
}

}  // namespace nacre
