// The top of the report: what was found, whether the limits are kept, what it took.
#include <fmt/format.h>

#include <cmath>

#include "nacre/app/page/html.hpp"
#include "nacre/app/report/analysis.hpp"
#include "nacre/app/report/sections.hpp"

namespace nacre {
namespace {

using html::element;
using html::escape;
using html::quantity_of;

std::string tile(const std::string& label, const std::string& value, const std::string& note) {
  return element("div", "class=tile",
                 element("div", "class=tile-label", label) + element("div", "class=tile-value", value) +
                     element("div", "class=tile-note", note)) +
         "\n";
}

// "validation split, 12 epochs", for the note below a number.
std::string origin_note(const Metrics& metrics, const std::string& name) {
  const auto found = metrics.find(name);
  if (found == metrics.end() || found->second.origin == Origin::unknown) return "";
  const std::string& source = found->second.source;
  return escape(std::string(origin_name(found->second.origin)) + (source.empty() ? "" : ": " + source));
}

// "12.3 s", "10.9 min", "2.3 h".
std::string time_text(double seconds) {
  if (seconds < 60) return html::quantity_in_words(seconds, "time_s", "s");
  return seconds < 3600 ? fmt::format("{:.3g}\u00a0min", seconds / 60) : fmt::format("{:.3g}\u00a0h", seconds / 3600);
}

std::string limit_value(const ReportData& data, const Limit& limit, double value) {
  for (const MetricSpec& spec : data.metrics) {
    if (spec.name == limit.metric) return html::quantity(value, spec.name, spec.unit);
  }
  return html::quantity(value, limit.metric, "");
}

// How much of the limit is used: value / bound of an upper one, bound / value of a lower one.
std::optional<double> used_share(const Limit& limit, const Metrics& metrics) {
  const std::optional<double> value = metric_value(metrics, limit.metric);
  if (!value || limit.bound <= 0 || *value <= 0) return std::nullopt;
  return limit.at_least ? limit.bound / *value : *value / limit.bound;
}

// The limit nearest to its bound is the one that binds.
const Limit* tightest_limit(const ReportData& data, const Metrics& metrics) {
  if (const Limit* broken = data.objectives.binding_limit(metrics)) return broken;
  const Limit* tightest = nullptr;
  double most = 0;
  for (const Limit& limit : data.objectives.limits) {
    const std::optional<double> share = used_share(limit, metrics);
    if (share && *share > most) {
      most = *share;
      tightest = &limit;
    }
  }
  return tightest;
}

int64_t trials_stopped_by(const ReportData& data, const Limit& limit) {
  int64_t count = 0;
  for (const ReportTrial& row : data.trials) {
    if (!row.trial.is_complete() || !metric_value(row.trial.metrics, limit.metric)) continue;
    count += limit.relative_excess(row.trial.metrics) > 0;
  }
  return count;
}

std::string limits_table(const ReportData& data, const Metrics& best) {
  if (data.objectives.limits.empty()) return element("p", "No limits were set.");
  html::Table table("Limits", {{"limit"},
                               {"bound", true},
                               {"best network", true},
                               {"used", true, true},
                               {"kept"},
                               {"trials beyond", true, true}});
  const Limit* binding = tightest_limit(data, best);
  for (const Limit& limit : data.objectives.limits) {
    const std::optional<double> value = metric_value(best, limit.metric);
    const bool kept = limit.relative_excess(best) == 0;
    const std::optional<double> share = used_share(limit, best);
    std::string name = escape(limit.metric);
    if (&limit == binding) name += element("span", "class=tag", kept ? "tightest" : "binding");
    table.add({name, (limit.at_least ? "≥ " : "≤ ") + limit_value(data, limit, limit.bound),
               value ? limit_value(data, limit, *value) : html::quantity(std::nullopt, "", ""),
               share ? element("data", fmt::format("value=\"{}\"", *share), fmt::format("{:.3g} %", 100 * *share)) : "",
               element("span", kept ? "class=good" : "class=bad", kept ? "✓ kept" : "✗ broken"),
               std::to_string(trials_stopped_by(data, limit))});
  }
  return table.text("class=compact");
}

std::string answer(const ReportData& data, const TrialCounts& counts) {
  if (data.front.empty()) {
    const std::string why = counts.asked == 0 ? "No trial was made yet." : "No trial has given a usable result yet.";
    return element("p", "class=\"answer warning\"", why + " " + escape(data.stop_reason));
  }
  const ReportTrial* best = find_trial(data, data.front[0].trial);
  const Metrics metrics = best == nullptr ? Metrics{} : best->trial.metrics;
  std::string text;
  if (data.limits_met) {
    text = element("strong", "The best network within the limits") + " is " +
           element("a", "href=\"#network-1\"", "network 1");
    if (data.objectives.limits.empty())
      text = element("strong", "The best network") + " is " + element("a", "href=\"#network-1\"", "network 1");
  } else {
    text = element("strong", "No network keeps the limits.") + " " + escape(data.binding) +
           (data.binding.empty() || data.binding.ends_with('.') ? " " : ". ") + "The nearest is " +
           element("a", "href=\"#network-1\"", "network 1");
  }
  text += fmt::format(" (trial {}): {} {}", data.front[0].trial, escape(data.quality.name),
                      quantity_of(metrics, data.quality));
  if (!data.costs.empty()) text += ", " + escape(data.costs[0].name) + " " + quantity_of(metrics, data.costs[0]);
  text += data.limits_met && !data.objectives.limits.empty() ? ". All limits are kept." : ".";
  if (const Limit* binding = tightest_limit(data, metrics); binding != nullptr && data.limits_met) {
    text += " " + element("code", escape(binding->metric)) + " is the tightest limit.";
  }
  return element("p", data.limits_met ? "class=answer" : "class=\"answer warning\"", text);
}

// Of the best network after final training: on the test split where there is one.
Metrics::const_iterator final_quality_of(const ReportData& data) {
  const Metrics& metrics = data.front[0].final_metrics;
  const auto test = metrics.find("test_" + data.quality.name);
  return test != metrics.end() ? test : metrics.find(data.quality.name);
}

// "params ≤ 20 k"; of more than two limits their number.
std::string limits_note(const ReportData& data) {
  const std::vector<Limit>& limits = data.objectives.limits;
  if (limits.size() > 2) return counted(static_cast<int64_t>(limits.size()), "limit", "limits");
  std::string text;
  for (const Limit& limit : limits) {
    text += (text.empty() ? "" : ", ") + escape(limit.metric) + (limit.at_least ? " ≥ " : " ≤ ") +
            limit_value(data, limit, limit.bound);
  }
  return text;
}

std::string tiles(const ReportData& data, const TrialCounts& counts) {
  std::string text;
  if (!data.front.empty()) {
    const ReportTrial* best = find_trial(data, data.front[0].trial);
    const Metrics metrics = best == nullptr ? Metrics{} : best->trial.metrics;
    text +=
        tile(escape(data.quality.name), quantity_of(metrics, data.quality), origin_note(metrics, data.quality.name));
    if (!data.costs.empty()) {
      text += tile(escape(data.costs[0].name), quantity_of(metrics, data.costs[0]),
                   origin_note(metrics, data.costs[0].name));
    }
    if (const auto final_quality = final_quality_of(data); final_quality != data.front[0].final_metrics.end()) {
      text += tile(escape(final_quality->first) + ", exported model",
                   html::quantity(final_quality->second, final_quality->first),
                   origin_note(data.front[0].final_metrics, final_quality->first));
    }
    const std::string limits = data.objectives.limits.empty() ? "none set" : data.limits_met ? "✓ kept" : "✗ not met";
    text += tile("limits", element("span", data.limits_met ? "class=good" : "class=bad", limits), limits_note(data));
    text += tile(data.limits_met ? "front" : "nearest", std::to_string(data.front.size()),
                 data.limits_met ? "networks no other one beats in all objectives"
                                 : "networks, by how little they miss the limits");
  }
  text += tile("evaluations", std::to_string(counts.evaluated),
               counted(counts.asked, "candidate", "candidates") + " proposed, " + std::to_string(counts.infeasible) +
                   " turned away by limits, " + std::to_string(counts.pruned) + " stopped early, " +
                   std::to_string(counts.failed) + " failed");
  std::string time_note = "evaluation: " + time_text(counts.evaluation_s) + " summed over trials";
  if (!data.random.empty()) time_note += "; without the random search";
  text += tile("time of the search",
               element("data", fmt::format("value=\"{}\"", data.spent_s), time_text(data.spent_s)), time_note);
  return element("div", "class=tiles", "\n" + text);
}

}  // namespace

std::string counted(int64_t count, const std::string& singular, const std::string& plural) {
  return std::to_string(count) + " " + (count == 1 ? singular : plural);
}

std::string network_name(size_t rank) { return "network " + std::to_string(rank + 1); }

std::string broken_limits(const ReportData& data, const Trial& trial) {
  std::string names;
  for (const Limit& limit : data.objectives.limits) {
    if (limit.relative_excess(trial.metrics) > 0) names += (names.empty() ? "" : " ") + limit.metric;
  }
  return names;
}

std::string summary_section(const ReportData& data) {
  const TrialCounts counts = count_trials(data);
  const ReportTrial* best = data.front.empty() ? nullptr : find_trial(data, data.front[0].trial);
  std::string text = answer(data, counts) + "\n" + tiles(data, counts);
  if (best != nullptr) text += limits_table(data, best->trial.metrics);
  html::Table about("What was searched", {{"what"}, {.header = "how", .text = true}});
  const auto add = [&](const char* what, const std::string& how) {
    if (!how.empty()) about.add({what, escape(how)});
  };
  std::string objectives;
  for (const Objective& objective : data.objectives.objectives) {
    objectives +=
        fmt::format("{}{} ({})", objectives.empty() ? "" : ", ", objective.metric,
                    objective.direction == Direction::maximize ? "the more the better" : "the less the better");
  }
  add("task", data.task);
  add("objectives", objectives);
  add("space", data.space);
  add("target", data.target);
  add("strategy", data.strategy);
  add("ended", data.stop_reason);
  if (!about.empty()) text += about.text("class=compact");
  return element("section", "id=summary", element("h2", "Summary") + "\n" + text);
}

}  // namespace nacre
