// Costs measured by a program that the user names: it is given an ONNX file and prints one JSON object.
//
//   measure.sh /tmp/.../model.onnx   ->   {"latency_s": 0.0021, "energy_j": {"value": 0.004, "spread": 0.0002, "count": 50}}
//
// A phone over adb, a board over ssh, a simulator, a runtime of another language: whatever can be put into a script. The
// network is given in the form that is deployed: symbols bound, weights drawn, batch norms folded.
//
// What an answer may hold: each metric as a number, null (not known) or {"value", "spread", "count", "source"}, at the top
// or under "metrics"; "device" (names what measured); "error": why this network cannot be measured, which is believed and
// not tried again. It is the whole of standard output or its last line that begins with a brace.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/command.hpp"
#include "nacre/design/target.hpp"

namespace nacre {

struct CommandTargetSettings {
  std::string name = "command";
  CommandSettings command;
  std::optional<CommandSettings> describe;  // prints the device's name and versions: part of the identity
  std::string identity;                     // of everything else
  std::string device = "command";           // what is leased
  bool local = true;                        // it computes on this machine: evaluations pause meanwhile
  std::vector<MetricSpec> metrics;          // that the program answers, the main one first
  int64_t failures_in_a_row = 5;            // networks; then it is the device that fails: DeviceError
};

// What the program finds filled in: model, inputs (JSON: name, type, shape of each), batch, threads, device.
const std::vector<std::string>& command_target_placeholders();

class CommandTarget : public Target {
 public:
  explicit CommandTarget(CommandTargetSettings settings);

  const std::string& name() const override { return settings_.name; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override;
  bool measures() const override { return true; }
  std::string device() const override { return settings_.device; }
  bool uses_this_machine() const override { return settings_.local; }
  void set_interruption(std::function<bool()> interrupted) override { interrupted_ = std::move(interrupted); }
  Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile& activity) override;

 private:
  Metrics measure(const Graph& deployed, const Deployment& deployment);
  Metrics attempt(const SubprocessOptions& options);

  CommandTargetSettings settings_;
  std::vector<MetricSpec> metrics_;
  std::function<bool()> interrupted_;
  mutable std::optional<std::string> described_;
  int64_t failures_in_a_row_ = 0;
};

// The network as it is given to the program.
Graph graph_to_measure(const Graph& graph, const Deployment& deployment);

// The metrics `wanted` in a program's standard output; `device` receives its "device", "" when it names none. UserError
// when there is no JSON object, when a metric is missing or is no number; CommandRefusal for "error".
Metrics read_command_answer(const std::string& output, const std::vector<MetricSpec>& wanted, const std::string& how);

// The program's own word that this network cannot be measured.
class CommandRefusal : public UserError {
 public:
  using UserError::UserError;
};

// Direction and unit by the name's end: _s, _j, _w, _bytes, _mm2; smaller is better but for names in _per_s.
MetricSpec metric_spec_of_name(const std::string& name);

}  // namespace nacre
