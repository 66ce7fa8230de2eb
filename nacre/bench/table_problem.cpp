#include "nacre/bench/table_problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "nacre/bench/significance.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/run/configuration.hpp"
#include "nacre/run/formulation.hpp"

namespace nacre {
namespace {

bool is_share(const MetricSpec& spec) { return spec.unit.empty() && spec.name.find("accuracy") != std::string::npos; }

double minimized(const MetricSpec& spec, double value) {
  return spec.direction == Direction::maximize ? -value : value;
}

}  // namespace

std::optional<size_t> TableProblem::MetricColumns::at(double epochs) const {
  if (!quality) return by_epochs.rbegin()->second;
  const auto found = by_epochs.find(epochs);
  if (found != by_epochs.end()) return found->second;
  return std::nullopt;
}

namespace {

std::shared_ptr<const TabularBenchmark> load(const SuiteBenchmark& benchmark,
                                             const std::filesystem::path& base_folder) {
  BenchmarkContext context;
  context.base_folder = base_folder;
  return benchmark_registry().get(benchmark.kind, benchmark.position).make(benchmark.options, context);
}

}  // namespace

TableProblem::TableProblem(const SuiteBenchmark& benchmark, const std::filesystem::path& base_folder)
    : TableProblem(benchmark, load(benchmark, base_folder)) {}

TableProblem::TableProblem(const SuiteBenchmark& benchmark, std::shared_ptr<const TabularBenchmark> table)
    : name_(benchmark.name), kind_(benchmark.kind), options_(benchmark.options.json()), table_(std::move(table)) {
  read_columns();
  read_settings(benchmark);
  enumerate(benchmark);
  (void)table_->space().trace();  // once, before threads ask for it
}

void TableProblem::read_columns() {
  const std::vector<TableColumn>& columns = table_->columns();
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string& name = columns[i].metric.name;
    auto found = std::ranges::find(metrics_, name, &std::pair<std::string, MetricColumns>::first);
    if (found == metrics_.end()) {
      metrics_.emplace_back(name, MetricColumns{columns[i].metric, columns[i].quality, {}});
      known_.push_back(columns[i].metric);
      found = metrics_.end() - 1;
    }
    found->second.by_epochs.emplace(columns[i].epochs, i);
  }
  for (const auto& [name, columns_of_metric] : metrics_) {
    if (name == "train_time_s") time_metric_ = name;
  }
}

const TableProblem::MetricColumns& TableProblem::columns_of(const std::string& metric, const SourcePosition& position,
                                                            const char* where) const {
  std::vector<std::string> names;
  for (const auto& [name, columns] : metrics_) {
    if (name == metric) return columns;
    names.push_back(name);
  }
  throw UserError(position, unknown_name_message(fmt::format("metric of {} in {}", name_, where), metric, names));
}

void TableProblem::read_settings(const SuiteBenchmark& benchmark) {
  const Options& settings = benchmark.settings;
  for (const std::string& metric : settings.texts("objectives"))
    objectives_.push_back(columns_of(metric, settings.position("objectives"), "objectives").spec);
  const MetricColumns& main = columns_of(objectives_[0].name, settings.position("objectives"), "objectives");
  for (const auto& [epochs, column] : main.by_epochs) trainings_.push_back(epochs);
  full_epochs_ = settings.real("epochs");
  if (full_epochs_ == 0) full_epochs_ = trainings_.back();
  if (main.quality && std::ranges::find(trainings_, full_epochs_) == trainings_.end()) {
    std::string held;
    for (const double epochs : trainings_) held += fmt::format("{}{:g}", held.empty() ? "" : ", ", epochs);
    throw UserError(settings.position("epochs"), fmt::format("epochs: {} holds {} after {} epochs, not after {:g}",
                                                             name_, objectives_[0].name, held, full_epochs_));
  }
  std::erase_if(trainings_, [&](double epochs) { return epochs > full_epochs_; });
  std::vector<std::string> judged = settings.texts("judge");
  if (judged.empty()) judged = settings.texts("objectives");
  for (const std::string& metric : judged) {
    const MetricColumns& columns = columns_of(metric, settings.position("judge"), "judge");
    const std::optional<size_t> column = columns.at(full_epochs_);
    if (!column)
      throw UserError(settings.position("judge"),
                      fmt::format("judge: {} does not hold {} after {:g} epochs", name_, metric, full_epochs_));
    judged_.push_back(columns.spec);
    judged_columns_.push_back(*column);
  }
  points_ = is_share(judged_[0]) ? 100 : 1;
  limits_ = limits_from_config(settings.node("limits"), known_);
  read_keep(settings.node("keep"));
  merges_structures_ = settings.text("identity") == "structure";
  if (settings.text("propose") == "held")
    nearest_ = std::make_unique<const NearestRow>(*table_, [this](int64_t row) { return keeps(row); });
}

void TableProblem::read_keep(const ConfigNode& node) {
  if (!node.is_null() && !node.is_map()) throw UserError(node.position, "keep: expected a map of metrics and values");
  for (const auto& [metric, wanted] : node.entries) {
    const std::optional<size_t> column = columns_of(metric, wanted.key_position, "keep").at(full_epochs_);
    const double value = wanted.as_real("keep." + metric);
    if (kept_.empty()) kept_.assign(static_cast<size_t>(table_->rows()), 1);
    for (int64_t row = 0; row < table_->rows(); ++row) {
      if (!column || table_->value(row, *column) != value) kept_[static_cast<size_t>(row)] = 0;
    }
    keep_[metric] = value;
  }
}

std::string TableProblem::regret_unit() const { return is_share(judged_[0]) ? "points" : judged_[0].unit; }

Json TableProblem::identity() const {
  Json json = {{"kind", kind_},
               {"options", options_},
               {"table", table_->identity()},
               {"epochs", full_epochs_},
               {"limits", to_json(limits_)},
               {"keep", keep_},
               {"merges_structures", merges_structures_},
               {"reference", facts_.reference}};
  if (nearest_) json["propose"] = "held";
  for (const MetricSpec& spec : objectives_) json["objectives"].push_back(spec.name);
  for (const MetricSpec& spec : judged_) json["judge"].push_back(spec.name);
  return json;
}

ObjectiveSet TableProblem::formulate(const SuiteStrategy& strategy) const {
  std::vector<std::string> usual;
  for (const MetricSpec& spec : objectives_) usual.push_back(spec.name);
  try {
    return formulation_from_options(strategy.formulation, known_, limits_, usual);
  } catch (const UserError& error) {
    throw UserError(fmt::format("{} (strategy {} on benchmark {})", error.what(), strategy.name, name_));
  }
}

double TableProblem::held_epochs(double epochs) const {
  if (epochs <= 0) return full_epochs_;
  const auto found = std::ranges::lower_bound(trainings_, epochs);
  return found == trainings_.end() ? full_epochs_ : *found;
}

void TableProblem::answer(int64_t row, double held_epochs, const ObjectiveSet& objectives, Trial& trial) const {
  trial.status = TrialStatus::ok;
  const auto fill = [&](const std::string& metric) {
    if (trial.metrics.contains(metric)) return true;
    for (const auto& [name, columns] : metrics_) {
      if (name != metric) continue;
      const std::optional<size_t> column = columns.at(held_epochs);
      const std::optional<double> value = column ? table_->value(row, *column) : std::nullopt;
      if (!value) return false;
      trial.metrics.emplace(metric, Metric{.value = value, .unit = columns.spec.unit, .origin = Origin::table});
      return true;
    }
    return false;
  };
  const auto miss = [&](const std::string& metric) {
    trial.status = TrialStatus::failed;
    trial.reason =
        fmt::format("the table does not hold {} of {} after {:g} epochs", metric, table_->key_of(row), held_epochs);
  };
  for (const Limit& limit : objectives.limits) fill(limit.metric);
  const bool rejects = objectives.handling == LimitHandling::rejection;
  if (rejects && !objectives.feasible(trial.metrics)) {
    const Limit& limit = *objectives.binding_limit(trial.metrics);
    trial.status = TrialStatus::infeasible;
    trial.reason = limit.text() + " is not kept";
    return;
  }
  for (const Objective& objective : objectives.objectives) {
    if (!fill(objective.metric)) return miss(objective.metric);
  }
  for (const ScalarTerm& term : objectives.terms) {
    if (!fill(term.metric)) return miss(term.metric);
  }
  if (time_metric_) {
    for (const auto& [name, columns] : metrics_) {
      const std::optional<size_t> column = name == *time_metric_ ? columns.at(held_epochs) : std::nullopt;
      if (column) trial.time_s = table_->value(row, *column).value_or(0);
    }
  }
}

std::optional<double> TableProblem::judged_value(int64_t row) const { return table_->value(row, judged_columns_[0]); }

Point TableProblem::judged_point(int64_t row) const {
  Point point;
  for (size_t i = 0; i < judged_.size(); ++i) {
    const std::optional<double> value = table_->value(row, judged_columns_[i]);
    if (!value) return {};
    point.push_back(minimized(judged_[i], *value));
  }
  return point;
}

double TableProblem::regret(double value) const {
  return points_ * (minimized(judged_[0], value) - minimized(judged_[0], facts_.optimum));
}

Hash128 TableProblem::structure(int64_t row) const {
  {
    const std::scoped_lock lock(structure_mutex_);
    const auto found = structures_.find(row);
    if (found != structures_.end()) return found->second;
  }
  const Design design = table_->space().build(table_->decisions_of(row));
  Hash128 hash{};
  for (const auto& [task, graph] : design.graphs) hash = hash_combine(hash, structure_hash(graph));
  const std::scoped_lock lock(structure_mutex_);
  structures_.emplace(row, hash);
  return hash;
}

// One bound per judged metric; a percentile is that of the table's known values.
void TableProblem::read_reference(const ConfigNode& node) {
  if (node.is_null() || (node.is_map() && node.entries.empty())) return;
  if (!node.is_map()) throw UserError(node.position, "reference: expected a map of the judged metrics and bounds");
  for (size_t i = 0; i < judged_.size(); ++i) {
    const ConfigNode* bound = node.find(judged_[i].name);
    const std::string what = "reference." + judged_[i].name;
    if (bound == nullptr) throw UserError(node.position, "missing key " + what + ": every judged metric needs a bound");
    double value = 0;
    if (bound->is_map()) {
      const ConfigNode* percentile = bound->find("percentile");
      if (percentile == nullptr || bound->entries.size() != 1)
        throw UserError(bound->position, what + ": expected a number or {percentile: p}");
      const double share = percentile->as_real(what + ".percentile") / 100;
      if (!(share >= 0 && share <= 1)) throw UserError(percentile->position, what + ".percentile: expected 0 to 100");
      std::vector<double> values;
      for (int64_t row = 0; row < table_->rows(); ++row) {
        if (const auto known = table_->value(row, judged_columns_[i]); known && keeps(row)) values.push_back(*known);
      }
      if (values.empty()) throw UserError(bound->position, what + ": the table holds no value of it");
      value = quantile_of(std::move(values), share);
    } else {
      value = bound->as_real(what);
    }
    facts_.reference.push_back(minimized(judged_[i], value));
  }
  for (const auto& [metric, bound] : node.entries) {
    if (std::ranges::find(judged_, metric, &MetricSpec::name) == judged_.end()) {
      std::vector<std::string> names;
      for (const MetricSpec& spec : judged_) names.push_back(spec.name);
      throw UserError(bound.key_position, unknown_name_message("judged metric in reference", metric, names));
    }
  }
}

void TableProblem::enumerate(const SuiteBenchmark& benchmark) {
  read_reference(benchmark.settings.node("reference"));
  ObjectiveSet set;
  for (const MetricSpec& spec : objectives_) set.objectives.push_back({spec.name, spec.direction});
  set.limits = limits_;
  set.handling = LimitHandling::none;
  double best = std::numeric_limits<double>::infinity(), worst = -best, best_searched = best;
  std::vector<double> judged_of_best;
  std::vector<Point> points;
  facts_.rows = table_->rows();
  for (int64_t row = 0; row < facts_.rows; ++row) {
    if (!keeps(row)) continue;
    Trial trial;
    answer(row, full_epochs_, set, trial);
    const Point point = judged_point(row);
    const double violation = set.violation(trial.metrics);
    if (trial.status != TrialStatus::ok || point.empty() || !std::isfinite(violation)) continue;
    ++facts_.usable;
    worst = std::max(worst, point[0]);
    if (violation > 0) continue;
    ++facts_.feasible;
    if (point[0] < best) {
      best = point[0];
      facts_.optimum = *judged_value(row);
      facts_.optimum_key = table_->key_of(row);
    }
    const double searched = set.scalar(trial.metrics);
    if (searched < best_searched) judged_of_best.clear();
    if (searched <= best_searched) judged_of_best.push_back(*judged_value(row)), best_searched = searched;
    if (!facts_.reference.empty()) points.push_back(point);
  }
  if (facts_.feasible == 0)
    throw UserError(
        benchmark.position,
        fmt::format("benchmark {}: no row of {} keeps the limits with all metrics known", name_, facts_.rows));
  facts_.worst = judged_[0].direction == Direction::maximize ? -worst : worst;
  for (const double value : judged_of_best) facts_.floor += regret(value) / static_cast<double>(judged_of_best.size());
  if (facts_.reference.empty()) return;
  std::set<Point> front;
  for (const size_t i : pareto_front(points)) front.insert(points[i]);
  facts_.front = static_cast<int64_t>(front.size());
  facts_.hypervolume = hypervolume(std::vector<Point>(front.begin(), front.end()), facts_.reference);
  if (facts_.hypervolume <= 0)
    throw UserError(benchmark.settings.position("reference"), "reference: no row is better than it in every metric");
}

}  // namespace nacre
