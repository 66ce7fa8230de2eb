#include "nacre/app/format_analysis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>

#include "nacre/app/interrupt.hpp"
#include "nacre/app/table.hpp"
#include "nacre/base/log.hpp"
#include "nacre/data/npy.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/quant/model_analysis.hpp"
#include "nacre/run/verify_inputs.hpp"

namespace nacre {
namespace {

struct AnalysisOptions {
  std::string model, data;
  std::vector<std::string> formats;
  int64_t samples = 4, seed = 0;
  double least_db = 30;
};

const std::vector<std::string>& usual_formats() {
  static const std::vector<std::string> names = {"int8",  "int8:channel", "fp8_e4m3", "mxint8", "mxfp8",
                                                 "mxfp6", "nvint4",       "nvfp4",    "mxfp4"};
  return names;
}

// Slices of the first axis as large as the model's own, or all at once where that is a symbol.
std::vector<NamedTensors> samples_of_npy(const Graph& graph, const std::string& path, int64_t most) {
  if (graph.inputs.size() != 1)
    throw UserError(
        fmt::format("--data {}: the model has {} inputs; an NPY file is for one, give a folder with "
                    "input_0.pb, input_1.pb, ...",
                    path, graph.inputs.size()));
  const Value& input = graph.value(graph.inputs[0]);
  const Tensor all = read_npy(std::filesystem::path(path)).cast(input.type);
  if (!input.shape || input.shape->rank() != all.rank() || all.rank() == 0 || all.empty())
    throw UserError(fmt::format("--data {}: an array of {} axes for input '{}' of {}", path, all.rank(), input.name,
                                input.shape ? fmt::format("{} axes", input.shape->rank()) : "unknown rank"));
  const Dim first = (*input.shape)[0];
  const int64_t rows = first.is_fixed() ? first.extent() : std::min<int64_t>(all.extents()[0], 64);
  const int64_t count = std::min(most, all.extents()[0] / rows);
  if (count == 0) throw UserError(fmt::format("--data {}: {} rows, the model takes {}", path, all.extents()[0], rows));
  std::vector<int64_t> extents = all.extents();
  extents[0] = rows;
  const int64_t bytes = all.bytes() / all.extents()[0] * rows;
  std::vector<NamedTensors> samples;
  for (int64_t i = 0; i < count; ++i) {
    Tensor slice(all.type(), extents);
    std::copy_n(all.data() + i * bytes, bytes, slice.mutable_data());
    samples.push_back({{input.name, std::move(slice)}});
  }
  return samples;
}

std::vector<NamedTensors> samples_for(const Graph& graph, const AnalysisOptions& given) {
  if (given.samples < 1) throw UserError(fmt::format("--samples {}: expected at least 1", given.samples));
  std::vector<NamedTensors> samples;
  if (given.data.empty()) {
    log_warning("no --data: inputs are drawn from a normal distribution, real ones spread otherwise");
    for (int64_t i = 0; i < given.samples; ++i)
      samples.push_back(drawn_set(graph, {}, static_cast<uint64_t>(given.seed), i).inputs);
    return samples;
  }
  if (!std::filesystem::is_directory(given.data)) return samples_of_npy(graph, given.data, given.samples);
  for (const OnnxTestSet& set : read_onnx_test_sets(given.data)) {
    if (static_cast<int64_t>(samples.size()) == given.samples) break;
    samples.push_back(stored_set(graph, set).inputs);
  }
  return samples;
}

ModelAnalysis analysis_of(const AnalysisOptions& given) {
  std::vector<Format> formats;
  for (const std::string& word : given.formats.empty() ? usual_formats() : given.formats)
    formats.push_back(parse_format(word));
  const Graph graph = read_onnx(given.model);
  install_interrupt_handlers();
  const std::vector<NamedTensors> samples = samples_for(graph, given);
  const GraphRunner reference = [](const Graph& watched, const NamedTensors& inputs) {
    return run_reference(watched, inputs);
  };
  ModelAnalysis analysis = analyze_model(graph, samples, formats, reference, [](const std::string& layer) {
    if (interrupt_requested()) throw Interrupted();
    log_debug("formats: {}", layer);
  });
  for (const std::string& reason : analysis.skipped) log_warning("not analyzed: {}", reason);
  return analysis;
}

// --- printing

Json decibel_json(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json optional_json(const std::optional<double>& value) { return value ? decibel_json(*value) : Json(nullptr); }

std::string decibel_text(double value) { return std::isinf(value) ? "exact" : fmt::format("{:.1f}", value); }
std::string optional_text(const std::optional<double>& value, const char* format) {
  return value ? fmt::format(fmt::runtime(format), *value) : "-";
}

Json trial_json(const FormatTrial& trial) {
  return {{"format", format_text(trial.format)},
          {"weights_predicted_db", optional_json(trial.weights_predicted_db)},
          {"weights_sqnr_db", decibel_json(trial.weights_db)},
          {"activations_predicted_db", optional_json(trial.activations_predicted_db)},
          {"activations_sqnr_db", decibel_json(trial.activations_db)},
          {"output_sqnr_db", decibel_json(trial.output_db)},
          {"stored_bits", trial.stored_bits}};
}

void analyze(const AnalysisOptions& given, const Session& session) {
  const ModelAnalysis analysis = analysis_of(given);
  if (session.json) {
    Json json = {{"model", given.model}, {"skipped", analysis.skipped}};
    Json& layers = json["layers"] = Json::array();
    for (const LayerAnalysis& layer : analysis.layers) {
      Json trials = Json::array();
      for (const FormatTrial& trial : layer.trials) trials.push_back(trial_json(trial));
      layers.push_back({{"layer", layer.name},
                        {"op", layer.op},
                        {"weights_kappa_32", optional_json(layer.weights.kappa_32)},
                        {"weights_kappa_16", optional_json(layer.weights.kappa_16)},
                        {"activations_kappa_32", optional_json(layer.activations.kappa_32)},
                        {"activations_kappa_16", optional_json(layer.activations.kappa_16)},
                        {"trials", trials}});
    }
    std::cout << json.dump(2) << "\n";
    return;
  }
  for (const LayerAnalysis& layer : analysis.layers) {
    std::cout << fmt::format(
        "{} ({}): kappa of blocks of 32 / 16: {} {} / {}, activations {} / {}\n", layer.name, layer.op,
        layer.weights_constant ? "weights" : "second operand", optional_text(layer.weights.kappa_32, "{:.2f}"),
        optional_text(layer.weights.kappa_16, "{:.2f}"), optional_text(layer.activations.kappa_32, "{:.2f}"),
        optional_text(layer.activations.kappa_16, "{:.2f}"));
    TextTable table({"format", ">weights dB", ">predicted", ">activations dB", ">predicted", ">output dB", ">kB"});
    for (const FormatTrial& trial : layer.trials)
      table.add({format_text(trial.format), decibel_text(trial.weights_db),
                 optional_text(trial.weights_predicted_db, "{:.1f}"), decibel_text(trial.activations_db),
                 optional_text(trial.activations_predicted_db, "{:.1f}"), decibel_text(trial.output_db),
                 fmt::format("{:.1f}", static_cast<double>(trial.stored_bits) / 8000)});
    std::cout << table.text();
  }
}

// Places of the trials, the best output first, of equal ones the fewest bits.
std::vector<size_t> ranking(const LayerAnalysis& layer) {
  std::vector<size_t> places(layer.trials.size());
  for (size_t i = 0; i < places.size(); ++i) places[i] = i;
  std::ranges::stable_sort(places, [&](size_t a, size_t b) {
    const FormatTrial &one = layer.trials[a], &other = layer.trials[b];
    if (one.output_db != other.output_db) return one.output_db > other.output_db;
    return one.stored_bits < other.stored_bits;
  });
  return places;
}

void advise(const AnalysisOptions& given, const Session& session) {
  const ModelAnalysis analysis = analysis_of(given);
  Json layers = Json::array();
  TextTable table({"layer", "advised", ">output dB", ">kB", "by output error"});
  int64_t bits = 0;
  size_t below = 0;
  for (const LayerAnalysis& layer : analysis.layers) {
    const FormatTrial& advised = layer.trials[advised_trial(layer, given.least_db)];
    const bool kept = advised.output_db >= given.least_db;
    below += !kept;
    bits += advised.stored_bits;
    std::vector<std::string> order;
    for (const size_t place : ranking(layer)) order.push_back(format_text(layer.trials[place].format));
    layers.push_back({{"layer", layer.name},
                      {"advised", trial_json(advised)},
                      {"keeps_least_db", kept},
                      {"by_output_error", order}});
    table.add({layer.name, format_text(advised.format) + (kept ? "" : " (below)"), decibel_text(advised.output_db),
               fmt::format("{:.1f}", static_cast<double>(advised.stored_bits) / 8000),
               fmt::format("{}", fmt::join(order, " > "))});
  }
  if (session.json) {
    std::cout << Json{{"model", given.model},  {"least_db", given.least_db},  {"stored_bits", bits},
                      {"layers_below", below}, {"skipped", analysis.skipped}, {"layers", layers}}
                     .dump(2)
              << "\n";
    return;
  }
  std::cout << table.text()
            << fmt::format("fewest stored bits with an output of at least {:g} dB: {:.1f} kB for {} layers, {} below\n",
                           given.least_db, static_cast<double>(bits) / 8000, analysis.layers.size(), below);
}

void add_common(Command& verb, const std::shared_ptr<AnalysisOptions>& options) {
  verb.add_option("model", options->model, "ONNX file").required();
  verb.add_option("--data", options->data,
                  "calibration inputs: an NPY file of one input, or a folder with input_0.pb, ... or test_data_set_0, "
                  "... (drawn unless given)");
  verb.add_option("--formats", options->formats, "formats to try (nine usual ones)").expected(1, 100);
  verb.add_option("--samples", options->samples, "batches of the data at most (4)");
  verb.add_option("--seed", options->seed, "of drawn inputs (0)").non_negative();
}

}  // namespace

void add_format_analysis(Command& formats, Session& session) {
  Command analyze_verb =
      formats.add_verb("analyze", "spread of a model's operands, and the error of formats layer by layer");
  auto options = std::make_shared<AnalysisOptions>();
  add_common(analyze_verb, options);
  analyze_verb.on_run([options, &session] { analyze(*options, session); });

  Command advise_verb = formats.add_verb("advise", "for each layer the format of fewest bits that keeps its output");
  auto advice = std::make_shared<AnalysisOptions>();
  add_common(advise_verb, advice);
  advise_verb.add_option("--least-db", advice->least_db, "SQNR that a layer's output must keep, in dB (30)");
  advise_verb.on_run([advice, &session] { advise(*advice, session); });
}

}  // namespace nacre
