// Target `macs`: nothing is run, everything is counted from the graph. The same answer on every machine.
#include "nacre/hw/counted_cost.hpp"
#include "nacre/hw/target_registry.hpp"

namespace nacre {
namespace {

class MacsTarget : public Target {
 public:
  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override { return "macs/1"; }  // the number changes when the way of counting does
  bool measures() const override { return false; }
  Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile&) override {
    return counted_cost(design, deployment);
  }

 private:
  std::string name_ = "macs";
  std::vector<MetricSpec> metrics_ = counted_metric_specs();
};

}  // namespace

void register_macs(TargetRegistry& registry) {
  registry.add(
      {.name = "macs",
       .summary = "counts multiply-accumulates, parameters and memory; deterministic, runs nothing",
       .source = "",
       .example = "kind: macs\nbatch: 1\n"},
      [](const Options&, const TargetContext&) -> std::unique_ptr<Target> { return std::make_unique<MacsTarget>(); });
}

}  // namespace nacre
