#include "nacre/bench/suite_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "nacre/bench/significance.hpp"

namespace nacre {
namespace {

constexpr size_t kCurvePoints = 120;

using Lookup = double (*)(const std::vector<TableStep>&, double, double);

struct Judged {  // one of the two ways to judge
  std::vector<TableStep> TableRun::*steps;
  double start;
};

std::vector<double> values_at(const std::vector<TableRun>& runs, const Judged& judged, double at, Lookup lookup) {
  std::vector<double> values;
  for (const TableRun& run : runs) values.push_back(lookup(run.*judged.steps, at, judged.start));
  return values;
}

std::vector<BudgetValue> at_budgets(const std::vector<TableRun>& runs, const Judged& judged,
                                    const std::vector<double>& budgets, Lookup lookup) {
  std::vector<BudgetValue> result;
  for (const double budget : budgets) {
    const std::vector<double> values = values_at(runs, judged, budget, lookup);
    result.push_back({budget, mean_interval(values), quantile_of(values, 0.5)});
  }
  return result;
}

// Evenly over the budget, the named budgets among them.
std::vector<double> curve_places(const std::vector<double>& budgets) {
  const double last = budgets.back(), step = std::max(1.0, last / static_cast<double>(kCurvePoints));
  std::vector<double> places = budgets;
  for (double at = 1; at < last; at += step) places.push_back(std::floor(at));
  std::ranges::sort(places);
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

std::vector<CurveValue> curve_of(const std::vector<TableRun>& runs, const Judged& judged,
                                 const std::vector<double>& budgets) {
  std::vector<CurveValue> curve;
  for (const double at : curve_places(budgets)) {
    const MeanInterval value = mean_interval(values_at(runs, judged, at, value_after));
    const double half = value.half_width.value_or(0);
    curve.push_back({at, value.mean, value.mean - half, value.mean + half});
  }
  return curve;
}

GoalValue goal_of(const std::vector<TableRun>& runs, double goal) {
  GoalValue result{goal, std::nullopt, std::nullopt, 0};
  std::vector<double> queries;
  double sum = 0;
  for (const TableRun& run : runs) {
    const auto step =
        std::ranges::find_if(run.regret, [&](const TableStep& each) { return each.value <= goal + 1e-9; });
    const bool reached = step != run.regret.end();
    queries.push_back(reached ? step->queries : std::numeric_limits<double>::infinity());
    if (reached) ++result.reached, sum += step->queries;
  }
  const double median = quantile_of(queries, 0.5);
  if (std::isfinite(median)) result.median = median;
  if (result.reached == static_cast<int64_t>(runs.size())) result.mean = sum / static_cast<double>(runs.size());
  return result;
}

StrategySummary summarize_strategy(const SuiteOutcome& outcome, size_t b, size_t s) {
  const std::vector<TableRun>& runs = outcome.runs[b][s];
  const Suite& suite = outcome.suite;
  StrategySummary summary;
  summary.name = suite.strategies[s].name;
  summary.seeds = static_cast<int64_t>(runs.size());
  const Judged regret{&TableRun::regret, outcome.charged_regret(b)}, volume{&TableRun::hypervolume, 0};
  summary.regret = at_budgets(runs, regret, suite.budgets, value_after);
  summary.regret_by_time = at_budgets(runs, regret, suite.time_budgets_s, value_after_time);
  summary.regret_curve = curve_of(runs, regret, suite.budgets);
  if (!outcome.benchmarks[b].table.reference.empty()) {
    summary.hypervolume = at_budgets(runs, volume, suite.budgets, value_after);
    summary.hypervolume_by_time = at_budgets(runs, volume, suite.time_budgets_s, value_after_time);
    summary.hypervolume_curve = curve_of(runs, volume, suite.budgets);
  }
  for (const double goal : suite.goals) summary.goals.push_back(goal_of(runs, goal));
  double strategy_s = 0, asked = 0;
  const auto share = 1 / static_cast<double>(runs.size());
  for (const TableRun& run : runs) {
    summary.asked += share * static_cast<double>(run.asked);
    summary.unique += share * static_cast<double>(run.unique);
    summary.same_structure += share * static_cast<double>(run.same_structure);
    summary.infeasible += share * static_cast<double>(run.infeasible);
    summary.not_held += share * static_cast<double>(run.not_held);
    summary.failed += share * static_cast<double>(run.failed);
    summary.duplicates += run.duplicates;
    summary.exhausted += run.exhausted ? 1 : 0;
    strategy_s += run.strategy_s;
    asked += static_cast<double>(run.asked);
  }
  summary.trial_s = asked > 0 ? strategy_s / asked : 0;
  return summary;
}

// Smaller is better: regrets as they are, hypervolumes negated.
RankSummary rank_at(const SuiteOutcome& outcome, const std::vector<BenchmarkSummary>& benchmarks, double budget) {
  const size_t strategies = outcome.suite.strategies.size();
  std::vector<std::vector<double>> blocks, means;
  for (size_t b = 0; b < benchmarks.size(); ++b) {
    std::map<uint64_t, std::vector<double>> by_seed;
    for (size_t s = 0; s < strategies; ++s) {
      for (const TableRun& run : outcome.runs[b][s]) {
        const double value = benchmarks[b].by_hypervolume ? -value_after(run.hypervolume, budget, 0)
                                                          : value_after(run.regret, budget, outcome.charged_regret(b));
        by_seed[run.seed].push_back(value);
      }
    }
    std::vector<double> sums(strategies, 0.0);
    size_t complete = 0;
    for (const auto& [seed, values] : by_seed) {
      if (values.size() != strategies) continue;  // of a suite that was stopped
      ++complete;
      blocks.push_back(values);
      for (size_t s = 0; s < strategies; ++s) sums[s] += values[s];
    }
    if (complete > 0) means.push_back(std::move(sums));
  }
  RankSummary ranks;
  ranks.budget = budget;
  ranks.benchmarks = static_cast<int64_t>(means.size());
  ranks.blocks = static_cast<int64_t>(blocks.size());
  if (blocks.empty()) return ranks;
  const FriedmanTest friedman = friedman_test(blocks);
  ranks.friedman_p = friedman.p;
  ranks.statistic = friedman.statistic;
  std::vector<RankSummary::Row> rows(strategies);
  for (const std::vector<double>& mean : means) {
    const std::vector<double> of_means = ranks_of(mean);
    const double best = *std::ranges::min_element(of_means);
    for (size_t s = 0; s < strategies; ++s) {
      rows[s].mean_rank += of_means[s] / static_cast<double>(means.size());
      if (of_means[s] == best) ++rows[s].first;
    }
  }
  size_t best = 0;
  for (size_t s = 0; s < strategies; ++s) {
    rows[s].strategy = outcome.suite.strategies[s].name;
    rows[s].mean_block_rank = friedman.mean_ranks[s];
    const auto key = [&](size_t i) { return std::pair(rows[i].mean_rank, friedman.mean_ranks[i]); };
    if (key(s) < key(best)) best = s;
  }
  std::vector<double> p;
  std::vector<size_t> compared;
  std::vector<double> of_best;
  for (const std::vector<double>& block : blocks) of_best.push_back(block[best]);
  for (size_t s = 0; s < strategies; ++s) {
    if (s == best) continue;
    std::vector<double> own;
    for (const std::vector<double>& block : blocks) {
      own.push_back(block[s]);
      rows[s].wins += block[s] < block[best] ? 1 : 0;
      rows[s].losses += block[s] > block[best] ? 1 : 0;
    }
    p.push_back(wilcoxon_signed_rank(own, of_best).p);
    compared.push_back(s);
  }
  const std::vector<double> adjusted = holm_adjusted(p);
  for (size_t i = 0; i < compared.size(); ++i) rows[compared[i]].p = adjusted[i];
  std::ranges::stable_sort(rows, {},
                           [](const RankSummary::Row& row) { return std::pair(row.mean_rank, row.mean_block_rank); });
  ranks.rows = std::move(rows);
  return ranks;
}

Json budget_json(const std::vector<BudgetValue>& values) {
  Json json = Json::object();
  for (const BudgetValue& value : values) {
    json[fmt::format("{:g}", value.budget)] = {
        {"mean", value.value.mean},
        {"half_width", value.value.half_width ? Json(*value.value.half_width) : Json(nullptr)},
        {"median", value.median},
        {"least", value.value.least},
        {"most", value.value.most}};
  }
  return json;
}

Json strategy_json(const StrategySummary& summary) {
  Json json = {{"seeds", summary.seeds}, {"regret", budget_json(summary.regret)}};
  if (!summary.regret_by_time.empty()) json["regret_by_time"] = budget_json(summary.regret_by_time);
  if (!summary.hypervolume.empty()) json["hypervolume"] = budget_json(summary.hypervolume);
  if (!summary.hypervolume_by_time.empty()) json["hypervolume_by_time"] = budget_json(summary.hypervolume_by_time);
  for (const GoalValue& goal : summary.goals) {
    json["goals"][fmt::format("{:g}", goal.goal)] = {{"median", goal.median ? Json(*goal.median) : Json(nullptr)},
                                                     {"mean", goal.mean ? Json(*goal.mean) : Json(nullptr)},
                                                     {"reached", goal.reached}};
  }
  json["asked"] = summary.asked;
  json["unique"] = summary.unique;
  json["duplicates"] = summary.duplicates;
  json["same_structure"] = summary.same_structure;
  json["infeasible"] = summary.infeasible;
  json["not_held"] = summary.not_held;
  json["failed"] = summary.failed;
  json["exhausted"] = summary.exhausted;
  json["trial_s"] = summary.trial_s;
  return json;
}

Json ranks_json(const RankSummary& ranks) {
  Json json = {{"benchmarks", ranks.benchmarks},
               {"blocks", ranks.blocks},
               {"friedman_p", ranks.friedman_p},
               {"statistic", ranks.statistic},
               {"best", ranks.rows.empty() ? "" : ranks.rows[0].strategy},
               {"strategies", Json::object()}};
  for (const RankSummary::Row& row : ranks.rows) {
    json["strategies"][row.strategy] = {{"mean_rank", row.mean_rank}, {"mean_block_rank", row.mean_block_rank},
                                        {"first", row.first},         {"wins", row.wins},
                                        {"losses", row.losses},       {"p", row.p ? Json(*row.p) : Json(nullptr)}};
  }
  return json;
}

// Names hold no comma, quote or line break (bench/suite.cpp).
void budget_lines(std::string& csv, const std::string& where, const char* what, const char* axis,
                  const std::vector<BudgetValue>& values) {
  for (const BudgetValue& value : values) {
    csv += fmt::format("{},{},{},{:g},{},{},{},{},{},{}\n", where, what, axis, value.budget, value.value.mean,
                       value.value.half_width ? fmt::format("{}", *value.value.half_width) : "", value.median,
                       value.value.least, value.value.most, value.value.count);
  }
}

}  // namespace

SuiteSummary summarize(const SuiteOutcome& outcome) {
  SuiteSummary summary;
  summary.outcome = &outcome;
  for (size_t b = 0; b < outcome.benchmarks.size(); ++b) {
    BenchmarkSummary benchmark;
    benchmark.facts = outcome.benchmarks[b];
    benchmark.by_hypervolume = !benchmark.facts.table.reference.empty();
    for (size_t s = 0; s < outcome.suite.strategies.size(); ++s) {
      if (!outcome.runs[b][s].empty()) benchmark.strategies.push_back(summarize_strategy(outcome, b, s));
    }
    summary.benchmarks.push_back(std::move(benchmark));
  }
  if (outcome.suite.strategies.size() < 2) return summary;
  for (const double budget : outcome.suite.budgets)
    summary.ranks.push_back(rank_at(outcome, summary.benchmarks, budget));
  return summary;
}

Json to_json(const SuiteSummary& summary) {
  const SuiteOutcome& outcome = *summary.outcome;
  Json json = {{"suite", outcome.suite.name}, {"title", outcome.suite.title}, {"seeds", outcome.suite.seeds.size()},
               {"missing", outcome.missing},  {"benchmarks", Json::object()}, {"ranks", Json::object()}};
  int64_t duplicates = 0;
  for (const BenchmarkSummary& benchmark : summary.benchmarks) {
    const SuiteBenchmarkFacts& facts = benchmark.facts;
    Json row = {{"rows", facts.table.rows},
                {"usable", facts.table.usable},
                {"feasible", facts.table.feasible},
                {"optimum", facts.table.optimum},
                {"optimum_key", facts.table.optimum_key},
                {"floor", facts.table.floor},
                {"regret_unit", facts.regret_unit},
                {"limits", facts.limits},
                {"identity", facts.merges_structures ? "structure" : "table"}};
    if (!facts.table.reference.empty()) {
      row["reference"] = facts.table.reference;
      row["hypervolume"] = facts.table.hypervolume;
      row["front"] = facts.table.front;
    }
    row["strategies"] = Json::object();
    for (const StrategySummary& strategy : benchmark.strategies) {
      row["strategies"][strategy.name] = strategy_json(strategy);
      duplicates += strategy.duplicates;
    }
    json["benchmarks"][facts.name] = std::move(row);
  }
  for (const RankSummary& ranks : summary.ranks) json["ranks"][fmt::format("{:g}", ranks.budget)] = ranks_json(ranks);
  json["duplicates"] = duplicates;
  return json;
}

std::string summary_csv(const SuiteSummary& summary) {
  std::string csv = "benchmark,strategy,what,budget_of,budget,mean,half_width_95,median,least,most,seeds\n";
  for (const BenchmarkSummary& benchmark : summary.benchmarks) {
    for (const StrategySummary& strategy : benchmark.strategies) {
      const std::string where = benchmark.facts.name + "," + strategy.name;
      budget_lines(csv, where, "regret", "queries", strategy.regret);
      budget_lines(csv, where, "regret", "time_s", strategy.regret_by_time);
      budget_lines(csv, where, "hypervolume", "queries", strategy.hypervolume);
      budget_lines(csv, where, "hypervolume", "time_s", strategy.hypervolume_by_time);
    }
  }
  return csv;
}

std::string curves_csv(const SuiteSummary& summary) {
  std::string csv = "benchmark,strategy,what,queries,mean,low_95,high_95\n";
  for (const BenchmarkSummary& benchmark : summary.benchmarks) {
    for (const StrategySummary& strategy : benchmark.strategies) {
      const auto add = [&](const char* what, const std::vector<CurveValue>& curve) {
        for (const CurveValue& value : curve) {
          csv += fmt::format("{},{},{},{:g},{},{},{}\n", benchmark.facts.name, strategy.name, what, value.at,
                             value.mean, value.low, value.high);
        }
      };
      add("regret", strategy.regret_curve);
      add("hypervolume", strategy.hypervolume_curve);
    }
  }
  return csv;
}

std::string runs_csv(const SuiteOutcome& outcome) {
  std::string csv = "benchmark,strategy,seed";
  for (const double budget : outcome.suite.budgets) csv += fmt::format(",regret_{0:g},hypervolume_{0:g}", budget);
  csv += ",queries,time_s,asked,unique,duplicates,same_structure,infeasible,not_held,failed,strategy_s,chosen\n";
  for (size_t b = 0; b < outcome.benchmarks.size(); ++b) {
    for (size_t s = 0; s < outcome.suite.strategies.size(); ++s) {
      for (const TableRun& run : outcome.runs[b][s]) {
        csv += fmt::format("{},{},{}", outcome.benchmarks[b].name, outcome.suite.strategies[s].name, run.seed);
        for (const double budget : outcome.suite.budgets) {
          csv += fmt::format(",{}", value_after(run.regret, budget, outcome.charged_regret(b)));
          csv += outcome.benchmarks[b].table.reference.empty()
                     ? std::string(",")
                     : fmt::format(",{}", value_after(run.hypervolume, budget, 0));
        }
        std::string chosen = run.chosen;
        std::ranges::replace(chosen, ',', ';');
        std::ranges::replace(chosen, '"', '\'');
        csv += fmt::format(",{},{},{},{},{},{},{},{},{},{},{}\n", run.queries, run.time_s, run.asked, run.unique,
                           run.duplicates, run.same_structure, run.infeasible, run.not_held, run.failed, run.strategy_s,
                           chosen);
      }
    }
  }
  return csv;
}

}  // namespace nacre
