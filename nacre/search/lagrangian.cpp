#include "nacre/search/lagrangian.hpp"

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {

DualAscent::DualAscent(const ObjectiveSet& objectives)
    : objectives_(objectives), multipliers_(std::make_shared<std::vector<double>>(objectives.limits.size(), 0.0)) {
  NACRE_CHECK(objectives.penalty_weight > 0, "dual ascent needs a step");
}

double DualAscent::value(const Known& known) const {
  const double weight = objectives_.penalty_weight;
  double added = 0;
  for (size_t i = 0; i < known.distances.size(); ++i) {
    const double multiplier = (*multipliers_)[i];
    const double pull = std::max(0.0, multiplier + weight * known.distances[i]);
    added += (pull * pull - multiplier * multiplier) / (2 * weight);
  }
  return known.goal + added * std::abs(known.goal);
}

void DualAscent::tell(const Trial& trial) {
  if (trial.status != TrialStatus::ok && trial.status != TrialStatus::infeasible) return;
  const std::optional<double> goal = objectives_.goal(trial.metrics);
  if (!goal || objectives_.limits.empty()) return;
  Known known{*goal, {}};
  for (const Limit& limit : objectives_.limits) {
    const std::optional<double> distance = limit.relative_distance(trial.metrics);
    if (!distance) return;
    known.distances.push_back(std::clamp(*distance, -1.0, 1.0));
  }
  const auto beats = [](const Known& a, const Known& b) {
    if (a.goal > b.goal) return false;
    for (size_t i = 0; i < a.distances.size(); ++i) {
      if (a.distances[i] > b.distances[i]) return false;
    }
    return true;
  };
  if (std::ranges::none_of(known_, [&](const Known& other) { return beats(other, known); })) {
    std::erase_if(known_, [&](const Known& other) { return beats(known, other); });
    known_.push_back(std::move(known));
  }
  const auto least = std::ranges::min_element(known_, {}, [&](const Known& other) { return value(other); });
  const double step = objectives_.penalty_weight / std::sqrt(static_cast<double>(++moves_));
  for (size_t i = 0; i < multipliers_->size(); ++i) {
    (*multipliers_)[i] = std::max(0.0, (*multipliers_)[i] + step * least->distances[i]);
  }
}

namespace {

class LagrangianStrategy final : public Strategy {
 public:
  LagrangianStrategy(const ObjectiveSet& objectives, const std::function<std::unique_ptr<Strategy>(ObjectiveSet)>& make)
      : ascent_(objectives) {
    ObjectiveSet followed = objectives;
    followed.multipliers = ascent_.multipliers();
    inner_ = make(std::move(followed));
  }

  std::optional<Proposal> ask(int64_t number, Random& random) override { return inner_->ask(number, random); }
  void tell(const Trial& trial) override {
    ascent_.tell(trial);
    inner_->tell(trial);
  }
  bool takes_record() const override { return inner_->takes_record(); }
  void replay(int64_t number, Random& random, const Proposal& proposal) override {
    inner_->replay(number, random, proposal);
  }
  Json statistics() const override {
    Json json = inner_->statistics();
    json["multipliers"] = *ascent_.multipliers();
    json["multiplier_moves"] = ascent_.moves();
    return json;
  }

 private:
  DualAscent ascent_;
  std::unique_ptr<Strategy> inner_;
};

}  // namespace

std::unique_ptr<Strategy> make_strategy(std::string_view name, const Options& options, const StrategyContext& context,
                                        const SourcePosition& position) {
  const auto& entry = strategy_registry().get(name, position);
  if (context.objectives.handling != LimitHandling::lagrangian) return entry.make(options, context);
  return std::make_unique<LagrangianStrategy>(context.objectives, [&](ObjectiveSet objectives) {
    StrategyContext inner = context;
    inner.objectives = std::move(objectives);
    return entry.make(options, inner);
  });
}

}  // namespace nacre
