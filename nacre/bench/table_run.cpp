#include "nacre/bench/table_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "nacre/hw/counted_cost.hpp"
#include "nacre/search/early_exit.hpp"
#include "nacre/search/lagrangian.hpp"

namespace nacre {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kAsksPerQuery = 20;  // a strategy that proposes for ever what costs nothing is stopped
constexpr int64_t kExtraAsks = 1000;

class Runner {
 public:
  Runner(const TableProblem& problem, const SuiteStrategy& strategy, const TableRunSettings& settings)
      : problem_(problem), settings_(settings), objectives_(problem.formulate(strategy)) {
    run_.seed = settings.seed;
    judged_objectives_.limits = problem.limits();
    for (const MetricSpec& spec : problem.objectives())
      judged_objectives_.objectives.push_back({spec.name, spec.direction});
    judged_objectives_.handling = LimitHandling::none;
    StrategyContext context{problem.table().space().trace(), objectives_, static_cast<int64_t>(settings.budget),
                            settings.base_folder, settings.interrupted};
    const Space* space = &problem.table().space();
    context.build = [space](const Decisions& decisions) { return space->build(decisions); };
    context.costs = [](const Design& design) { return counted_cost(design, {}).totals; };
    context.epochs = problem.full_epochs();
    context.identify = [space](const Decisions& decisions) { return space->identity_of(decisions); };
    context.cell = [space](const Decisions& decisions) { return space->cell_of(decisions); };
    if (problem.offers_held_only()) {
      context.nearest = [&problem](const Decisions& wanted, const TakenNetwork& taken) {
        return problem.nearest(wanted, taken);
      };
    }
    if (EarlyExit::asks_for_size(strategy.options))
      throw UserError(strategy.position, "exit_space: the networks of a table have one size");
    const Clock::time_point start = Clock::now();
    strategy_ = make_strategy(strategy.strategy, strategy.options, context, strategy.position);
    spent_ += Clock::now() - start;
  }

  TableRun run() {
    if (settings_.workers > 0) {
      run_asynchronously();
    } else {
      run_strictly();
    }
    run_.strategy_s = std::chrono::duration<double>(spent_).count();
    run_.unique = static_cast<int64_t>(rows_.size());
    run_.statistics = strategy_->statistics();
    return std::move(run_);
  }

 private:
  struct Open {
    Trial trial;
    int64_t row = -1;     // -1: not in the table
    double held = 0;      // epochs
    double queries = 0;   // that it costs
    double finish_s = 0;  // simulated
    bool full = false;    // of a full training: may be chosen, may be on the front
  };

  bool goes_on() const {
    if (run_.asked >= kAsksPerQuery * static_cast<int64_t>(std::ceil(settings_.budget)) + kExtraAsks) return false;
    const bool queries_left = run_.queries + 1e-9 < settings_.budget;
    const bool time_left = settings_.time_budget_s > 0 && run_.time_s < settings_.time_budget_s;
    return queries_left || time_left;
  }

  std::optional<Open> ask() {
    if (settings_.interrupted()) throw Interrupted();
    const int64_t number = run_.asked;
    Random random = Random::stream(settings_.seed, "ask", static_cast<uint64_t>(number));
    const Clock::time_point start = Clock::now();
    std::optional<Proposal> proposal = strategy_->ask(number, random);
    spent_ += Clock::now() - start;
    if (!proposal) {
      run_.exhausted = true;
      return std::nullopt;
    }
    ++run_.asked;
    return answered(number, std::move(*proposal));
  }

  Open answered(int64_t number, Proposal proposal) {
    Open open;
    open.trial.number = number;
    open.trial.candidate = std::move(proposal.candidate);
    if (proposal.fidelity) open.trial.request.fidelity = *proposal.fidelity;
    const double asked_epochs = open.trial.request.fidelity.epochs;
    const std::optional<int64_t> row = open.trial.candidate.graph_text.empty()
                                           ? problem_.table().row_of(open.trial.candidate.decisions)
                                           : std::nullopt;
    if (!row || !problem_.keeps(*row)) {
      open.trial.status = TrialStatus::failed;
      open.trial.reason = "the table does not hold this network";
      ++run_.not_held;
      return open;
    }
    open.row = *row;
    open.held = problem_.held_epochs(asked_epochs);
    open.full = open.held == problem_.full_epochs();
    const double known = proposal.continues >= 0 ? continued(proposal.continues) : 0;
    const double full = problem_.full_epochs();
    open.queries = full > 0 ? std::max(0.0, open.held - known) / full : 1;
    count_repetition(open, asked_epochs > 0 ? asked_epochs : full);
    if (problem_.merges_structures()) merge(open);
    problem_.answer(open.row, open.held, objectives_, open.trial);
    if (known > 0 && open.held > 0) open.trial.time_s *= std::max(0.0, open.held - known) / open.held;
    if (open.trial.time_s == 0) open.trial.time_s = open.queries;  // a table without times: a full training takes 1
    if (open.queries == 0) open.trial.time_s = 0;
    if (open.trial.status == TrialStatus::infeasible) ++run_.infeasible;
    if (open.trial.status == TrialStatus::failed) ++run_.failed;
    rows_.insert(open.row);
    held_of_.emplace(number, open.held);
    return open;
  }

  // A row that is asked for a second time is a fault of the strategy, by whatever decisions.
  void count_repetition(const Open& open, double epochs) {
    if (!proposed_.emplace(open.row, epochs).second) ++run_.duplicates;
  }

  // An earlier row of the same structure and training answers in its place.
  void merge(Open& open) {
    const auto [found, fresh] = first_of_.try_emplace({problem_.structure(open.row), open.held}, open.row);
    if (fresh) return;
    if (found->second != open.row) ++run_.same_structure;
    open.row = found->second;
    open.queries = 0;
  }

  double continued(int64_t number) const {
    const auto found = held_of_.find(number);
    return found == held_of_.end() ? 0 : found->second;
  }

  void tell(const Open& open) {
    const Clock::time_point start = Clock::now();
    strategy_->tell(open.trial);
    spent_ += Clock::now() - start;
  }

  // The result counts from now on.
  void finish(const Open& open) {
    run_.queries += open.queries;
    if (open.row < 0 || open.trial.status == TrialStatus::failed) return;
    Trial seen;  // under the benchmark's objectives, whatever the strategy optimizes
    problem_.answer(open.row, open.held, judged_objectives_, seen);
    if (seen.status != TrialStatus::ok || !judged_objectives_.feasible(seen.metrics)) return;
    choose(open, seen);
    if (open.full && !problem_.facts().reference.empty()) extend_front(open.row, seen);
  }

  void choose(const Open& open, const Trial& seen) {
    const double value = judged_objectives_.scalar(seen.metrics);
    const bool better = chosen_ < 0 || open.held > chosen_held_ || (open.held == chosen_held_ && value < chosen_value_);
    const std::optional<double> judged = better ? problem_.judged_value(open.row) : std::nullopt;
    if (!judged) return;
    chosen_ = open.row;
    chosen_held_ = open.held;
    chosen_value_ = value;
    run_.chosen = problem_.table().key_of(open.row);
    run_.regret.push_back({run_.queries, run_.time_s, problem_.regret(*judged)});
  }

  // The front by the searched metrics, measured by the judged ones.
  void extend_front(int64_t row, const Trial& seen) {
    const Point point = *judged_objectives_.minimized(seen.metrics);
    for (const auto& [other, judged] : front_) {
      if (other == point || dominates(other, point)) return;
    }
    const Point judged = problem_.judged_point(row);
    if (judged.empty()) return;
    std::erase_if(front_, [&](const auto& member) { return dominates(point, member.first); });
    front_.emplace_back(point, judged);
    std::vector<Point> points;
    for (const auto& member : front_) points.push_back(member.second);
    const double ratio = hypervolume(points, problem_.facts().reference) / problem_.facts().hypervolume;
    if (run_.hypervolume.empty() || ratio != run_.hypervolume.back().value)
      run_.hypervolume.push_back({run_.queries, run_.time_s, ratio});
  }

  void run_strictly() {
    std::vector<Open> history;
    size_t told = 0;
    while (goes_on()) {
      const int64_t number = run_.asked;
      while (static_cast<int64_t>(told) <= number - settings_.lookahead) tell(history[told++]);
      std::optional<Open> open = ask();
      if (!open) break;
      run_.time_s += open->trial.time_s;
      finish(*open);
      history.push_back(std::move(*open));
    }
    while (told < history.size()) tell(history[told++]);
  }

  void run_asynchronously() {
    const auto later = [](const Open& a, const Open& b) {
      return a.finish_s != b.finish_s ? a.finish_s < b.finish_s : a.trial.number < b.trial.number;
    };
    std::multiset<Open, decltype(later)> running(later);
    double now = 0, promised = 0;
    bool more = true;
    for (;;) {
      while (more && static_cast<int64_t>(running.size()) < settings_.workers && goes_on() &&
             (run_.queries + promised + 1e-9 < settings_.budget ||
              (settings_.time_budget_s > 0 && now < settings_.time_budget_s))) {
        std::optional<Open> open = ask();
        more = open.has_value();
        if (!more) break;
        open->finish_s = now + open->trial.time_s;
        promised += open->queries;
        running.insert(std::move(*open));
      }
      if (running.empty()) return;
      const Open done = std::move(running.extract(running.begin()).value());
      now = run_.time_s = done.finish_s;
      promised -= done.queries;
      finish(done);
      tell(done);
    }
  }

  const TableProblem& problem_;
  const TableRunSettings& settings_;
  const ObjectiveSet objectives_;
  ObjectiveSet judged_objectives_;
  std::unique_ptr<Strategy> strategy_;
  TableRun run_;
  Clock::duration spent_{};
  std::set<std::pair<int64_t, double>> proposed_;           // row and epochs asked for
  std::map<std::pair<Hash128, double>, int64_t> first_of_;  // where structures are merged
  std::unordered_set<int64_t> rows_;
  std::unordered_map<int64_t, double> held_of_;  // epochs, by ask number
  int64_t chosen_ = -1;
  double chosen_held_ = 0;
  double chosen_value_ = 0;
  std::vector<std::pair<Point, Point>> front_;  // searched and judged
};

Json steps_json(const std::vector<TableStep>& steps) {
  Json json = Json::array();
  for (const TableStep& step : steps) json.push_back({step.queries, step.time_s, step.value});
  return json;
}

std::vector<TableStep> steps_from_json(const Json& json) {
  std::vector<TableStep> steps;
  for (const Json& row : json)
    steps.push_back({row.at(0).get<double>(), row.at(1).get<double>(), row.at(2).get<double>()});
  return steps;
}

}  // namespace

TableRun run_on_table(const TableProblem& problem, const SuiteStrategy& strategy, const TableRunSettings& settings) {
  return Runner(problem, strategy, settings).run();
}

Json to_json(const TableRun& run) {
  return {{"seed", run.seed},
          {"queries", run.queries},
          {"time_s", run.time_s},
          {"asked", run.asked},
          {"unique", run.unique},
          {"duplicates", run.duplicates},
          {"same_structure", run.same_structure},
          {"infeasible", run.infeasible},
          {"not_held", run.not_held},
          {"failed", run.failed},
          {"exhausted", run.exhausted},
          {"strategy_s", run.strategy_s},
          {"regret", steps_json(run.regret)},
          {"hypervolume", steps_json(run.hypervolume)},
          {"chosen", run.chosen},
          {"statistics", run.statistics}};
}

TableRun table_run_from_json(const Json& json) {
  try {
    TableRun run;
    run.seed = json.at("seed").get<uint64_t>();
    run.queries = json.at("queries").get<double>();
    run.time_s = json.at("time_s").get<double>();
    run.asked = json.at("asked").get<int64_t>();
    run.unique = json.at("unique").get<int64_t>();
    run.duplicates = json.at("duplicates").get<int64_t>();
    run.same_structure = json.at("same_structure").get<int64_t>();
    run.infeasible = json.at("infeasible").get<int64_t>();
    run.not_held = json.at("not_held").get<int64_t>();
    run.failed = json.at("failed").get<int64_t>();
    run.exhausted = json.at("exhausted").get<bool>();
    run.strategy_s = json.at("strategy_s").get<double>();
    run.regret = steps_from_json(json.at("regret"));
    run.hypervolume = steps_from_json(json.at("hypervolume"));
    run.chosen = json.at("chosen").get<std::string>();
    run.statistics = json.at("statistics");
    return run;
  } catch (const Json::exception& error) {
    throw UserError(fmt::format("a stored run is malformed: {}", error.what()));
  }
}

double value_after(const std::vector<TableStep>& steps, double queries, double start) {
  double value = start;
  for (const TableStep& step : steps) {
    if (step.queries > queries + 1e-9) break;
    value = step.value;
  }
  return value;
}

double value_after_time(const std::vector<TableStep>& steps, double time_s, double start) {
  double value = start;
  for (const TableStep& step : steps) {
    if (step.time_s > time_s) break;
    value = step.value;
  }
  return value;
}

}  // namespace nacre
