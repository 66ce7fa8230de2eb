#include "nacre/app/suite_report/suite_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/app/page/html.hpp"
#include "nacre/app/page/page.hpp"
#include "nacre/app/suite_report/assets.hpp"
#include "nacre/app/table.hpp"

namespace nacre {
namespace {

using html::element;
using html::escape;

std::string data_cell(double value, const std::string& text) {
  return element("data", fmt::format("value=\"{}\"", value), escape(text));
}

std::string count_cell(double value) { return data_cell(value, fmt::format("{:.4g}", value)); }

size_t place_of(const Suite& suite, const std::string& name) {
  return static_cast<size_t>(std::ranges::find(suite.strategies, name, &SuiteStrategy::name) -
                             suite.strategies.begin());
}

bool is_random(const Suite& suite, const std::string& name) {
  return suite.strategies[place_of(suite, name)].strategy == "random";
}

// Values at budgets, one row per strategy; the best of a column is marked.
std::string budget_table(const BenchmarkSummary& benchmark, const std::string& caption, const std::string& budget_of,
                         std::vector<BudgetValue> StrategySummary::*values, bool larger_is_better) {
  if (benchmark.strategies.empty() || (benchmark.strategies[0].*values).empty()) return "";
  std::vector<html::Column> columns = {{"strategy"}};
  const std::vector<BudgetValue>& first = benchmark.strategies[0].*values;
  for (const BudgetValue& value : first)
    columns.push_back({.header = fmt::format("{:g} {}", value.budget, budget_of), .number = true});
  html::Table table(caption, columns);
  for (const StrategySummary& strategy : benchmark.strategies) {
    std::vector<std::string> cells = {escape(strategy.name)};
    for (size_t i = 0; i < first.size(); ++i) {
      const BudgetValue& own = (strategy.*values)[i];
      const bool best = std::ranges::all_of(benchmark.strategies, [&](const StrategySummary& other) {
        const double mean = (other.*values)[i].value.mean;
        return larger_is_better ? mean <= own.value.mean : mean >= own.value.mean;
      });
      const std::string text = data_cell(own.value.mean, interval_text(own.value));
      cells.push_back(best ? element("strong", text) : text);
    }
    table.add(cells);
  }
  return table.text("data-sortable");
}

std::string goal_table(const BenchmarkSummary& benchmark) {
  if (benchmark.strategies.empty() || benchmark.strategies[0].goals.empty()) return "";
  std::vector<html::Column> columns = {{"strategy"}};
  for (const GoalValue& goal : benchmark.strategies[0].goals)
    columns.push_back({.header = fmt::format("regret {:g}", goal.goal), .number = true});
  html::Table table("Queries to reach a regret, median over seeds (share of seeds that reached it)", columns);
  for (const StrategySummary& strategy : benchmark.strategies) {
    std::vector<std::string> cells = {escape(strategy.name)};
    for (const GoalValue& goal : strategy.goals) {
      const double share = 100 * static_cast<double>(goal.reached) / static_cast<double>(strategy.seeds);
      cells.push_back(goal.median ? data_cell(*goal.median, fmt::format("{:g} ({:.0f} %)", *goal.median, share))
                                  : escape(fmt::format("not reached ({:.0f} %)", share)));
    }
    table.add(cells);
  }
  return table.text("data-sortable");
}

std::string count_table(const BenchmarkSummary& benchmark) {
  html::Table table("What was counted, mean over seeds (duplicates: the sum)", {{"strategy"},
                                                                                {"seeds", true},
                                                                                {"proposals", true},
                                                                                {"different networks", true},
                                                                                {"duplicates", true},
                                                                                {"of known structure", true, true},
                                                                                {"beyond a limit", true, true},
                                                                                {"not in the table", true, true},
                                                                                {"without value", true, true},
                                                                                {"its own time per proposal", true}});
  for (const StrategySummary& strategy : benchmark.strategies) {
    table.add({escape(strategy.name), count_cell(static_cast<double>(strategy.seeds)), count_cell(strategy.asked),
               count_cell(strategy.unique), count_cell(static_cast<double>(strategy.duplicates)),
               count_cell(strategy.same_structure), count_cell(strategy.infeasible), count_cell(strategy.not_held),
               count_cell(strategy.failed), data_cell(strategy.trial_s, quantity_text(strategy.trial_s, "", "s"))});
  }
  return table.text("data-sortable");
}

std::string benchmark_facts(const SuiteBenchmarkFacts& facts) {
  const auto in_unit = [&](double value) {
    return facts.points == 100 ? fmt::format("{:.3f} %", 100 * value)
                               : fmt::format("{:g} {}", value, facts.regret_unit);
  };
  std::string searched, limits;
  for (const std::string& metric : facts.objectives) searched += (searched.empty() ? "" : ", ") + metric;
  for (const std::string& limit : facts.limits) limits += (limits.empty() ? "" : ", ") + limit;
  std::string judged;
  for (const MetricSpec& spec : facts.judged) judged += (judged.empty() ? "" : ", ") + spec.name;
  std::string text = fmt::format("Searched on {}, judged by {}. {} rows, {} with all values known", searched, judged,
                                 facts.table.rows, facts.table.usable);
  if (!limits.empty()) text += fmt::format(", {} of them within {}", facts.table.feasible, limits);
  text +=
      fmt::format(". Best by enumeration: {} ({}). A search that finds the best network by {} has a regret of {:.3f}.",
                  in_unit(facts.table.optimum), facts.table.optimum_key, facts.objectives[0], facts.table.floor);
  if (!facts.table.reference.empty())
    text += fmt::format(" Hypervolumes are shares of that of the table's front of {} points.", facts.table.front);
  text += facts.merges_structures ? " Networks of equal structure are one network; its first result answers again."
                                  : " A network is a row of the table.";
  return html::paragraph(text);
}

std::string figure(const std::string& id) { return element("figure", "class=plot id=\"" + escape(id) + "\"", ""); }

std::string benchmark_section(const BenchmarkSummary& benchmark, size_t index) {
  const std::string unit = benchmark.facts.regret_unit.empty() ? "" : " in " + benchmark.facts.regret_unit;
  std::string text = element("h2", escape(benchmark.facts.name)) + "\n" + benchmark_facts(benchmark.facts);
  std::string plots = figure(fmt::format("regret-{}", index));
  if (benchmark.by_hypervolume) plots += figure(fmt::format("hypervolume-{}", index));
  text += element("div", "class=plots", plots) + "\n";
  text += budget_table(benchmark, "Hypervolume ratio, mean and 95 % interval over seeds", "queries",
                       &StrategySummary::hypervolume, true);
  text += budget_table(benchmark, "Hypervolume ratio over simulated time", "s", &StrategySummary::hypervolume_by_time,
                       true);
  text += budget_table(benchmark, "Regret" + unit + ", mean and 95 % interval over seeds", "queries",
                       &StrategySummary::regret, false);
  text +=
      budget_table(benchmark, "Regret" + unit + " over simulated time", "s", &StrategySummary::regret_by_time, false);
  text += goal_table(benchmark) + count_table(benchmark);
  return element("section", fmt::format("id=benchmark-{}", index), text) + "\n";
}

std::string ranks_section(const SuiteSummary& summary) {
  std::string text = element("h2", "Ranks") + "\n";
  text += html::paragraph(
      "Mean rank: over benchmarks, of the mean over seeds. Block rank: over benchmarks and seeds. Friedman's test asks "
      "whether "
      "all strategies are alike; each is then compared with the first one by Wilcoxon's signed ranks over the blocks, "
      "with Holm's correction.");
  for (const RankSummary& ranks : summary.ranks) {
    if (ranks.rows.empty()) continue;
    html::Table table(fmt::format("After {:g} queries: {} blocks on {} benchmarks, Friedman p {}", ranks.budget,
                                  ranks.blocks, ranks.benchmarks, p_text(ranks.friedman_p)),
                      {{"strategy"},
                       {"mean rank", true},
                       {"block rank", true},
                       {"benchmarks won", true},
                       {"blocks better / worse than the first", true, true},
                       {"p against the first", true}});
    for (const RankSummary::Row& row : ranks.rows) {
      table.add({escape(row.strategy), data_cell(row.mean_rank, fmt::format("{:.2f}", row.mean_rank)),
                 data_cell(row.mean_block_rank, fmt::format("{:.2f}", row.mean_block_rank)),
                 count_cell(static_cast<double>(row.first)),
                 row.p ? escape(fmt::format("{:g} / {:g}", row.wins, row.losses)) : std::string(),
                 row.p ? data_cell(*row.p, p_text(*row.p)) : std::string()});
    }
    text += table.text("data-sortable");
  }
  return element("section", "id=ranks", text) + "\n";
}

Json curve_json(const Suite& suite, const StrategySummary& strategy, const std::vector<CurveValue>& curve) {
  Json points = Json::array();
  for (const CurveValue& value : curve) points.push_back({value.at, value.mean, value.low, value.high});
  return {{"name", strategy.name},
          {"index", place_of(suite, strategy.name)},
          {"random", is_random(suite, strategy.name)},
          {"points", std::move(points)}};
}

Json plots_json(const SuiteSummary& summary) {
  const Suite& suite = summary.outcome->suite;
  Json plots = Json::array();
  for (size_t b = 0; b < summary.benchmarks.size(); ++b) {
    const BenchmarkSummary& benchmark = summary.benchmarks[b];
    Json regret = Json::array(), volume = Json::array();
    for (const StrategySummary& strategy : benchmark.strategies) {
      regret.push_back(curve_json(suite, strategy, strategy.regret_curve));
      if (benchmark.by_hypervolume) volume.push_back(curve_json(suite, strategy, strategy.hypervolume_curve));
    }
    plots.push_back(
        {{"id", fmt::format("regret-{}", b)},
         {"title", fmt::format("{}: regret", benchmark.facts.name)},
         {"y", {{"name", "regret"}, {"unit", ""}}},
         {"y_title", "regret" + (benchmark.facts.regret_unit.empty() ? "" : " in " + benchmark.facts.regret_unit)},
         {"log", true},
         {"floor", benchmark.facts.table.floor},
         {"curves", std::move(regret)}});
    if (volume.empty()) continue;
    plots.push_back({{"id", fmt::format("hypervolume-{}", b)},
                     {"title", fmt::format("{}: hypervolume ratio", benchmark.facts.name)},
                     {"y", {{"name", "hypervolume ratio"}, {"unit", ""}}},
                     {"y_title", "share of the table's hypervolume"},
                     {"log", false},
                     {"floor", nullptr},
                     {"curves", std::move(volume)}});
  }
  return plots;
}

std::string strategy_keys(const SuiteStrategy& strategy) {
  std::string text;
  for (const Options* options : {&strategy.options, &strategy.formulation}) {
    for (const auto& [key, value] : options->json().items()) {
      if (options == &strategy.formulation && !options->given(key)) continue;
      text += (text.empty() ? "" : ", ") + key + ": " + (value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return text;
}

std::string declaration_section(const SuiteSummary& summary, const std::string& command) {
  const SuiteOutcome& outcome = *summary.outcome;
  html::Table table("Strategies and their keys", {{"name"}, {"strategy"}, {.header = "keys", .text = true}});
  for (const SuiteStrategy& strategy : outcome.suite.strategies)
    table.add({escape(strategy.name), escape(strategy.strategy), escape(strategy_keys(strategy))});
  std::string text = element("h2", "How it was run") + "\n";
  text += html::paragraph(fmt::format("Made again by: {}", command));
  text += html::paragraph(
      outcome.suite.workers > 0
          ? fmt::format("{} simulated workers train for the table's times; a proposal sees what has finished by then.",
                        outcome.suite.workers)
          : fmt::format("Strict order: ask n sees the results of asks 0 to n - {}.", outcome.suite.lookahead));
  return element("section", "id=declaration", text + table.text()) + "\n";
}

std::string summary_section(const SuiteSummary& summary) {
  const SuiteOutcome& outcome = *summary.outcome;
  std::string text = element("h2", "Summary") + "\n";
  if (!outcome.suite.about.empty()) text += html::paragraph(outcome.suite.about);
  int64_t duplicates = 0;
  for (const BenchmarkSummary& benchmark : summary.benchmarks) {
    for (const StrategySummary& strategy : benchmark.strategies) duplicates += strategy.duplicates;
  }
  text += html::paragraph(fmt::format(
      "{} strategies, random search among them, on {} benchmarks with {} seeds each. "
      "Networks proposed twice: {}.",
      outcome.suite.strategies.size(), outcome.suite.benchmarks.size(), outcome.suite.seeds.size(), duplicates));
  if (outcome.missing > 0)
    text += element("p", "class=warning",
                    escape(fmt::format("{} runs are missing: the suite was stopped. The same "
                                       "command goes on.",
                                       outcome.missing)));
  for (const std::string& note : outcome.other_builds) text += element("p", "class=warning", escape(note));
  return element("section", "id=summary", text) + "\n";
}

}  // namespace

std::string interval_text(const MeanInterval& value) {
  const int digits = std::abs(value.mean) >= 100 ? 1 : std::abs(value.mean) >= 10 ? 2 : 3;
  if (!value.half_width) return fmt::format("{:.{}f}", value.mean, digits);
  return fmt::format("{:.{}f} ± {:.{}f}", value.mean, digits, *value.half_width, digits);
}

std::string p_text(double p) { return p < 0.001 ? "< 0.001" : fmt::format("{:.3f}", p); }

std::string render_suite_report(const SuiteSummary& summary, const std::string& made_at, const std::string& command) {
  Page page;
  page.title = summary.outcome->suite.title;
  page.brand = "nacre comparison of strategies";
  page.made_at = made_at;
  page.links = {{"summary", "Summary"}, {"ranks", "Ranks"}};
  page.sections = summary_section(summary);
  if (!summary.ranks.empty()) page.sections += ranks_section(summary);
  for (size_t b = 0; b < summary.benchmarks.size(); ++b) {
    page.sections += benchmark_section(summary.benchmarks[b], b);
    page.links.emplace_back(fmt::format("benchmark-{}", b), summary.benchmarks[b].facts.name);
  }
  page.links.emplace_back("declaration", "How it was run");
  page.sections += declaration_section(summary, command);
  page.style = suite_report_assets::css;
  page.script = suite_report_assets::js;
  page.data = {{"plots", plots_json(summary)}};
  return render_page(page);
}

}  // namespace nacre
