// nacre verify MODEL: are the outputs right? nacre's executors, the file that nacre writes of the model, and ONNX Runtime, on
// stored inputs and outputs or on drawn inputs.
#include <fmt/format.h>

#include <iostream>

#include "nacre/app/interrupt.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/config.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/json.hpp"
#include "nacre/base/log.hpp"
#include "nacre/hw/onnxruntime/session.hpp"
#include "nacre/run/verify_model.hpp"

namespace nacre {
namespace {

using Outcome = VerifyReport::Outcome;

struct VerifyVerbOptions {
  std::vector<std::string> models;
  std::string data;
  bool onnxruntime = false;
  std::string package;
  std::string executor = "both";
  bool no_reexport = false;
  int64_t samples = 1;
  int64_t seed = 0;
  int64_t draw = -1;  // below 0: parameters without values are refused
  double tolerance = 1e-4;
  std::vector<std::string> bindings;
  std::vector<std::string> shapes;
};

struct Assignment {
  std::string name, value;
};

Assignment split_assignment(const std::string& option, const std::string& word, const std::string& example) {
  const size_t equals = word.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == word.size())
    throw UserError(fmt::format("{} '{}': expected {}", option, word, example));
  return {word.substr(0, equals), word.substr(equals + 1)};
}

int64_t extent_from(const std::string& option, const std::string& word, const std::string& digits) {
  const int64_t extent = parse_config(digits, option + " " + word).as_integer(option);
  if (extent < 0) throw UserError(fmt::format("{} '{}': expected extents >= 0", option, word));
  return extent;
}

// "1x3x224x224"; "scalar" has none.
std::vector<int64_t> extents_from(const std::string& word, const std::string& text) {
  std::vector<int64_t> extents;
  if (text == "scalar") return extents;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find('x', start), text.size());
    extents.push_back(extent_from("--shape", word, text.substr(start, end - start)));
    start = end + 1;
  }
  return extents;
}

VerifyOptions options_from(const VerifyVerbOptions& given) {
  VerifyOptions options;
  const std::vector<std::string> executors = {"both", "reference", "torch"};
  if (std::ranges::find(executors, given.executor) == executors.end())
    throw UserError("--executor: " + unknown_name_message("executor", given.executor, executors));
  options.reference = given.executor != "torch";
  options.torch = given.executor != "reference";
  options.every_executor = given.executor != "both";
  options.reexport = !given.no_reexport;
  options.samples = given.samples;
  if (given.samples < 1) throw UserError(fmt::format("--samples {}: expected at least 1", given.samples));
  options.seed = static_cast<uint64_t>(given.seed);
  if (given.draw >= 0) options.draw = static_cast<uint64_t>(given.draw);
  options.tolerance = given.tolerance;
  for (const std::string& word : given.bindings) {
    const Assignment item = split_assignment("--bind", word, "name=number, e.g. batch=1");
    options.bindings[item.name] = extent_from("--bind", word, item.value);
  }
  for (const std::string& word : given.shapes) {
    const Assignment item = split_assignment("--shape", word, "input=extents, e.g. image=1x3x224x224");
    options.shapes[item.name] = extents_from(word, item.value);
  }
  install_interrupt_handlers();
  options.interrupted = [] { return interrupt_requested(); };
  return options;
}

std::vector<ModelToVerify> models_from(const VerifyVerbOptions& given) {
  std::vector<ModelToVerify> models;
  for (const std::string& path : given.models)
    std::ranges::move(find_models_to_verify(path), std::back_inserter(models));
  if (given.data.empty()) return models;
  if (models.size() != 1) throw UserError(fmt::format("--data belongs to one model, {} are given", models.size()));
  models[0].sets = read_onnx_test_sets(given.data);
  return models;
}

// A model that cannot be checked does not keep the others from it.
std::vector<VerifyReport> verify_all(const std::vector<ModelToVerify>& models, const VerifyOptions& options) {
  if (models.size() == 1) return {verify_model(models[0], options)};
  std::vector<VerifyReport> reports;
  for (const ModelToVerify& model : models) {
    log_debug("verify: {} ({} of {})", model.name, reports.size() + 1, models.size());
    try {
      reports.push_back(verify_model(model, options));
    } catch (const UserError& error) {
      VerifyReport& report = reports.emplace_back();
      report.name = model.name;
      report.outcome = Outcome::refused;
      report.refusal = error.what();
    }
  }
  return reports;
}

// --- printing

std::string difference_text(double difference) { return difference == 0 ? "0" : fmt::format("{:.2e}", difference); }

Json comparison_json(const VerifyComparison& item) {
  Json json = {{"set", item.set},
               {"output", item.output},
               {"found_by", item.found_by},
               {"expected_by", item.expected_by},
               {"largest_difference", item.difference.largest},
               {"relative_difference", item.difference.relative},
               {"outside", item.difference.outside},
               {"agreed", item.difference.equal()}};
  if (item.difference.worst.has_value())
    json["worst"] = {{"index", item.worst}, {"found", item.found}, {"expected", item.expected}};
  if (!item.difference.equal()) json["message"] = item.message();
  return json;
}

Json report_json(const VerifyReport& report) {
  Json json = {{"model", report.name}, {"outcome", std::string(outcome_name(report.outcome))}};
  if (report.outcome == Outcome::refused) {
    json["refusal"] = report.refusal;
    return json;
  }
  json["nodes"] = report.nodes;
  json["opset_written"] = report.opset == 0 ? Json() : Json(report.opset);
  json["inputs"] = report.inputs;
  json["largest_difference"] = report.largest();
  json["relative_difference"] = report.relative();
  json["notes"] = report.notes;
  Json& rows = json["comparisons"] = Json::array();
  for (const VerifyComparison& item : report.comparisons) rows.push_back(comparison_json(item));
  return json;
}

// One model: a row for every output.
void print_report(const VerifyReport& report) {
  TextTable table({"set", "output", "found by", "expected by", ">largest difference", ">relative", "agreed"});
  for (const VerifyComparison& item : report.comparisons) {
    table.add({item.set, item.output, item.found_by, item.expected_by, difference_text(item.difference.largest),
               difference_text(item.difference.relative), item.difference.equal() ? "yes" : "no"});
  }
  std::cout << "inputs " << fmt::format("{}", fmt::join(report.inputs, ", ")) << "\n" << table.text();
}

// Many models: a row each.
void print_reports(const std::vector<VerifyReport>& reports) {
  TextTable table({"model", ">nodes", ">compared", ">largest difference", ">relative", "outcome"});
  for (const VerifyReport& report : reports) {
    if (report.outcome == Outcome::refused) {
      table.add({report.name, "", "", "", "", "refused"});
      continue;
    }
    table.add({report.name, std::to_string(report.nodes), std::to_string(report.comparisons.size()),
               difference_text(report.largest()), difference_text(report.relative()),
               std::string(outcome_name(report.outcome))});
  }
  std::cout << table.text();
}

void warn(const VerifyReport& report, bool name_it) {
  const std::string before = name_it ? report.name + ": " : "";
  for (const std::string& note : report.notes) log_warning("{}{}", before, note);
  if (report.outcome == Outcome::refused) log_error("{}{}", before, report.refusal);
  for (const VerifyComparison& item : report.comparisons) {
    if (!item.difference.equal()) log_error("{}{}", before, item.message());
  }
}

void verify(const VerifyVerbOptions& given, Session& session) {
  VerifyOptions options = options_from(given);
  const std::vector<ModelToVerify> models = models_from(given);
  std::unique_ptr<OnnxRuntimeSession> runtime;
  if (given.onnxruntime || !given.package.empty()) {
    runtime = std::make_unique<OnnxRuntimeSession>(
        OnnxRuntimeSettings{.package = given.package, .interrupted = options.interrupted});
    options.onnxruntime = runtime.get();
  }
  const std::vector<VerifyReport> reports = verify_all(models, options);
  size_t counts[3] = {};
  for (const VerifyReport& report : reports) {
    ++counts[static_cast<size_t>(report.outcome)];
    warn(report, reports.size() > 1);
  }
  const auto [agreed, differ, refused] = counts;
  session.exit_code = differ > 0 ? kExitDiffers : refused > 0 ? kExitBadInput : kExitDone;
  double largest = 0;
  for (const VerifyReport& report : reports) largest = std::max(largest, report.largest());
  if (session.json) {
    Json json = {{"agreed", agreed == reports.size()},
                 {"tolerance", given.tolerance},
                 {"onnxruntime", runtime ? Json(runtime->version()) : Json()},
                 {"largest_difference", largest}};
    Json& rows = json["models"] = Json::array();
    for (const VerifyReport& report : reports) rows.push_back(report_json(report));
    std::cout << json.dump(2) << "\n";
    return;
  }
  if (reports.size() == 1)
    print_report(reports[0]);
  else
    print_reports(reports);
  std::cout << fmt::format(
      "{}: {} agreed, {} differ, {} refused; largest difference {}, tolerance {:g} + {:g} |expected|{}\n",
      reports.size() == 1 ? "1 model" : fmt::format("{} models", reports.size()), agreed, differ, refused,
      difference_text(largest), given.tolerance, given.tolerance, runtime ? "; " + runtime->version() : "");
}

}  // namespace

void add_verify(Command& program, Session& session) {
  Command verb = program.add_verb("verify", "a model's outputs against stored ones, ONNX Runtime and each other");
  auto options = std::make_shared<VerifyVerbOptions>();
  verb.add_option("models", options->models,
                  "ONNX files, folders of them, or test cases (model.onnx beside test_data_set_0; also .tar.gz)")
      .required()
      .expected(1, 100000);
  verb.add_option("--data", options->data,
                  "folder with input_0.pb, output_0.pb, ... or test_data_set_0, ... of the one model");
  verb.add_flag("--onnxruntime", options->onnxruntime,
                "compare with ONNX Runtime, on the model and on what nacre writes of it (scripts/install_onnxruntime)");
  verb.add_option("--package", options->package, "folder of onnxruntime-node; implies --onnxruntime");
  verb.add_option("--executor", options->executor, "of nacre: reference (slow), torch or both (default)");
  verb.add_flag("--no-reexport", options->no_reexport, "do not compare the file that nacre writes of the model");
  verb.add_option("--samples", options->samples, "sets of inputs to draw where none are stored (1)");
  verb.add_option("--seed", options->seed, "of drawn inputs (0)").non_negative();
  verb.add_option("--draw", options->draw, "seed with which parameters without values are drawn").non_negative();
  verb.add_option("--bind", options->bindings, "value of a symbolic dimension, e.g. --bind past=1024 (1 unless given)");
  verb.add_option("--shape", options->shapes, "shape of an input, e.g. --shape image=1x3x224x224");
  verb.add_option("--tolerance", options->tolerance,
                  "T in |found - expected| <= T + T |expected| (1e-4; outputs of 16-bit floats are allowed more)")
      .non_negative();
  verb.on_run([options, &session] { verify(*options, session); });
}

}  // namespace nacre
