// Target whose costs are a benchmark's: what was measured of the network of the design's decisions on a device.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nacre/design/target.hpp"
#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {

class TableTarget final : public Target {
 public:
  // With a device: latency_s, energy_j and throughput_per_s are the columns latency_s_<device>, ..., and the columns of other devices
  // are left out. Without: every cost of the table under its own name. UserError when there is no such device or no cost.
  TableTarget(std::shared_ptr<const TabularBenchmark> benchmark, std::string device);

  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override;
  bool measures() const override { return false; }
  // Costs that the table does not say, all of them for a network that it does not hold, are unknown. The deployment is the
  // publication's whatever is asked.
  Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile& activity) override;

  // Devices that a benchmark has costs of, in the order of its columns.
  static std::vector<std::string> devices(const TabularBenchmark& benchmark);

 private:
  std::string name_ = "table";
  std::shared_ptr<const TabularBenchmark> benchmark_;
  std::string device_;
  std::vector<MetricSpec> metrics_;
  std::vector<size_t> columns_;  // of metrics_
};

}  // namespace nacre
