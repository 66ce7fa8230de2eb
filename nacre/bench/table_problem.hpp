// A tabular benchmark as a problem to be searched: what strategies see of a row, what they are judged by, and what could be
// reached at best, by enumeration of the whole table.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "nacre/bench/suite.hpp"
#include "nacre/search/pareto.hpp"
#include "nacre/search/strategy.hpp"
#include "nacre/tables/nearest_row.hpp"
#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {

// The whole table under the benchmark's limits and judged metrics.
struct TableFacts {
  int64_t rows = 0;
  int64_t usable = 0;    // rows whose objectives, judged metrics and limited metrics are known
  int64_t feasible = 0;  // of those, within the limits
  double optimum = 0;    // the best judged value within the limits
  std::string optimum_key;
  double worst = 0;  // the worst judged value of a usable row: what a search that found nothing is charged with
  double floor =
      0;  // regret of the network that is best by the searched metric (the mean of equals): a perfect search's
  Point reference;         // minimized; empty: no hypervolume is judged
  double hypervolume = 0;  // of all feasible rows
  int64_t front = 0;       // different points of their front
};

class TableProblem {
 public:
  // Loads the table. UserError with positions for metrics that it lacks.
  TableProblem(const SuiteBenchmark& benchmark, const std::filesystem::path& base_folder);
  // The same of a table that is at hand.
  TableProblem(const SuiteBenchmark& benchmark, std::shared_ptr<const TabularBenchmark> table);

  const std::string& name() const { return name_; }
  const TabularBenchmark& table() const { return *table_; }
  const TableFacts& facts() const { return facts_; }
  // Of the searched objectives and of the judged ones, in one order.
  const std::vector<MetricSpec>& objectives() const { return objectives_; }
  const std::vector<MetricSpec>& judged() const { return judged_; }
  const std::vector<Limit>& limits() const { return limits_; }
  double full_epochs() const { return full_epochs_; }
  bool merges_structures() const { return merges_structures_; }
  // Regrets are told in points of a share (factor 100) or in the metric's unit (factor 1).
  double points() const { return points_; }
  std::string regret_unit() const;
  Json identity() const;  // all that results depend on
  // False for rows that `keep` leaves out: as if the table did not hold them.
  bool keeps(int64_t row) const { return kept_.empty() || kept_[static_cast<size_t>(row)] != 0; }

  // Strategies are to ask for held rows only (`propose: held`).
  bool offers_held_only() const { return nearest_ != nullptr; }
  // The nearest kept row that is not taken. Only where offers_held_only().
  std::optional<Decisions> nearest(const Decisions& wanted, const TakenNetwork& taken) const {
    return nearest_->find(wanted, taken);
  }

  // What a strategy of this formulation optimizes here.
  ObjectiveSet formulate(const SuiteStrategy& strategy) const;

  // The training that the table holds nearest above the epochs asked for (0: full); never more than full.
  double held_epochs(double epochs) const;
  // Fills metrics (those that `objectives` names), status, reason and time_s of a trial on that row.
  void answer(int64_t row, double held_epochs, const ObjectiveSet& objectives, Trial& trial) const;
  // Of a row at full training; nothing where unknown.
  std::optional<double> judged_value(int64_t row) const;
  Point judged_point(int64_t row) const;  // minimized; empty where one is unknown
  // How much worse than the optimum, in points or units.
  double regret(double judged_value) const;
  // Equal numbers for rows of equal structure; builds networks, each row once.
  Hash128 structure(int64_t row) const;

 private:
  struct MetricColumns {
    MetricSpec spec;
    bool quality = false;
    std::map<double, size_t> by_epochs;  // columns
    std::optional<size_t> at(double epochs) const;
  };

  const MetricColumns& columns_of(const std::string& metric, const SourcePosition& position, const char* where) const;
  void read_columns();
  void read_settings(const SuiteBenchmark& benchmark);
  void read_keep(const ConfigNode& node);
  void read_reference(const ConfigNode& node);
  void enumerate(const SuiteBenchmark& benchmark);

  std::string name_;
  std::string kind_;
  Json options_;
  Json keep_ = Json::object();
  std::vector<char> kept_;  // by row; empty: all
  std::shared_ptr<const TabularBenchmark> table_;
  std::vector<std::pair<std::string, MetricColumns>> metrics_;
  std::vector<MetricSpec> known_;
  std::vector<MetricSpec> objectives_, judged_;
  std::vector<Limit> limits_;
  std::vector<size_t> judged_columns_;
  std::vector<double> trainings_;  // epochs that the main objective is held for, ascending
  std::optional<std::string> time_metric_;
  double full_epochs_ = 0;
  double points_ = 1;
  bool merges_structures_ = false;
  std::unique_ptr<const NearestRow> nearest_;
  TableFacts facts_;
  mutable std::mutex structure_mutex_;
  mutable std::unordered_map<int64_t, Hash128> structures_;
};

}  // namespace nacre
