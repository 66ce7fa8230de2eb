#include "nacre/run/codesign/costs.hpp"

#include <fmt/format.h>

#include "nacre/hw/counted_cost.hpp"
#include "nacre/run/codesign/plan.hpp"

namespace nacre {
namespace {

constexpr size_t kKeptModels = 256;

// All that the cost depends on: shapes and precedence, no names.
Hash128 structure_of(const NetworkLayers& network) {
  std::string text;
  for (const LayerShape& s : network.shapes)
    text +=
        fmt::format("{} {} {} {} {} {} {} {} {} {} {} {};", s.batch, s.groups, s.outputs, s.inputs, s.rows, s.columns,
                    s.height, s.width, s.stride_rows, s.stride_columns, s.dilation_rows, s.dilation_columns);
  for (const NetworkLayer& layer : network.layers) {
    text += fmt::format("{}:", layer.shape);
    for (const int p : layer.predecessors) text += fmt::format("{},", p);
  }
  return hash_text(text);
}

}  // namespace

CodesignCosts::CodesignCosts(std::shared_ptr<const JointSpace> space, Settings settings)
    : space_(std::move(space)), settings_(settings), class_by_network_(space_->parts().size()) {}

NetworkLayers CodesignCosts::layers(size_t task, const Decisions& network) const {
  const JointSpace::Part& part = space_->parts()[task];
  return network_layers(part.name, deployed_graph(part.space->build(network).graph(), {}));
}

size_t CodesignCosts::class_of(size_t task, const Decisions& network) {
  const Hash128 identity = space_->network_identity(network, task);
  const auto known = class_by_network_[task].find(identity);
  if (known != class_by_network_[task].end()) return known->second;
  NetworkLayers own = layers(task, network);
  const auto [place, fresh] = class_by_layers_.try_emplace(structure_of(own), classes_.size());
  if (fresh) classes_.push_back(std::make_shared<const NetworkLayers>(std::move(own)));
  class_by_network_[task].emplace(identity, place->second);
  return place->second;
}

const HeterogeneousModel& CodesignCosts::model(const std::vector<size_t>& classes) {
  const auto known = models_.find(classes);
  if (known != models_.end()) return known->second;
  if (models_.size() >= kKeptModels) models_.clear();
  std::vector<NetworkLayers> networks;
  for (const size_t number : classes) networks.push_back(*classes_[number]);
  return models_.try_emplace(classes, std::move(networks), settings_.constants).first->second;
}

DesignCost CodesignCosts::cost(const std::vector<size_t>& classes, const HeterogeneousAccelerator& accelerator) {
  std::string text = HardwareDecisions::identity(accelerator).hex();
  for (const size_t number : classes) text += fmt::format(" {}", number);
  const auto [place, fresh] = known_.try_emplace(hash_text(text));
  if (!fresh) return place->second;
  try {
    const HeterogeneousCost cost = model(classes).cost(HardwareDecisions::canonical(accelerator), goal(), options());
    return place->second = {cost.latency_s, cost.energy_j, cost.area_mm2};
  } catch (...) {
    known_.erase(place);
    throw;
  }
}

DesignCost CodesignCosts::cost(const Decisions& joint) {
  std::vector<size_t> classes;
  for (size_t i = 0; i < space_->parts().size(); ++i) classes.push_back(class_of(i, space_->network(joint, i)));
  return cost(classes, space_->accelerator(joint));
}

CodesignCosts::Scheduled CodesignCosts::scheduled(const Decisions& joint) {
  std::vector<NetworkLayers> networks;
  for (size_t i = 0; i < space_->parts().size(); ++i) networks.push_back(layers(i, space_->network(joint, i)));
  const auto model = std::make_shared<const HeterogeneousModel>(std::move(networks), settings_.constants);
  const HeterogeneousAccelerator accelerator = HardwareDecisions::canonical(space_->accelerator(joint));
  return {model, model->problem(accelerator), model->cost(accelerator, goal(), options())};
}

CodesignTarget::CodesignTarget(std::shared_ptr<CodesignCosts> costs) : costs_(std::move(costs)) {}

const std::vector<MetricSpec>& CodesignTarget::metrics() const { return codesign_cost_metrics(); }

Cost CodesignTarget::cost(const Design& design, const Deployment&, const ActivityProfile&) {
  Cost cost;
  cost.totals = metrics_of(costs_->cost(design.decisions));
  return cost;
}

Metrics metrics_of(const DesignCost& cost) {
  const auto metric = [](double value, const char* unit, const char* source) {
    return Metric{.value = value, .unit = unit, .origin = Origin::modelled, .source = source};
  };
  return {{"latency_s", metric(cost.latency_s, "s", "makespan of the schedule")},
          {"energy_j", metric(cost.energy_j, "J", "of all layers")},
          {"area_mm2", metric(cost.area_mm2, "mm2", "at 28 nm")}};
}

}  // namespace nacre
