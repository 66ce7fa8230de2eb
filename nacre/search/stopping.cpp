#include "nacre/search/stopping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr double kSameEpochs = 0.01;  // a training of 5 epochs may end at 4.98, where the last batch is dropped

bool same_epochs(double a, double b) { return std::abs(a - b) <= kSameEpochs * std::max(a, b); }

const RegistryRecord& record_of(const std::string& by) { return stopping_rule_registry().get(by); }

}  // namespace

StoppingSettings stopping_from_config(const ConfigNode& node) {
  ConfigNode map = node;
  std::string by;
  SourcePosition position = node.position;
  if (node.kind == ConfigNode::Kind::scalar) {
    by = node.as_text("search.stop");
    map = ConfigNode();
  } else {
    const ConfigNode* given = node.is_map() ? node.find("by") : nullptr;
    if (given == nullptr)
      throw UserError(node.position,
                      "search.stop: expected a rule or a map with 'by', such as {by: learning_curve} (nacre list "
                      "stopping_rules)");
    by = given->as_text("search.stop.by");
    position = given->position;
  }
  const auto& entry = stopping_rule_registry().get(by, position);
  return {by, resolve_options(map, entry.parameters, "search.stop", {"by"})};
}

// --- whoever drives -------------------------------------------------------------------------------------------------

TrainingStops::TrainingStops(const StoppingSettings& settings, const ObjectiveSet& objectives)
    : settings_(settings), objectives_(objectives) {
  if (settings.by.empty()) return;
  NACRE_CHECK(!objectives.objectives.empty());
  quality_ = objectives.objectives.front();
  rule_ = stopping_rule_registry().get(settings.by).make(settings.options);
}

TrainingStops::~TrainingStops() = default;

void TrainingStops::tell(const Trial& trial) {
  Told told;
  told.trial = trial.number;
  if (rule_ && trial.status == TrialStatus::ok && trial.cached_from < 0) {
    told.answers = true;
    told.good = objectives_.feasible(trial.metrics);
    told.fidelity = trial.request.fidelity;
    told.metrics = trial.metrics;
    told.training.trial = trial.number;
    for (const CurvePoint& point : trial.curve) {
      const std::optional<double> value = metric_value(point.metrics, quality_.metric);
      if (value && std::isfinite(*value) && point.epoch > 0 &&
          (told.training.curve.empty() || point.epoch > told.training.curve.back().time))
        told.training.curve.push_back({point.epoch, sign() * *value});
    }
  }
  told_.push_back(std::move(told));
}

// At what quality a network of these costs would be worth as much as the rival: the scalar falls as the quality improves.
std::optional<double> TrainingStops::equal_quality(const Metrics& costs, const Metrics& rival) const {
  const std::optional<double> quality = metric_value(rival, quality_.metric);
  const double worth = objectives_.scalar(rival);
  if (!quality || !std::isfinite(worth)) return std::nullopt;
  if (objectives_.scalarization == Scalarization::none && !objectives_.trades_limits()) return quality;
  Metrics metrics = costs;
  const auto beaten_by = [&](double q) {
    metrics[quality_.metric].value = q;
    return objectives_.scalar(metrics) < worth;
  };
  // From the rival's quality outwards until the order turns, then by halves.
  const bool better = beaten_by(*quality);
  double step = std::max(1e-6, 0.01 * std::abs(*quality)) * sign() * (better ? -1 : 1);
  double inside = *quality, outside = *quality;
  for (int i = 0; i < 40 && beaten_by(outside) == better; ++i, step *= 2) {
    inside = outside;
    outside += step;
  }
  if (beaten_by(outside) == better) return std::nullopt;
  for (int i = 0; i < 60; ++i) {
    const double middle = (inside + outside) / 2;
    (beaten_by(middle) == better ? inside : outside) = middle;
  }
  return outside;
}

std::optional<TrainingStops::Bar> TrainingStops::bar(const Case& of) const {
  std::optional<Bar> best;
  for (int64_t i = 0; i < of.told; ++i) {
    const Told& told = told_[static_cast<size_t>(i)];
    if (!told.good || told.fidelity != of.fidelity) continue;
    if (objectives_.scalarization == Scalarization::none) {
      const bool covers = std::ranges::all_of(objectives_.objectives, [&](const Objective& objective) {
        if (objective.metric == quality_.metric) return true;
        const auto mine = metric_value(of.costs, objective.metric),
                   theirs = metric_value(told.metrics, objective.metric);
        return mine && theirs && (objective.direction == Direction::maximize ? *theirs >= *mine : *theirs <= *mine);
      });
      if (!covers) continue;
    }
    const std::optional<double> value = equal_quality(of.costs, told.metrics);
    if (value && (!best || sign() * *value > sign() * best->value)) best = Bar{*value, told.trial};
  }
  return best;
}

Json TrainingStops::knowledge(const Case& of) const {
  if (!rule_ || of.epochs <= 0) return nullptr;
  NACRE_CHECK(of.told <= told());
  std::vector<const FinishedTraining*> finished;
  for (int64_t i = 0; i < of.told; ++i) {
    const Told& told = told_[static_cast<size_t>(i)];
    const std::vector<CurveObservation>& curve = told.training.curve;
    if (told.answers && told.fidelity == of.fidelity && !curve.empty() && same_epochs(curve.back().time, of.epochs))
      finished.push_back(&told.training);
  }
  Json learned = rule_->learn(finished, of.epochs);
  if (learned.is_null()) return nullptr;
  Json json = {{"by", settings_.by},        {"options", settings_.options.json()},
               {"metric", quality_.metric}, {"maximize", quality_.direction == Direction::maximize},
               {"epochs", of.epochs},       {"learned", std::move(learned)}};
  if (rule_->needs_bar()) {
    const std::optional<Bar> against = bar(of);
    if (!against) return nullptr;
    json["bar"] = against->value;
    json["bar_trial"] = against->trial;
  }
  return json;
}

// --- whoever trains -------------------------------------------------------------------------------------------------

TrainingWatch::TrainingWatch(const Json& knowledge) {
  if (knowledge.is_null()) return;
  rule_name_ = knowledge.at("by").get<std::string>();
  const auto& entry = stopping_rule_registry().get(rule_name_);
  rule_ = entry.make(options_from_json(knowledge.at("options"), record_of(rule_name_).parameters, "search.stop"));
  metric_ = knowledge.at("metric").get<std::string>();
  sign_ = knowledge.at("maximize").get<bool>() ? 1 : -1;
  horizon_ = knowledge.at("epochs").get<double>();
  bar_ = sign_ * knowledge.value("bar", 0.0);
  bar_trial_ = knowledge.value("bar_trial", int64_t{-1});
  learned_ = knowledge.at("learned");
}

TrainingWatch::~TrainingWatch() = default;
TrainingWatch::TrainingWatch(TrainingWatch&&) noexcept = default;

bool TrainingWatch::goes_on(const CurvePoint& point) {
  if (!rule_ || verdict_) return !verdict_;
  const std::optional<double> value = metric_value(point.metrics, metric_);
  if (!value || !std::isfinite(*value) || point.epoch <= 0) return true;
  if (!curve_.empty() && point.epoch <= curve_.back().time) return true;
  curve_.push_back({point.epoch, sign_ * *value});
  if (point.epoch >= horizon_ || same_epochs(point.epoch, horizon_)) return true;
  StopVerdict verdict = rule_->judge(learned_, curve_, horizon_, bar_);
  if (verdict.stop) verdict_ = std::move(verdict);
  return !verdict_;
}

void TrainingWatch::settle(Trial& trial) const {
  if (!verdict_ || trial.status != TrialStatus::pruned) return;
  const double epoch = curve_.back().time;
  trial.reason = fmt::format("stopped after epoch {:g} of {:g} by {}: {}", epoch, horizon_, rule_name_, metric_);
  if (verdict_->comparison) {
    trial.reason += fmt::format(" has reached {:.4g}, the median of finished trainings was {:.4g}",
                                sign_ * verdict_->comparison->reached, sign_ * verdict_->comparison->median);
  }
  if (!verdict_->forecast) return;
  const StopVerdict::Forecast& forecast = *verdict_->forecast;
  trial.reason +=
      fmt::format(" would end at {:.4g} +- {:.2g}, with probability {:.3f} not better than the {:.4g} of trial {}",
                  sign_ * forecast.end, forecast.deviation, forecast.probability, sign_ * bar_, bar_trial_);
  Metric& metric = trial.metrics[metric_];
  metric.value = sign_ * forecast.end;
  metric.spread = forecast.deviation;
  metric.origin = Origin::predicted;
  metric.source = fmt::format("{} after epoch {:g} of {:g}", rule_name_, epoch, horizon_);
  metric.count = 1;
}

}  // namespace nacre
