// Trainings that are not worth finishing: `search.stop`.
//
// A rule looks at a training curve while it grows and may end it; the trial is then `pruned` and, where the rule forecasts the end,
// has the forecast as its metric. Two sides, which need not live in one process:
//
//   TrainingStops   whoever drives a search: hears every finished trial and says, of a trial that begins, what a rule may know
//   TrainingWatch   whoever trains: is handed that knowledge (plain JSON) and looks at the curve after each epoch
//
// What a trial may be stopped by are the trials that were told when it was asked for, never those that happened to finish
// meanwhile: any number of workers, and a killed and resumed run, stop the same trainings at the same epochs.
//
// A rule compares with a bar, the best so far. Of one objective it is the best trial that keeps the limits; under a scalarization,
// penalty or Lagrangian it is the quality at which this network, with its own costs, would be as good as that trial; of several
// objectives the best trial that is no worse in all others: a training is stopped when its network would not be on the front.
// Only trials of the same epochs, data share and resolution are compared.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/base/registry.hpp"
#include "nacre/design/trial.hpp"
#include "nacre/predict/learning_curve.hpp"
#include "nacre/search/objective.hpp"

namespace nacre {

// A rule sees larger values as better: what is minimized comes negated.
struct FinishedTraining {
  int64_t trial = -1;
  std::vector<CurveObservation> curve;  // to its last epoch
};

struct StopVerdict {
  struct Forecast {
    double end = 0, deviation = 0;  // of the value at the last epoch
    double probability = 0;         // of not being better than the bar
  };
  struct Comparison {
    double reached = 0, median = 0;
  };
  bool stop = false;
  std::optional<Forecast> forecast = std::nullopt;  // by what the rule judged: one of both
  std::optional<Comparison> comparison = std::nullopt;
};

class StoppingRule {
 public:
  virtual ~StoppingRule() = default;
  virtual bool needs_bar() const = 0;
  // What is learned from finished trainings of so many epochs, for others of as many; null: nothing yet, none is stopped.
  virtual Json learn(std::span<const FinishedTraining* const> finished, double horizon) const = 0;
  // `curve`: of at least one observation, before its horizon. `bar`: where the rule needs one.
  virtual StopVerdict judge(const Json& learned, std::span<const CurveObservation> curve, double horizon,
                            double bar) const = 0;
};

using StoppingRuleFactory = std::function<std::unique_ptr<StoppingRule>(const Options& options)>;
const Registry<StoppingRuleFactory>& stopping_rule_registry();

// Which rule, with its options; `by` empty: none.
struct StoppingSettings {
  std::string by;
  Options options;
};
// {by: learning_curve, probability: 0.9}, or the bare word. UserError with position.
StoppingSettings stopping_from_config(const ConfigNode& node);

class TrainingStops {
 public:
  TrainingStops(const StoppingSettings& settings, const ObjectiveSet& objectives);
  ~TrainingStops();

  // A finished trial of any status, as the strategy is told.
  void tell(const Trial& trial);
  int64_t told() const { return static_cast<int64_t>(told_.size()); }

  struct Case {
    int64_t told = 0;  // only the first so many tells count
    Fidelity fidelity;
    double epochs = 0;  // that the training will have
    Metrics costs;      // what is known of the network before it is trained
  };
  // For a TrainingWatch; null: the training is not to be stopped.
  Json knowledge(const Case& of) const;

 private:
  struct Told {
    int64_t trial = -1;
    bool answers = false;  // ok and trained itself
    bool good = false;     // and within the limits
    Fidelity fidelity;
    Metrics metrics;
    FinishedTraining training;
  };
  struct Bar {
    double value = 0;  // of the quality, as it is
    int64_t trial = -1;
  };

  std::optional<Bar> bar(const Case& of) const;
  std::optional<double> equal_quality(const Metrics& costs, const Metrics& rival) const;
  double sign() const { return quality_.direction == Direction::maximize ? 1 : -1; }

  StoppingSettings settings_;
  ObjectiveSet objectives_;
  Objective quality_;  // the main objective, which training improves
  std::unique_ptr<StoppingRule> rule_;
  std::vector<Told> told_;
};

class TrainingWatch {
 public:
  explicit TrainingWatch(const Json& knowledge);
  ~TrainingWatch();
  TrainingWatch(TrainingWatch&&) noexcept;

  // After an epoch: false when the rest of the training is not worth it.
  bool goes_on(const CurvePoint& point);
  // Of a trial that was stopped: its reason, and the forecast in the place of the last epoch's metric. Others stay as they are.
  void settle(Trial& trial) const;

 private:
  std::unique_ptr<StoppingRule> rule_;
  std::string metric_, rule_name_;
  double sign_ = 1, horizon_ = 0, bar_ = 0;
  int64_t bar_trial_ = -1;
  Json learned_;
  std::vector<CurveObservation> curve_;
  std::optional<StopVerdict> verdict_;
};

// Called by register.cpp only.
void add_learning_curve_rule(Registry<StoppingRuleFactory>& registry);
void add_median_rule(Registry<StoppingRuleFactory>& registry);

}  // namespace nacre
