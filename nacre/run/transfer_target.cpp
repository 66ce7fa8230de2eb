#include "nacre/run/transfer_target.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/hw/command_target.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/run/measured_networks.hpp"
#include "nacre/run/target_section.hpp"
#include "nacre/space/trace.hpp"
#include "nacre/tables/open_benchmark.hpp"
#include "nacre/tables/table_target.hpp"

namespace nacre {
namespace {

constexpr size_t kLeastMeasurements = 3;

// Columns <metric>_<device> of the table, and multiply-accumulates where it counts them: known of every network.
KnownDevices known_devices(const TabularBenchmark& benchmark, const TransferTargetSettings& settings) {
  std::vector<std::string> accepted;
  for (const std::string& device : TableTarget::devices(benchmark)) {
    if (benchmark.find_column(settings.metric + "_" + device)) accepted.push_back(device);
  }
  if (accepted.empty()) {
    throw UserError(
        fmt::format("benchmark {}, as it is opened here, has {} of no device; see nacre describe benchmark {}",
                    benchmark.name(), settings.metric, benchmark.name()));
  }
  KnownDevices known;
  for (int64_t row = 0; row < benchmark.rows(); ++row)
    known.networks.add(benchmark.space().trace().encode_one_hot(benchmark.decisions_of(row)));
  const auto add = [&](const std::string& name, size_t column) {
    known.names.push_back(name);
    std::vector<double>& costs = known.costs.emplace_back();
    for (int64_t row = 0; row < benchmark.rows(); ++row)
      costs.push_back(benchmark.value(row, column).value_or(std::nan("")));
  };
  for (const std::string& device : settings.devices.empty() ? accepted : settings.devices) {
    if (std::ranges::find(accepted, device) == accepted.end())
      throw UserError(unknown_name_message("device of benchmark " + benchmark.name(), device, accepted));
    add(device, *benchmark.find_column(settings.metric + "_" + device));
  }
  if (const auto macs = benchmark.find_column("macs")) add("macs", *macs);
  return known;
}

}  // namespace

TransferTarget::TransferTarget(std::shared_ptr<const TabularBenchmark> benchmark, TransferTargetSettings settings)
    : benchmark_(std::move(benchmark)), settings_(std::move(settings)) {
  MetricSpec spec = metric_spec_of_name(settings_.metric);
  spec.description =
      "predicted from measurements of few networks and the known devices of benchmark " + benchmark_->name();
  metrics_.push_back(std::move(spec));
  for (MetricSpec& counted : counted_metric_specs()) metrics_.push_back(std::move(counted));
  const Trace& trace = benchmark_->space().trace();
  KnownDevices known = known_devices(*benchmark_, settings_);
  const size_t devices = known.names.size();
  transfer_ = std::make_unique<DeviceTransfer>(std::move(known), settings_.transfer);
  FeatureMatrix descriptions;
  std::vector<double> costs;
  for (const MeasuredNetwork& network : read_measured_networks(settings_.measurements, trace, settings_.metric)) {
    if (!network.cost) continue;
    const std::optional<int64_t> row = benchmark_->row_of(network.decisions);
    FeatureMatrix encoding;
    encoding.add(trace.encode_one_hot(network.decisions));
    descriptions.add(
        (row ? transfer_->describe_known(std::vector<int64_t>{*row}) : transfer_->describe(encoding)).row(0));
    costs.push_back(*network.cost);
  }
  if (costs.size() < kLeastMeasurements) {
    throw UserError(fmt::format("'{}': {} networks have a {}; expected at least {}, ten to twenty are better",
                                settings_.measurements.string(), costs.size(), settings_.metric, kLeastMeasurements));
  }
  Random random = Random::stream(0, "transfer");
  transfer_->fit(descriptions, costs, random);
  source_ = fmt::format("{} of {} networks, {} columns of {}", settings_.measurements.filename().string(), costs.size(),
                        devices, benchmark_->name());
  identity_ =
      fmt::format("transfer/1/{}/{}/{}", benchmark_->identity(), hash_text(read_file(settings_.measurements)).hex(),
                  hash_text(Json{{"metric", settings_.metric},
                                 {"devices", settings_.devices},
                                 {"predictor", settings_.transfer.predictor},
                                 {"options", settings_.transfer.options}}
                                .dump())
                      .hex());
}

Cost TransferTarget::cost(const Design& design, const Deployment& deployment, const ActivityProfile&) {
  const Trace& trace = benchmark_->space().trace();
  if (!trace.is_complete(design.decisions)) {
    throw UserError(
        fmt::format("target transfer: the network's decisions are not those of benchmark {}'s space, {}; search "
                    "that space, or the table's own (space: {{kind: table, benchmark: {}}})",
                    benchmark_->name(), benchmark_->space().name(), benchmark_->name()));
  }
  Cost cost;
  if (!design.graphs.empty()) cost = counted_cost(design, deployment);
  cost.items.clear();
  const std::optional<int64_t> row = benchmark_->row_of(design.decisions);
  FeatureMatrix encoding;
  encoding.add(trace.encode_one_hot(design.decisions));
  const Prediction answer = transfer_->predict(row ? transfer_->describe_known(std::vector<int64_t>{*row})
                                                   : transfer_->describe(encoding))[0];
  cost.totals[settings_.metric] = {.value = answer.mean,
                                   .unit = metrics_[0].unit,
                                   .origin = Origin::predicted,
                                   .source = source_,
                                   .spread = answer.total_deviation()};
  return cost;
}

void register_transfer(TargetRegistry& registry) {
  std::vector<Parameter> parameters = benchmark_parameters();
  parameters.push_back({.name = "metric",
                        .type = ParameterType::text,
                        .description = "the cost that was measured; the table's columns are <metric>_<device>",
                        .default_value = "latency_s"});
  parameters.push_back({.name = "devices",
                        .type = ParameterType::text_list,
                        .description = "known devices of the table; empty: all",
                        .default_value = Json::array()});
  parameters.push_back({.name = "measurements",
                        .type = ParameterType::text,
                        .description = "file of networks measured on the new device (nacre measure --sample)",
                        .required = true});
  parameters.push_back({.name = "measured",
                        .type = ParameterType::any,
                        .description = "target section of the new device, on which the front is measured at the end"});
  parameters.push_back({.name = "predictor",
                        .type = ParameterType::any,
                        .description =
                            "from known devices to the new one: kind and its keys (nacre list predictors); left "
                            "out: ridge with penalty 0.2"});
  registry.add(
      {.name = "transfer",
       .summary = "a device of ten or twenty measured networks, with a published table of other devices",
       .source = "Lee et al., HELP, NeurIPS 2021",
       .parameters = std::move(parameters),
       .example = "kind: transfer\nbenchmark: nasbench201\noptions: {costs: [help]}\nmeasurements: my_board.csv\n"},
      [](const Options& options, const TargetContext& context) -> std::unique_ptr<Target> {
        TransferTargetSettings settings{.metric = options.text("metric"), .devices = options.texts("devices")};
        settings.measurements = context.base_folder / options.text("measurements");
        if (options.has("measured"))
          settings.measured = read_target_section(options.node("measured"), context.base_folder).target;
        if (options.has("predictor")) {
          const ConfigNode& node = options.node("predictor");
          if (!node.is_map() || node.find("kind") == nullptr)
            throw UserError(node.position, "predictor: expected a map with kind (nacre list predictors)");
          settings.transfer.predictor = node.at("kind").as_text("kind");
          settings.transfer.options = node.as_json();
          settings.transfer.options.erase("kind");
        }
        return std::make_unique<TransferTarget>(open_benchmark(options, {.base_folder = context.base_folder}),
                                                std::move(settings));
      });
}

}  // namespace nacre
