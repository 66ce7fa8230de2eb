// How the search went: beside random search at equal cost, training curves, duplicates avoided, all trials.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "nacre/app/page/html.hpp"
#include "nacre/app/report/analysis.hpp"
#include "nacre/app/report/sections.hpp"

namespace nacre {
namespace {

using html::element;
using html::escape;

constexpr size_t kTrialRows = 1000;

std::string best_text(const ReportData& data, std::optional<double> value) {
  return html::quantity(value, data.quality.name, data.quality.unit);
}

std::string expected_text(const ReportData& data, const ExpectedBest& expected) {
  if (!expected.mean) return best_text(data, std::nullopt);
  const auto text_of = [&](double value) {
    return html::quantity_in_words(value, data.quality.name, data.quality.unit);
  };
  std::string text =
      best_text(data, expected.mean) +
      element("span", "class=spread", " (" + text_of(expected.worse) + " … " + text_of(expected.better) + ")");
  if (expected.probability_usable < 0.9995)
    text += fmt::format(" (in {:.1f} % of cases)", 100 * expected.probability_usable);
  return text;
}

// 1, 2, 4, 8, ... and the last.
std::vector<int64_t> doubling(int64_t last) {
  std::vector<int64_t> steps;
  for (int64_t k = 1; k < last; k *= 2) steps.push_back(k);
  if (last > 0) steps.push_back(last);
  return steps;
}

std::string random_explanation(size_t draws) {
  return element("p",
                 counted(static_cast<int64_t>(draws), "network was", "networks were") +
                     " drawn uniformly at random and evaluated in the same way, beside this search and for this "
                     "comparison only. What random search finds with k evaluations follows exactly: the expected best "
                     "of k of these, drawn without replacement. In parentheses and as a band: the range of 80 % of "
                     "cases. Its cost is k times their mean evaluation time. Both sides pay for evaluations only: a "
                     "candidate that a limit turned away before, or that had been evaluated already, is free. Neither "
                     "search was repeated: with another seed both would differ.");
}

std::string share_text(std::optional<double> share) {
  if (!share) return element("span", "class=unknown", "not known");
  return element("data", fmt::format("value=\"{}\"", *share), fmt::format("{:.1f}\u00a0%", 100 * *share));
}

std::string hypervolume_explanation(const ReportData& data) {
  std::string names;
  for (const Objective& objective : data.objectives.objectives)
    names += (names.empty() ? "" : " and ") + escape(objective.metric);
  return element("p", "Hypervolume of a front: the share of the box in " + names +
                          " between the best values that either of the two found and the worst on the front of both "
                          "together, plus a tenth of that front's range, that is no better than some network found.");
}

// The sentence above the table: both at the end, and at equal cost where random search went as far.
std::string comparison_sentence(const ReportData& data, const std::vector<ProgressPoint>& progress,
                                const std::vector<RandomResult>& draws, const FrontComparison& fronts) {
  const auto total_draws = static_cast<int64_t>(draws.size());
  const int64_t total = progress.back().evaluations;
  const int64_t equal = std::min(total, total_draws);
  const ExpectedBest random = expected_best(draws, data.quality.direction, equal);
  std::string text =
      fmt::format("After {} this search had found {}, random search {}{}.", counted(equal, "evaluation", "evaluations"),
                  best_text(data, best_after_evaluations(progress, equal)), best_text(data, random.mean),
                  equal < total_draws ? " on average" : "");
  if (fronts.possible()) {
    text += fmt::format(" Its front has a hypervolume of {}, that of random search {}.",
                        share_text(fronts.of_search(equal)), share_text(fronts.of_random_search(equal)));
  }
  if (total > equal)
    text += fmt::format(" After all {} this search stands at {}.", total, best_text(data, progress.back().best));
  return element("p", "class=answer", text);
}

std::string random_table(const ReportData& data, const std::vector<ProgressPoint>& progress,
                         const std::vector<RandomResult>& draws, const FrontComparison& fronts) {
  const auto header = [](const char* what, const char* whose) { return what + element("span", "class=sub", whose); };
  std::vector<html::Column> columns = {
      {"evaluations", true}, {header("best", "this search"), true}, {header("best", "random search, expected"), true}};
  if (fronts.possible()) {
    columns.push_back({header("hypervolume", "this search"), true});
    columns.push_back({header("hypervolume", "random search, expected"), true});
  }
  columns.push_back({header("time", "random search"), true});
  columns.push_back({header("best in that time", "this search"), true});
  html::Table table("This search and random search at equal cost", columns);
  const auto total_draws = static_cast<int64_t>(draws.size());
  const int64_t total = progress.empty() ? 0 : progress.back().evaluations;
  std::vector<int64_t> steps = doubling(std::max(total, total_draws));
  if (total_draws > 0 && std::ranges::find(steps, total_draws) == steps.end()) steps.push_back(total_draws);
  std::ranges::sort(steps);
  for (const int64_t k : steps) {
    std::vector<std::string> cells = {std::to_string(k),
                                      k <= total ? best_text(data, best_after_evaluations(progress, k)) : "–"};
    std::string best = element("span", "class=unknown", "not known"), time_s = "–", best_in_time = "–";
    if (k <= total_draws) {
      const ExpectedBest expected = expected_best(draws, data.quality.direction, k);
      best = expected_text(data, expected);
      time_s = html::quantity(expected.cost, "time_s", "s");
      const std::optional<double> found = best_after_cost(progress, expected.cost);
      best_in_time = found ? best_text(data, found) : element("span", "class=unknown", "none yet");
    }
    cells.push_back(best);
    if (fronts.possible()) {
      cells.push_back(k <= total ? share_text(fronts.of_search(k)) : "–");
      cells.push_back(share_text(fronts.of_random_search(k)));
    }
    cells.insert(cells.end(), {time_s, best_in_time});
    table.add(cells);
  }
  return table.text("class=compact");
}

std::string figure(const char* id, const std::string& label, const std::string& caption) {
  return element("figure",
                 element("div", fmt::format("class=plot id={} role=group aria-label=\"{}\"", id, escape(label)), "") +
                     element("figcaption", caption)) +
         "\n";
}

}  // namespace

std::string front_plots_section(const ReportData& data) {
  if (data.trials.empty() || data.costs.empty()) return "";
  const std::string text =
      "<p>Each mark is a network. Filled circles are the networks of the front over the objectives of the search; the "
      "line joins the "
      "networks that none beats in the two quantities drawn. Point at a mark, tap it or step through the circles with "
      "the tab key to see "
      "the network and its layers; the numbers stand in the table below.</p>\n<div class=plots id=front-plots></div>\n"
      "<noscript><p class=muted>Plots need JavaScript; all numbers are in the tables.</p></noscript>\n";
  return element("section", "id=front", element("h2", escape(data.quality.name) + " against cost") + "\n" + text);
}

std::string progress_section(const ReportData& data) {
  const std::vector<ProgressPoint> progress = progress_of(data.trials, data.objectives);
  if (progress.empty()) return "";
  const std::vector<RandomResult> draws = random_results(data.random, data.objectives);
  const FrontComparison fronts(data);
  std::string text = figure(
      "progress-plot", "best so far over evaluations or time; the table below has the numbers",
      "Best " + escape(data.quality.name) +
          " so far among networks within the limits. Time is evaluation time summed over trials, whatever ran side "
          "by side.");
  text +=
      draws.empty()
          ? element("p", "class=muted",
                    "No random search was run beside this search. With search.random_baseline: true as many networks "
                    "are drawn at random and evaluated in the same way, for a comparison at equal cost.")
          : comparison_sentence(data, progress, draws, fronts) + random_table(data, progress, draws, fronts) +
                random_explanation(draws.size()) + (fronts.possible() ? hypervolume_explanation(data) : "");
  return element("section", "id=progress", element("h2", "Progress beside random search") + "\n" + text);
}

namespace {

// What stands at the end of the front networks' trainings: the main objective first, the rest by name.
std::vector<std::string> last_metrics(const ReportData& data) {
  std::set<std::string> names;
  const auto add = [&](const std::vector<CurvePoint>& curve) {
    if (curve.empty()) return;
    for (const auto& [name, metric] : curve.back().metrics) names.insert(name);
  };
  for (const ReportNetwork& network : data.front) {
    if (const ReportTrial* row = find_trial(data, network.trial)) add(row->trial.curve);
    add(network.final_curve);
  }
  std::vector<std::string> ordered(names.begin(), names.end());
  std::ranges::stable_partition(ordered, [&](const std::string& name) { return name == data.quality.name; });
  return ordered;
}

}  // namespace

std::string curves_section(const ReportData& data) {
  const std::vector<std::string> names = last_metrics(data);
  std::vector<html::Column> columns = {{"network"}, {"training"}, {"epochs", true}};
  for (const std::string& name : names) columns.push_back({escape(name), true, name != names.front()});
  html::Table table("End of training of the front networks", columns);
  const auto add = [&](size_t rank, const char* when, const std::vector<CurvePoint>& curve) {
    if (curve.empty()) return;
    std::vector<std::string> cells = {network_name(rank), when, fmt::format("{:g}", curve.back().epoch)};
    for (const std::string& name : names) {
      const auto found = curve.back().metrics.find(name);
      cells.push_back(
          found == curve.back().metrics.end() ? "–" : html::quantity(found->second.value, name, found->second.unit));
    }
    table.add(cells);
  };
  bool any = false;
  for (const ReportTrial& row : data.trials) any = any || !row.trial.curve.empty();
  for (size_t i = 0; i < data.front.size(); ++i) {
    if (const ReportTrial* row = find_trial(data, data.front[i].trial)) add(i, "search", row->trial.curve);
    if (was_trained_anew(data, data.front[i])) add(i, "final training", data.front[i].final_curve);
  }
  if (!any && table.empty()) return "";
  const std::string text = figure("curves-plot", "training curves; the table below has the last values",
                                  "Front networks in color (dashed: final training), other trials in gray.") +
                           (table.empty() ? "" : table.text("class=compact data-nowrap"));
  return element("section", "id=curves", element("h2", "Training curves") + "\n" + text);
}

std::string duplicates_section(const ReportData& data) {
  const TrialCounts counts = count_trials(data);
  if (counts.asked == 0) return "";
  std::string text = element("p", counts.cached == 0 ? "Every candidate was new: no result had to be repeated."
                                                     : counted(counts.cached, "candidate was", "candidates were") +
                                                           " the same network as an earlier one under the same recipe, "
                                                           "fidelity and seed, and took its result instead of being "
                                                           "evaluated again: " +
                                                           html::quantity(counts.cached_saved_s, "time_s", "s") +
                                                           " of evaluation avoided.");
  html::Table table("What the strategy counts", {{"counter"}, {"value", true}});
  for (const auto& [name, value] : data.strategy_statistics.items()) {
    table.add({escape(name), escape(value.is_string() ? value.get<std::string>() : value.dump())});
  }
  if (data.strategy_statistics.contains("repeats_avoided")) {
    text +=
        element("p", "repeats_avoided: proposals that the strategy drew, knew already and drew again before asking.");
  }
  if (!table.empty()) text += table.text("class=compact");
  html::Table cached("Repeated results", {{"trial", true}, {"same as trial", true}, {"network"}});
  for (const ReportTrial& row : data.trials) {
    if (row.trial.cached_from < 0) continue;
    cached.add({std::to_string(row.trial.number), std::to_string(row.trial.cached_from), escape(row.text)});
  }
  if (!cached.empty())
    text += element("details", element("summary", "Repeated results") + cached.text("class=compact"));
  return element("section", "id=duplicates", element("h2", "Duplicates avoided") + "\n" + text);
}

std::string trials_section(const ReportData& data) {
  if (data.trials.empty()) return "";
  std::vector<html::Column> columns = {{"trial", true}, {"status"}, {escape(data.quality.name), true}};
  for (const MetricSpec& cost : data.costs) columns.push_back({escape(cost.name), true, &cost != &data.costs.front()});
  columns.insert(columns.end(),
                 {{"time", true, true}, {"made by", false, true}, {.header = "network or reason", .text = true}});
  html::Table table("Trials", columns);
  const size_t first = data.trials.size() > kTrialRows ? data.trials.size() - kTrialRows : 0;
  for (size_t i = first; i < data.trials.size(); ++i) {
    const Trial& trial = data.trials[i].trial;
    std::string status(trial_status_name(trial.status));
    if (trial.cached_from >= 0) status += fmt::format(", as trial {}", trial.cached_from);
    std::vector<std::string> cells = {std::to_string(trial.number), escape(status),
                                      html::quantity_of(trial.metrics, data.quality)};
    for (const MetricSpec& cost : data.costs) cells.push_back(html::quantity_of(trial.metrics, cost));
    cells.push_back(trial.is_complete() ? html::quantity(trial.time_s, "time_s", "s") : "");
    cells.push_back(escape(trial.candidate.made_by));
    std::string text = element("span", "class=decisions", escape(data.trials[i].text));
    if (!trial.reason.empty()) text = element("span", "class=reason", escape(trial.reason)) + " " + text;
    cells.push_back(text);
    const std::string attributes =
        fmt::format("data-status={} data-beyond=\"{}\"{}", trial_status_name(trial.status),
                    escape(broken_limits(data, trial)), front_rank(data, trial.number) ? " class=on-front" : "");
    table.add(cells, attributes);
  }
  std::string note = first == 0 ? ""
                                : element("p", "class=muted",
                                          fmt::format("The last {} of {} trials.", kTrialRows, data.trials.size()));
  return element(
      "section", "id=trials",
      element("h2", "All trials") + "\n" +
          element("details", element("summary", counted(static_cast<int64_t>(data.trials.size()), "trial", "trials") +
                                                    element("span", "class=key id=trials-shown", "")) +
                                 note + table.text("class=compact data-sortable data-filtered")));
}

}  // namespace nacre
