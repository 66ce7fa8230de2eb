#include "nacre/bench/experiment_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "nacre/base/file.hpp"
#include "nacre/base/hash.hpp"
#include "nacre/base/log.hpp"
#include "nacre/bench/child_program.hpp"
#include "nacre/bench/probe.hpp"

namespace nacre {
namespace {

// Files that options name ("{root}/examples/digits.yaml") belong to the question: their content, or what a YAML file says.
void add_named_files(const Json& value, const Experiment& experiment, std::string& text) {
  if (value.is_structured()) {
    for (const Json& item : value) add_named_files(item, experiment, text);
    return;
  }
  if (!value.is_string()) return;
  std::string name = value.get<std::string>();
  if (!name.starts_with("{root}/") && !name.starts_with("{experiment}/")) return;
  name = with_places(name, {{"root", experiment.root.string()}, {"experiment", experiment.folder.string()}});
  if (!std::filesystem::is_regular_file(name)) return;
  const bool yaml = name.ends_with(".yaml") || name.ends_with(".yml");
  text += "\n" + (yaml ? load_config(name).as_json().dump() : hash_text(read_file(name)).hex());
}

// Under which a stored result answers again: what was asked, by which version.
std::string key_of(const Experiment& experiment, const Measurement& measurement, uint64_t seed) {
  std::string text =
      fmt::format("{}\n{}\n{}\n{}", NACRE_VERSION, measurement.probe, measurement.options.json().dump(), seed);
  add_named_files(measurement.options.json(), experiment, text);
  return hash_text(text).hex();
}

// Steps aside for a new measurement: nothing that was paid for is deleted.
void put_aside(const std::filesystem::path& folder) {
  for (int number = 1;; ++number) {
    const std::filesystem::path old = folder.string() + fmt::format("_before_{}", number);
    if (std::filesystem::exists(old)) continue;
    std::filesystem::rename(folder, old);
    log_info("declared otherwise than when it was measured; the old result is now '{}'", old.string());
    return;
  }
}

class Runner {
 public:
  Runner(const Experiment& experiment, const ExperimentRunOptions& options)
      : experiment_(experiment), options_(options) {}

  ExperimentOutcome run() {
    ExperimentOutcome outcome;
    outcome.experiment = experiment_;
    outcome.machine = read_machine_facts();
    outcome.commit = source_commit(experiment_.folder);
    for (const Measurement& measurement : experiment_.measurements)
      planned_ += static_cast<int64_t>(measurement.seeds.size());
    for (const Measurement& measurement : experiment_.measurements) {
      MeasuredRuns runs{measurement.name, {}};
      for (const int64_t seed : measurement.seeds) {
        runs.runs.push_back(measure(measurement, static_cast<uint64_t>(seed)));
        outcome.time_s += runs.runs.back().time_s;
        ++done_;
      }
      outcome.measurements.push_back(std::move(runs));
    }
    for (const Gate& gate : experiment_.gates) outcome.gates.push_back(judge_gate(gate, outcome.measurements));
    return outcome;
  }

 private:
  MeasuredRun measure(const Measurement& measurement, uint64_t seed) {
    if (options_.interrupted()) throw Interrupted();
    const std::filesystem::path folder = options_.output / measurement.name / fmt::format("seed_{}", seed);
    const std::filesystem::path file = folder / "result.json";
    const std::string key = key_of(experiment_, measurement, seed);
    MeasuredRun run{.seed = seed, .measured = false, .failure = "", .output = nullptr, .time_s = 0};
    if (std::filesystem::exists(file)) {
      const Json stored = parse_json(read_file(file), file.string());
      if (stored.value("key", "") == key) {
        run.time_s = stored.value("time_s", 0.0);
        if (stored.contains("output")) {
          run.measured = true;
          run.output = stored["output"];
          options_.progress({measurement.name, seed, done_, planned_, true});
          return run;
        }
      } else if (stored.contains("key")) {
        put_aside(folder);
      }
    }
    std::filesystem::create_directories(folder);
    options_.progress({measurement.name, seed, done_, planned_, false});
    const ProbeContext context{seed,
                               std::filesystem::absolute(folder),
                               experiment_.root,
                               experiment_.folder,
                               options_.program,
                               options_.interrupted};
    const auto start = std::chrono::steady_clock::now();
    const auto spent = [&] {
      return run.time_s + std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    Json record = {{"key", key}, {"measurement", measurement.name}, {"seed", seed}};
    try {
      run.output = probe_registry().get(measurement.probe).make(measurement.options, context);
      run.measured = true;
      record["output"] = run.output;
    } catch (const UserError& error) {
      run.failure = error.what();
      record["failure"] = run.failure;
      log_warning("{}, seed {}: {}", measurement.name, seed, run.failure);
    } catch (const Interrupted&) {
      record["time_s"] = spent();
      write_file_atomically(file, record.dump(2) + "\n");  // the next sitting goes on counting from here
      throw;
    }
    run.time_s = spent();
    record["time_s"] = run.time_s;
    record["machine"] = to_json(read_machine_facts());
    write_file_atomically(file, record.dump(2) + "\n");
    return run;
  }

  const Experiment& experiment_;
  const ExperimentRunOptions& options_;
  int64_t done_ = 0;
  int64_t planned_ = 0;
};

// The value that a pointer means in one run; UserError when it points nowhere.
Json value_at(const MeasuredRun& run, const std::string& pointer) {
  if (pointer == "time_s") return run.time_s;
  try {
    const Json::json_pointer place(pointer);
    if (run.output.contains(place)) return run.output.at(place);
  } catch (const Json::exception&) {  // not a pointer
  }
  throw UserError("there is no '" + pointer + "' in what was measured");
}

const MeasuredRuns& runs_of(const std::vector<MeasuredRuns>& measurements, const std::string& name) {
  const auto found = std::ranges::find(measurements, name, &MeasuredRuns::name);
  NACRE_CHECK(found != measurements.end(), name);
  return *found;
}

std::vector<Json> values_of(const MeasuredRuns& runs, const std::string& pointer) {
  std::vector<Json> values;
  for (const MeasuredRun& run : runs.runs) {
    if (!run.measured) throw UserError(run.failure.empty() ? "not measured yet" : run.failure);
    values.push_back(value_at(run, pointer));
  }
  return values;
}

std::vector<double> numbers_of(const std::vector<Json>& values, const std::string& pointer) {
  std::vector<double> numbers;
  for (const Json& value : values) {
    if (!value.is_number()) throw UserError(fmt::format("'{}' is {}, expected a number", pointer, value.dump()));
    numbers.push_back(value.get<double>());
  }
  return numbers;
}

std::string plain_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// All seeds give exactly the constant; numbers are compared as such (244452664 and 2.44452664e8 are one number).
bool all_equal(const std::vector<Json>& values, const Json& constant) {
  return std::ranges::all_of(values, [&](const Json& value) { return value == constant; });
}

bool keeps(Gate::Comparison comparison, double value, const std::vector<double>& bounds) {
  switch (comparison) {
    case Gate::Comparison::equals: return value == bounds[0];
    case Gate::Comparison::at_least: return value >= bounds[0];
    case Gate::Comparison::at_most: return value <= bounds[0];
    case Gate::Comparison::between: return value >= bounds[0] && value <= bounds[1];
  }
  return false;
}

// How many seeds keep the bound, each against the same seed of the other measurement.
int64_t count_kept(const Gate& gate, const std::vector<MeasuredRuns>& measurements, const std::vector<double>& values) {
  const auto seeds_of = [&](const std::string& name) {
    std::vector<uint64_t> seeds;
    for (const MeasuredRun& run : runs_of(measurements, name).runs) seeds.push_back(run.seed);
    return seeds;
  };
  std::vector<std::vector<double>> bounds(values.size());
  for (const GateBound& bound : gate.bounds) {
    if (!bound.of.empty() && seeds_of(bound.of) != seeds_of(gate.of))
      throw UserError(
          fmt::format("'{}' and '{}' have other seeds; seed by seed they cannot be compared", gate.of, bound.of));
    std::vector<double> others(values.size(), bound.of.empty() ? bound.constant.get<double>() : 0);
    if (!bound.of.empty())
      others = numbers_of(values_of(runs_of(measurements, bound.of), bound.pointer), bound.pointer);
    for (size_t i = 0; i < values.size(); ++i)
      bounds[i].push_back(bound.of.empty() ? others[i] : bound.times * others[i] + bound.plus);
  }
  int64_t kept = 0;
  for (size_t i = 0; i < values.size(); ++i) kept += keeps(gate.comparison, values[i], bounds[i]) ? 1 : 0;
  return kept;
}

bool judged(const Gate& gate, const std::vector<double>& values, const MeanInterval& interval,
            const std::vector<double>& bounds) {
  const auto kept = [&](double value) { return keeps(gate.comparison, value, bounds); };
  if (gate.comparison == Gate::Comparison::equals || gate.judge == Gate::Judge::every)
    return std::ranges::all_of(values, kept);
  if (gate.judge == Gate::Judge::mean) return kept(interval.mean);
  const double half = interval.half_width.value_or(0);
  return kept(interval.mean - half) && kept(interval.mean + half);
}

}  // namespace

std::string_view gate_state_name(GateState state) {
  switch (state) {
    case GateState::reached: return "reached";
    case GateState::missed: return "missed";
    case GateState::not_measured: return "not measured";
  }
  return "";
}

int64_t ExperimentOutcome::count(GateState state) const {
  return std::ranges::count(gates, state, &GateOutcome::state);
}

ExperimentOutcome run_experiment(const Experiment& experiment, const ExperimentRunOptions& options) {
  return Runner(experiment, options).run();
}

GateOutcome judge_gate(const Gate& gate, const std::vector<MeasuredRuns>& measurements) {
  GateOutcome outcome;
  outcome.gate = gate;
  try {
    const std::vector<Json> values = values_of(runs_of(measurements, gate.of), gate.pointer);
    for (const GateBound& bound : gate.bounds) {
      if (bound.of.empty()) {
        if (bound.constant.is_number()) outcome.bounds.push_back(bound.constant.get<double>());
        continue;
      }
      const std::vector<double> others =
          numbers_of(values_of(runs_of(measurements, bound.of), bound.pointer), bound.pointer);
      outcome.bounds.push_back(bound.times * mean_interval(others).mean + bound.plus);
    }
    const bool numeric = std::ranges::all_of(values, [](const Json& value) { return value.is_number(); });
    if (!numeric) {
      for (const Json& value : values) outcome.texts.push_back(plain_text(value));
      if (gate.comparison != Gate::Comparison::equals || !gate.bounds[0].of.empty())
        throw UserError(fmt::format("'{}' is {}, expected a number", gate.pointer, outcome.texts[0]));
      const bool equal = all_equal(values, gate.bounds[0].constant);
      outcome.state = equal ? GateState::reached : GateState::missed;
      return outcome;
    }
    const std::vector<double> numbers = numbers_of(values, gate.pointer);
    outcome.interval = mean_interval(numbers);
    if (outcome.bounds.size() != gate.bounds.size())
      throw UserError("the bound is a text, the value a number; expected both of one kind");
    bool reached = false;
    if (gate.judge == Gate::Judge::most) {
      outcome.seeds_kept = count_kept(gate, measurements, numbers);
      reached = 3 * *outcome.seeds_kept >= 2 * std::ssize(numbers);
    } else {
      reached = judged(gate, numbers, *outcome.interval, outcome.bounds);
    }
    outcome.state = reached ? GateState::reached : GateState::missed;
  } catch (const UserError& error) {
    outcome.state = GateState::not_measured;
    outcome.reason = error.what();
  }
  return outcome;
}

std::string source_commit(const std::filesystem::path& folder) {
  const std::string none = "not known";
  try {
    const ChildOptions options{.folder = folder.string(), .quiet = true};
    ChildOutcome commit = run_child({"git", "rev-parse", "--short=12", "HEAD"}, options);
    if (commit.exit_code != 0) return none;
    while (!commit.output.empty() && commit.output.back() == '\n') commit.output.pop_back();
    const ChildOutcome changes = run_child({"git", "status", "--porcelain", "--untracked-files=no"}, options);
    return commit.output + (changes.exit_code == 0 && changes.output.empty() ? "" : ", changed");
  } catch (const UserError&) {  // no git
    return none;
  }
}

}  // namespace nacre
