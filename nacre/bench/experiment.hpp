// What a paper (or nacre itself) claims, declared so that anybody can have it run again: repro/NAME/experiment.yaml.
//
//   title: ...
//   source: arXiv 1812.03443
//   measurements:
//     counts:                             a probe (nacre list probes) and its keys; `seeds` repeats it
//       probe: networks
//       ...
//   gates:                                what must come out
//     - what: MACs of FBNet-A
//       of: counts
//       value: /networks/A/macs           JSON pointer into what the probe gives; `time_s`: how long it took
//       equals: 244452664                 or at_least, at_most, between: [low, high]
//       published: 249M FLOPs
//
// `quick` in a measurement holds keys that replace others in the quick form, or `false`: it is left out there. `quick` in a
// gate likewise. A bound may be another measurement's value: {of: random, value: /best, times: 1, plus: 0}.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/config.hpp"
#include "nacre/base/options.hpp"

namespace nacre {

struct Measurement {
  std::string name;
  std::string probe;
  SourcePosition position;
  std::vector<int64_t> seeds;
  Options options;  // of the probe
};

// What a gate compares with: a constant, or another measurement's mean, scaled and shifted.
struct GateBound {
  Json constant = nullptr;  // number or text; null: the measurement below
  std::string of = "";      // "" for a constant
  std::string pointer = "";
  double times = 1;
  double plus = 0;
};

struct Gate {
  enum class Comparison { equals, at_least, at_most, between };
  // mean: the mean over seeds keeps the bound. every: each seed does. interval: the whole 95 % interval does. most: at least
  // two of three seeds do, each against the same seed's value where the bound is another measurement's; of three seeds that
  // is what the median of the differences says.
  enum class Judge { mean, every, interval, most };

  std::string what;
  std::string of;       // measurement
  std::string pointer;  // "/networks/0/metrics/test_accuracy/value", or "time_s"
  Comparison comparison = Comparison::equals;
  std::vector<GateBound> bounds;  // two for between, else one
  Judge judge = Judge::mean;
  std::string unit;       // "%": the value is a share and shown in percent; else written behind the number
  std::string published;  // what the source says, as text; "" when it says nothing
  std::string note;
};

std::string_view comparison_word(Gate::Comparison comparison);  // "at least", ...
std::string_view judge_name(Gate::Judge judge);

struct Experiment {
  std::string name;  // of its folder: "05", "main_job_digits"
  std::filesystem::path folder;
  std::filesystem::path root;  // holds repro/, examples/, ...: {root} in options
  std::string title;
  std::string source;
  std::string about;  // a paragraph: what is shown and what not
  bool quick = false;
  std::vector<Measurement> measurements;
  std::vector<Gate> gates;
};

// UserError with the position for whatever is missing, unknown or contradictory.
Experiment load_experiment(const std::filesystem::path& folder, bool quick);
// The folders with an experiment.yaml below `repro`, by name.
std::vector<std::filesystem::path> find_experiments(const std::filesystem::path& repro);

}  // namespace nacre
