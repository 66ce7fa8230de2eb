#include "nacre/bench/experiment_document.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace nacre {
namespace {

// "244,452,664"; numbers that are no integers with six digits.
std::string number_text(double value) {
  if (value != std::floor(value) || std::abs(value) >= 1e15) return fmt::format("{:.6g}", value);
  std::string digits = fmt::format("{:.0f}", std::abs(value));
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return (value < 0 ? "-" : "") + digits;
}

std::string with_unit(double value, const std::string& unit) {
  if (unit == "%") return fmt::format("{:.4g} %", 100 * value);
  return number_text(value) + (unit.empty() ? "" : " " + unit);
}

// A bar would end a Markdown cell.
std::string cell(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '|' ? std::string("\\|") : c == '\n' ? std::string(" ") : std::string(1, c);
  return result;
}

std::string time_text(double seconds) {
  if (seconds < 120) return fmt::format("{:.3g} s", seconds);
  if (seconds < 7200) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string seeds_text(const MeasuredRuns& runs) {
  std::string text;
  for (const MeasuredRun& run : runs.runs) text += (text.empty() ? "" : ", ") + std::to_string(run.seed);
  return text;
}

std::string machine_text(const MachineFacts& machine) {
  std::string text = fmt::format("{}, {} logical processors", machine.cpu_model, machine.logical_cpus);
  if (machine.memory_bytes > 0)
    text += fmt::format(", {:.0f} GiB", static_cast<double>(machine.memory_bytes) / (1 << 30));
  return text + (machine.operating_system.empty() ? "" : ", " + machine.operating_system);
}

std::string options_text(const Measurement& measurement) {
  return yaml_text(Json{{measurement.name, measurement.options.json()}});
}

}  // namespace

std::string value_text(const GateOutcome& outcome) {
  if (outcome.state == GateState::not_measured) return "-";
  if (!outcome.interval) {
    std::vector<std::string> texts = outcome.texts;
    texts.erase(std::ranges::unique(texts).begin(), texts.end());
    return fmt::format("{}", fmt::join(texts, ", "));
  }
  const MeanInterval& interval = *outcome.interval;
  std::string text = with_unit(interval.mean, outcome.gate.unit);
  if (interval.half_width)
    text += fmt::format(" ± {} ({} seeds)", with_unit(*interval.half_width, outcome.gate.unit), interval.count);
  if (interval.count > 1 && outcome.gate.judge == Gate::Judge::every)
    text += fmt::format(", {} .. {}", with_unit(interval.least, outcome.gate.unit),
                        with_unit(interval.most, outcome.gate.unit));
  if (outcome.seeds_kept) text += fmt::format(", kept by {} of {}", *outcome.seeds_kept, interval.count);
  return text;
}

std::string bound_text(const GateOutcome& outcome) {
  const Gate& gate = outcome.gate;
  std::string text(comparison_word(gate.comparison));
  for (size_t i = 0; i < gate.bounds.size(); ++i) {
    const GateBound& bound = gate.bounds[i];
    if (i > 0) text += " and";
    if (bound.of.empty()) {
      text += " " + (bound.constant.is_number()   ? with_unit(bound.constant.get<double>(), gate.unit)
                     : bound.constant.is_string() ? bound.constant.get<std::string>()
                                                  : bound.constant.dump());
      continue;
    }
    if (i < outcome.bounds.size()) text += " " + with_unit(outcome.bounds[i], gate.unit);
    text += " (";
    if (bound.times != 1) text += fmt::format("{:g} x ", bound.times);
    text += bound.of + " " + bound.pointer;
    if (bound.plus != 0) text += fmt::format(" {:+g}", bound.plus);
    text += ")";
  }
  if (gate.judge != Gate::Judge::mean) text += fmt::format(", {}", judge_name(gate.judge));
  return text;
}

Json to_json(const ExperimentOutcome& outcome) {
  const Experiment& experiment = outcome.experiment;
  Json json = {{"experiment", experiment.name},
               {"title", experiment.title},
               {"form", experiment.quick ? "quick" : "full"},
               {"reached", outcome.count(GateState::reached)},
               {"missed", outcome.count(GateState::missed)},
               {"not_measured", outcome.count(GateState::not_measured)},
               {"commit", outcome.commit},
               {"version", NACRE_VERSION},
               {"time_s", outcome.time_s},
               {"machine", to_json(outcome.machine)}};
  Json& gates = json["gates"] = Json::array();
  for (const GateOutcome& gate : outcome.gates) {
    Json row = {{"what", gate.gate.what},
                {"state", gate_state_name(gate.state)},
                {"value", value_text(gate)},
                {"bound", bound_text(gate)},
                {"published", gate.gate.published}};
    if (gate.interval) {
      row["mean"] = gate.interval->mean;
      row["count"] = gate.interval->count;
      row["half_width"] = gate.interval->half_width ? Json(*gate.interval->half_width) : Json(nullptr);
      row["bounds"] = gate.bounds;
    }
    if (!gate.reason.empty()) row["reason"] = gate.reason;
    gates.push_back(std::move(row));
  }
  Json& measurements = json["measurements"] = Json::object();
  for (const MeasuredRuns& runs : outcome.measurements) {
    Json& rows = measurements[runs.name] = Json::array();
    for (const MeasuredRun& run : runs.runs) {
      Json row = {{"seed", run.seed}, {"time_s", run.time_s}};
      if (run.measured) row["output"] = run.output;
      if (!run.failure.empty()) row["failure"] = run.failure;
      rows.push_back(std::move(row));
    }
  }
  return json;
}

std::string experiment_markdown(const ExperimentOutcome& outcome, const DocumentFacts& facts) {
  const Experiment& experiment = outcome.experiment;
  std::string text = fmt::format("# {}: {}\n\n", experiment.name, experiment.title);
  text +=
      "Written by the command below; edit `" + ("repro/" + experiment.name) + "/experiment.yaml`, not this file.\n\n";
  if (!experiment.about.empty()) text += experiment.about + (experiment.about.ends_with('\n') ? "\n" : "\n\n");
  text += fmt::format("**{} of {} gates reached**", outcome.count(GateState::reached), outcome.gates.size());
  if (outcome.count(GateState::missed) > 0) text += fmt::format(", {} missed", outcome.count(GateState::missed));
  if (outcome.count(GateState::not_measured) > 0)
    text += fmt::format(", {} not measured", outcome.count(GateState::not_measured));
  text += experiment.quick ? " (quick form).\n\n" : ".\n\n";
  text += "| gate | result | measured | bound | published |\n|---|---|---|---|---|\n";
  for (const GateOutcome& gate : outcome.gates) {
    text += fmt::format("| {} | {} | {} | {} | {} |\n", cell(gate.gate.what), gate_state_name(gate.state),
                        cell(value_text(gate)), cell(bound_text(gate)),
                        cell(gate.gate.published.empty() ? "-" : gate.gate.published));
  }
  text += "\nA value over several seeds is their mean with Student's 95 % interval.\n";
  std::string notes;
  for (const GateOutcome& gate : outcome.gates) {
    if (!gate.gate.note.empty()) notes += fmt::format("- {}: {}\n", gate.gate.what, gate.gate.note);
    if (!gate.reason.empty()) notes += fmt::format("- {} was not measured: {}\n", gate.gate.what, gate.reason);
  }
  if (!notes.empty()) text += "\n## Notes\n\n" + notes;
  text += "\n## How it was run\n\n| | |\n|---|---|\n";
  const auto fact = [&](const char* name, const std::string& value) {
    if (!value.empty()) text += fmt::format("| {} | {} |\n", name, cell(value));
  };
  fact("command", "`" + facts.command + "`");
  fact("source", experiment.source);
  fact("date", facts.date);
  fact("nacre", fmt::format("{}, commit {}", NACRE_VERSION, outcome.commit));
  fact("machine", machine_text(outcome.machine));
  fact("time", time_text(outcome.time_s));
  text += "\n| measurement | probe | seeds | time |\n|---|---|---|---|\n";
  for (size_t i = 0; i < outcome.measurements.size(); ++i) {
    const MeasuredRuns& runs = outcome.measurements[i];
    double time_s = 0;
    for (const MeasuredRun& run : runs.runs) time_s += run.time_s;
    text += fmt::format("| {} | {} | {} | {} |\n", runs.name, experiment.measurements[i].probe, seeds_text(runs),
                        time_text(time_s));
  }
  text += "\n<details><summary>Options of the measurements</summary>\n\n```yaml\n";
  for (const Measurement& measurement : experiment.measurements) text += options_text(measurement);
  return text + "```\n\n</details>\n";
}

}  // namespace nacre
