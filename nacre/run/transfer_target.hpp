// Target `transfer`: costs of a device on which a few networks of the space were measured, with a benchmark's table of other devices
// (predict/device_transfer.hpp).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nacre/design/target.hpp"
#include "nacre/hw/target_registry.hpp"
#include "nacre/predict/device_transfer.hpp"
#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {

struct TransferTargetSettings {
  std::string metric = "latency_s";
  std::vector<std::string> devices = {};  // known ones; empty: all of the table
  std::filesystem::path measurements;     // run/measured_networks.hpp
  std::shared_ptr<Target> measured = {};  // what measures the front; may be null
  DeviceTransferSettings transfer = {};
};

class TransferTarget final : public Target {
 public:
  // UserError when the table has no such device or fewer than three networks were measured.
  TransferTarget(std::shared_ptr<const TabularBenchmark> benchmark, TransferTargetSettings settings);

  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override { return identity_; }
  bool measures() const override { return false; }
  std::shared_ptr<Target> measured() override { return settings_.measured; }
  // The deployment of the answer is that of the measurements whatever is asked.
  Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile& activity) override;

 private:
  std::string name_ = "transfer";
  std::shared_ptr<const TabularBenchmark> benchmark_;
  TransferTargetSettings settings_;
  std::vector<MetricSpec> metrics_;
  std::string identity_, source_;
  std::unique_ptr<DeviceTransfer> transfer_;
};

void register_transfer(TargetRegistry& registry);

}  // namespace nacre
