// One strategy on one tabular benchmark with one seed, in memory: asks and tells as in a study, without a store.
//
// Strict order: ask n sees the results of asks 0 .. n - lookahead, with the random stream that a study would hand it. Or a
// replay of asynchronous work: so many simulated workers train for the times that the table gives; whoever is free asks, and
// sees what has finished by then.
//
// What is counted: a query is a proposal, and a shorter training counts for its share of a full one (a continued one for the
// part that is added). A proposal that the table does not hold costs nothing, nor does, where structures are merged, one
// whose structure was evaluated before.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "nacre/bench/table_problem.hpp"

namespace nacre {

struct TableRunSettings {
  double budget = 0;         // queries
  double time_budget_s = 0;  // simulated; 0: none. The run goes on until both are spent
  uint64_t seed = 0;
  int64_t lookahead = 1;
  int64_t workers = 0;  // 0: strict order
  std::filesystem::path base_folder = {};
  std::function<bool()> interrupted = [] { return false; };
};

// A value from a number of queries (and a simulated time) on.
struct TableStep {
  double queries = 0;
  double time_s = 0;
  double value = 0;
};

struct TableRun {
  uint64_t seed = 0;
  double queries = 0;
  double time_s = 0;  // simulated, of all workers
  int64_t asked = 0;
  int64_t unique = 0;          // different rows among those answered
  int64_t duplicates = 0;      // proposals of a row that was proposed before at that fidelity, by whatever decisions
  int64_t same_structure = 0;  // answered at no cost by an earlier trial of the structure, where structures are merged
  int64_t infeasible = 0;      // beyond a limit
  int64_t not_held = 0;        // proposals that the table does not hold
  int64_t failed = 0;          // without a value, or an error
  bool exhausted = false;      // the strategy had nothing more to propose
  double strategy_s = 0;       // spent in ask and tell
  std::vector<TableStep> regret;       // of the network that is best by the searched metric, whenever it changes
  std::vector<TableStep> hypervolume;  // ratio to the table's, whenever it grows; empty without a reference
  std::string chosen;                  // the table's key of the last incumbent
  Json statistics = Json::object();    // of the strategy
};

TableRun run_on_table(const TableProblem& problem, const SuiteStrategy& strategy, const TableRunSettings& settings);

Json to_json(const TableRun& run);
TableRun table_run_from_json(const Json& json);  // UserError when malformed

// The value after so many queries (or so much time); `start` before the first step.
double value_after(const std::vector<TableStep>& steps, double queries, double start);
double value_after_time(const std::vector<TableStep>& steps, double time_s, double start);

}  // namespace nacre
