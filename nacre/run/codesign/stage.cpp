#include "nacre/run/codesign/stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "nacre/search/lagrangian.hpp"

namespace nacre {
namespace {

// Ends a strategy after so many asks.
class LimitedAsks final : public Strategy {
 public:
  LimitedAsks(std::unique_ptr<Strategy> strategy, int64_t asks) : strategy_(std::move(strategy)), asks_(asks) {}
  std::optional<Proposal> ask(int64_t number, Random& random) override {
    return number >= asks_ ? std::nullopt : strategy_->ask(number, random);
  }
  void tell(const Trial& trial) override { strategy_->tell(trial); }
  bool takes_record() const override { return strategy_->takes_record(); }
  void replay(int64_t number, Random& random, const Proposal& proposal) override {
    strategy_->replay(number, random, proposal);
  }
  Json statistics() const override { return strategy_->statistics(); }

 private:
  std::unique_ptr<Strategy> strategy_;
  int64_t asks_;
};

// Costs and how far they are beyond the limits.
class PenalizedTarget final : public Target {
 public:
  PenalizedTarget(std::shared_ptr<CodesignCosts> costs, SpecPenalty penalty)
      : target_(std::move(costs)), penalty_(std::move(penalty)) {}
  const std::string& name() const override { return target_.name(); }
  const std::vector<MetricSpec>& metrics() const override { return target_.metrics(); }
  std::string identity() const override { return target_.identity(); }
  bool measures() const override { return false; }
  Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile& activity) override {
    Cost cost = target_.cost(design, deployment, activity);
    cost.totals["penalty"] = {
        .value = penalty_(cost.totals), .unit = "", .origin = Origin::modelled, .source = "limits"};
    return cost;
  }

 private:
  CodesignTarget target_;
  SpecPenalty penalty_;
};

Design design_of(const CodesignStage& stage, const Decisions& decisions) {
  Design design;
  design.decisions = stage.joint ? stage.joint(decisions) : decisions;
  return design;
}

std::unique_ptr<TrialExecutor> executor_of(const CodesignStage& stage, const CodesignParts& parts) {
  return make_inline_executor([&stage, &parts](const Trial& trial, const Json&) {
    Trial result = trial;
    result.status = TrialStatus::ok;
    if (stage.judges) parts.networks.evaluate(design_of(stage, trial.candidate.decisions).decisions, result);
    return TrialOutcome{trial.number, std::move(result), "", {}};
  });
}

std::unique_ptr<Strategy> strategy_of(const CodesignStage& stage, const CodesignParts& parts) {
  StrategyContext context{stage.trace, stage.objectives, stage.asks, parts.plan.base_folder, parts.interrupted};
  context.identify = [&stage](const Decisions& decisions) { return std::optional(stage.identity(decisions)); };
  const auto& entry = strategy_registry().get(stage.strategy);
  const Options options = options_from_json(stage.strategy_options, entry.parameters, "strategy " + stage.strategy);
  return std::make_unique<LimitedAsks>(make_strategy(stage.strategy, options, context), stage.asks);
}

}  // namespace

StageOutcome run_stage(const CodesignStage& stage, const CodesignParts& parts) {
  const auto executor = executor_of(stage, parts);
  DriveSettings settings;
  settings.seed = mix_seed(parts.plan.search.seed, hash_text(stage.name).low);
  settings.lookahead = parts.plan.search.lookahead;
  settings.objectives = stage.objectives;
  settings.repeats_in_a_row = std::max<int64_t>(200, stage.asks);
  settings.reuse = {
      .task_identity = stage.name,
      .evaluator_identity = "codesign",
      .target_identities = {},
      .identity_of = [&parts](const Design& design) { return parts.plan.space->identity(design.decisions).hex(); }};
  DriveParts drive_parts{parts.store,
                         [&] { return strategy_of(stage, parts); },
                         [&](const Candidate& candidate, Random& random) {
                           Candidate complete = candidate;
                           complete.decisions = stage.trace.complete(candidate.decisions, random);
                           return complete;
                         },
                         [&](const Candidate& candidate) { return design_of(stage, candidate.decisions); },
                         {},
                         *executor,
                         parts.interrupted,
                         [&](const Progress& progress) { parts.progress(stage.name, progress); }};
  if (stage.costs) drive_parts.costs = {{std::make_shared<PenalizedTarget>(parts.costs, parts.penalty), {}}};
  const DriveResult driven = drive(settings, drive_parts);
  if (driven.reason == StopReason::interrupted) throw Interrupted();
  StageOutcome outcome{.trials = parts.store.trials(), .statistics = driven.strategy_statistics};
  std::set<std::string> designs, networks;
  for (const Trial& trial : outcome.trials) {
    if (!trial.is_complete() || trial.status == TrialStatus::failed) continue;
    const Decisions joint = design_of(stage, trial.candidate.decisions).decisions;
    if (stage.costs) designs.insert(trial.key);
    if (!stage.judges || trial.status != TrialStatus::ok) continue;
    for (size_t i = 0; i < parts.plan.tasks.size(); ++i)
      networks.insert(
          fmt::format("{} {}", i, parts.plan.space->network_identity(parts.plan.space->network(joint, i), i).hex()));
  }
  outcome.cost_evaluations = std::ssize(designs);
  outcome.network_evaluations = std::ssize(networks);
  return outcome;
}

const Trial* best_trial(const std::vector<Trial>& trials, const ObjectiveSet& objectives) {
  const auto rank = [&](const Trial& trial) {
    const bool within = trial.status == TrialStatus::ok && objectives.feasible(trial.metrics);
    const double penalty = metric_value(trial.metrics, "penalty").value_or(within ? 0 : HUGE_VAL);
    return std::tuple(!within, within ? 0.0 : penalty, objectives.goal(trial.metrics).value_or(HUGE_VAL), trial.number);
  };
  const Trial* best = nullptr;
  for (const Trial& trial : trials) {
    if (!trial.is_complete() || trial.status == TrialStatus::failed) continue;
    if (best == nullptr || rank(trial) < rank(*best)) best = &trial;
  }
  return best;
}

}  // namespace nacre
