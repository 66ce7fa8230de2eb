#include "nacre/app/report/plot_data.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "nacre/app/report/analysis.hpp"
#include "nacre/app/report/sections.hpp"
#include "nacre/app/table.hpp"
#include "nacre/search/pareto.hpp"

namespace nacre {
namespace {

constexpr size_t kPointLimit = 3000;      // trials drawn one by one
constexpr size_t kCurveLimit = 60;        // training curves of trials outside the front
constexpr size_t kCurvePointLimit = 200;  // points of one curve

// Every n-th of `count`, so that at most `limit` remain.
size_t thinning(size_t count, size_t limit) { return count <= limit ? 1 : (count + limit - 1) / limit; }

Json spec_json(const MetricSpec& spec) {
  return {{"name", spec.name},
          {"unit", spec.unit},
          {"maximize", spec.direction == Direction::maximize},
          {"description", spec.description}};
}

Json known(std::optional<double> value) { return value && std::isfinite(*value) ? Json(*value) : Json(nullptr); }

// Values and their texts of the plotted metrics.
Json metrics_json(const ReportData& data, const Metrics& metrics) {
  Json json = Json::object();
  const auto add = [&](const MetricSpec& spec) {
    const std::optional<double> value = metric_value(metrics, spec.name);
    if (!value || !std::isfinite(*value)) return;
    json[spec.name] = Json::array({*value, quantity_text(*value, spec.name, spec.unit)});
  };
  add(data.quality);
  for (const MetricSpec& cost : data.costs) add(cost);
  return json;
}

Json point_json(const ReportData& data, const Trial& trial, const std::string& text, const char* kind) {
  Json json = {{"trial", trial.number},
               {"kind", kind},
               {"status", trial_status_name(trial.status)},
               {"feasible", data.objectives.feasible(trial.metrics)},
               {"made_by", trial.candidate.made_by},
               {"text", text},
               {"beyond", broken_limits(data, trial)},
               {"metrics", metrics_json(data, trial.metrics)}};
  if (const auto rank = front_rank(data, trial.number); rank && std::string_view(kind) != "random")
    json["network"] = *rank + 1;
  return json;
}

// All trials with a known quality, thinned when there are many (the front never); then the random ones beside the search.
Json points_json(const ReportData& data) {
  Json points = Json::array();
  const size_t step = thinning(data.trials.size(), kPointLimit);
  size_t position = 0;
  for (const ReportTrial& row : data.trials) {
    const bool on_front = front_rank(data, row.trial.number).has_value();
    const bool drawn = position++ % step == 0 || on_front;
    if (!drawn || !row.trial.is_complete() || !metric_value(row.trial.metrics, data.quality.name)) continue;
    points.push_back(point_json(data, row.trial, row.text, on_front ? "front" : "trial"));
  }
  for (const ReportTrial& row : data.random) {
    if (row.trial.is_complete() && metric_value(row.trial.metrics, data.quality.name))
      points.push_back(point_json(data, row.trial, row.text, "random"));
  }
  return points;
}

// Numbers of the trials no other feasible trial beats in quality and this cost, in order of cost.
Json staircase_json(const ReportData& data, const MetricSpec& cost) {
  std::vector<Point> points;
  std::vector<double> costs, qualities;
  for (const ReportTrial& row : data.trials) {
    const auto quality = counted_quality(row.trial, data.objectives);
    const auto value = metric_value(row.trial.metrics, cost.name);
    if (!quality || !value || !std::isfinite(*value)) continue;
    points.push_back({cost.direction == Direction::minimize ? *value : -*value,
                      data.quality.direction == Direction::minimize ? *quality : -*quality});
    costs.push_back(*value);
    qualities.push_back(*quality);
  }
  std::vector<size_t> front = pareto_front(points);
  std::ranges::sort(front, {}, [&](size_t i) { return points[i]; });
  Json steps = Json::array();
  for (const size_t i : front) steps.push_back({costs[i], qualities[i]});
  return steps;
}

Json costs_json(const ReportData& data) {
  Json costs = Json::array();
  for (const MetricSpec& cost : data.costs) {
    const auto has_value = [&](const ReportTrial& row) {
      return metric_value(row.trial.metrics, cost.name).has_value();
    };
    if (std::ranges::none_of(data.trials, has_value)) continue;
    Json json = spec_json(cost);
    json["staircase"] = staircase_json(data, cost);
    for (const Limit& limit : data.objectives.limits) {
      if (limit.metric != cost.name) continue;
      json["limit"] = limit.bound;
      json["at_least"] = limit.at_least;
    }
    costs.push_back(std::move(json));
  }
  return costs;
}

Json progress_json(const ReportData& data) {
  const std::vector<ProgressPoint> progress = progress_of(data.trials, data.objectives);
  const size_t step = thinning(progress.size(), kPointLimit);
  Json points = Json::array();
  std::optional<double> best;
  for (size_t i = 0; i < progress.size(); ++i) {
    const ProgressPoint& point = progress[i];
    const bool improved = point.best != best;
    best = point.best;
    if (i % step != 0 && !improved && i + 1 != progress.size()) continue;
    points.push_back({point.evaluations, point.cost_s, known(point.value), known(point.best), point.trial});
  }
  return points;
}

Json random_json(const ReportData& data) {
  Json curve = Json::array();
  for (const ExpectedBest& point :
       expected_best_curve(random_results(data.random, data.objectives), data.quality.direction, 100)) {
    curve.push_back({point.draws, point.cost, known(point.mean), point.worse, point.better});
  }
  return {{"curve", curve}};
}

Json curve_json(const std::vector<CurvePoint>& curve, const std::string& label, bool on_front, bool final_training) {
  Json series = Json::object();
  const size_t step = thinning(curve.size(), kCurvePointLimit);
  for (size_t i = 0; i < curve.size(); ++i) {
    if (i % step != 0 && i + 1 != curve.size()) continue;
    for (const auto& [name, metric] : curve[i].metrics) {
      if (metric.value && std::isfinite(*metric.value)) series[name].push_back({curve[i].epoch, *metric.value});
    }
  }
  return {{"label", label}, {"front", on_front}, {"final", final_training}, {"series", series}};
}

Json curves_json(const ReportData& data) {
  Json curves = Json::array();
  size_t others = 0;
  for (const ReportTrial& row : data.trials) others += !row.trial.curve.empty() && !front_rank(data, row.trial.number);
  const size_t step = thinning(others, kCurveLimit);
  size_t position = 0;
  for (const ReportTrial& row : data.trials) {
    if (row.trial.curve.empty() || front_rank(data, row.trial.number) || position++ % step != 0) continue;
    curves.push_back(curve_json(row.trial.curve, "trial " + std::to_string(row.trial.number), false, false));
  }
  for (size_t i = data.front.size(); i-- > 0;) {  // the best last: drawn on top
    const std::string label = "network " + std::to_string(i + 1);
    const ReportTrial* row = find_trial(data, data.front[i].trial);
    if (row != nullptr && !row->trial.curve.empty()) curves.push_back(curve_json(row->trial.curve, label, true, false));
    if (was_trained_anew(data, data.front[i])) {
      curves.push_back(curve_json(data.front[i].final_curve, label + ", final training", true, true));
    }
  }
  return curves;
}

// By trial number.
Json drawings_json(const std::vector<ReportTrial>& trials) {
  Json drawings = Json::object();
  for (const ReportTrial& row : trials) {
    if (!row.drawing.empty()) drawings[std::to_string(row.trial.number)] = to_json(row.drawing);
  }
  return drawings;
}

Json limits_json(const ReportData& data) {
  Json limits = Json::array();
  for (const Limit& limit : data.objectives.limits) {
    const auto spec = std::ranges::find(data.metrics, limit.metric, &MetricSpec::name);
    const std::string unit = spec == data.metrics.end() ? "" : spec->unit;
    limits.push_back(
        {{"name", limit.metric},
         {"text", limit.metric + (limit.at_least ? " ≥ " : " ≤ ") + quantity_text(limit.bound, limit.metric, unit)}});
  }
  return limits;
}

Json notes_json(const ReportData& data) {
  size_t with_curve = 0;
  for (const ReportTrial& row : data.trials)
    with_curve += !row.trial.curve.empty() && !front_rank(data, row.trial.number);
  Json notes = Json::object();
  if (data.trials.size() > kPointLimit) {
    notes["points"] = "One in " + std::to_string(thinning(data.trials.size(), kPointLimit)) +
                      " trials is drawn; the front is complete.";
  }
  if (with_curve > kCurveLimit) {
    notes["curves"] =
        "One in " + std::to_string(thinning(with_curve, kCurveLimit)) + " trials outside the front is drawn.";
  }
  return notes;
}

}  // namespace

Json plot_data(const ReportData& data) {
  return {{"quality", spec_json(data.quality)},
          {"limits_met", data.limits_met},
          {"costs", costs_json(data)},
          {"points", points_json(data)},
          {"progress", progress_json(data)},
          {"random", random_json(data)},
          {"curves", curves_json(data)},
          {"drawings", drawings_json(data.trials)},
          {"random_drawings", drawings_json(data.random)},
          {"limits", limits_json(data)},
          {"notes", notes_json(data)}};
}

}  // namespace nacre
