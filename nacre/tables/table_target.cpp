#include "nacre/tables/table_target.hpp"

#include <fmt/format.h>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr std::array<std::string_view, 3> kPerDevice = {"latency_s", "energy_j", "throughput_per_s"};

// "raspi4" of "latency_s_raspi4", "" for what belongs to no device; `metric` is the part before.
std::string device_of(const std::string& column, std::string_view& metric) {
  for (const std::string_view prefix : kPerDevice) {
    if (!column.starts_with(prefix) || column.size() <= prefix.size() + 1 || column[prefix.size()] != '_') continue;
    metric = prefix;
    return column.substr(prefix.size() + 1);
  }
  return "";
}

// The time of the training is a cost of the search and not of the network.
bool is_cost(const TableColumn& column) {
  return !column.quality && !column.note && column.epochs == 0 && column.metric.name != "train_time_s";
}

}  // namespace

std::vector<std::string> TableTarget::devices(const TabularBenchmark& benchmark) {
  std::vector<std::string> names;
  std::string_view metric;
  for (const TableColumn& column : benchmark.columns()) {
    const std::string device = is_cost(column) ? device_of(column.metric.name, metric) : "";
    if (!device.empty() && std::ranges::find(names, device) == names.end()) names.push_back(device);
  }
  return names;
}

TableTarget::TableTarget(std::shared_ptr<const TabularBenchmark> benchmark, std::string device)
    : benchmark_(std::move(benchmark)), device_(std::move(device)) {
  const std::vector<std::string> known = devices(*benchmark_);
  if (!device_.empty() && std::ranges::find(known, device_) == known.end()) {
    throw UserError(known.empty() ? fmt::format("benchmark {}, as it is opened here, has costs of no device; see nacre "
                                                "describe benchmark {}",
                                                benchmark_->name(), benchmark_->name())
                                  : unknown_name_message("device of benchmark " + benchmark_->name(), device_, known));
  }
  std::vector<size_t> without_device;
  for (size_t i = 0; i < benchmark_->columns().size(); ++i) {
    const TableColumn& column = benchmark_->columns()[i];
    if (!is_cost(column)) continue;
    std::string_view metric;
    const std::string of = device_of(column.metric.name, metric);
    if (device_.empty() || of.empty()) {
      without_device.push_back(i);
    } else if (of == device_) {
      metrics_.push_back(column.metric);
      metrics_.back().name = metric;
      columns_.push_back(i);
    }
  }
  for (const size_t i : without_device) {
    metrics_.push_back(benchmark_->columns()[i].metric);
    columns_.push_back(i);
  }
  if (metrics_.empty()) throw UserError(fmt::format("benchmark {} has no costs", benchmark_->name()));
}

std::string TableTarget::identity() const { return fmt::format("table/{}/{}", benchmark_->identity(), device_); }

Cost TableTarget::cost(const Design& design, const Deployment&, const ActivityProfile&) {
  const std::optional<int64_t> row = benchmark_->row_of(design.decisions);
  Cost cost;
  for (size_t i = 0; i < metrics_.size(); ++i) {
    cost.totals[metrics_[i].name] = {
        .value = row ? benchmark_->value(*row, columns_[i]) : std::nullopt,
        .unit = metrics_[i].unit,
        .origin = Origin::table,
        .source = fmt::format("{}, {}", benchmark_->name(), benchmark_->columns()[columns_[i]].metric.name)};
  }
  return cost;
}

}  // namespace nacre
