// Target `host`: this machine, measured. The graph is brought into its deployed form (batch norms folded), run end to end
// by the runtime, and timed by hw/latency.hpp. Each node is also timed alone; these times are scaled so that they add up to
// the end-to-end figure, which alone is the cost.
#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <tuple>

#include "nacre/base/error.hpp"
#include "nacre/base/processor.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/hw/host_runtime.hpp"
#include "nacre/hw/latency.hpp"
#include "nacre/hw/single_node.hpp"
#include "nacre/hw/target_registry.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/rewrite.hpp"
#include "nacre/ir/statistics.hpp"

namespace nacre {
namespace {

enum class MemoryOrder { fastest, channels_first, channels_last };

// For choices and shares, not for figures.
constexpr LatencyOptions kQuick = {
    .warmup_s = 0.003, .round_s = 0.005, .minimum_samples = 11, .maximum_rounds = 1, .clock_steps = 200};

std::string fixed_text(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.2f", value);
  return buffer;
}

class HostTarget : public Target {
 public:
  explicit HostTarget(const Options& options) : per_node_(options.boolean("per_node")) {
    if (const std::string missing = host_runtime_missing(); !missing.empty())
      throw UserError("target 'host': " + missing);
    const std::string order = options.text("memory_order");
    order_ = order == "channels_first"  ? MemoryOrder::channels_first
             : order == "channels_last" ? MemoryOrder::channels_last
                                        : MemoryOrder::fastest;
    latency_.round_s = options.real("round_s");
    latency_.longest_round_s = std::max(latency_.longest_round_s, latency_.round_s);
    metrics_.push_back({"latency_s", Direction::minimize, "s", "time of one run, end to end"});
    for (MetricSpec& spec : counted_metric_specs()) metrics_.push_back(std::move(spec));
    identity_ =
        "host/1/" + processor_model() + "/" + widest_vector_extension() + "/" + host_runtime_text() + "/" + order;
  }

  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override { return identity_; }
  bool measures() const override { return true; }
  std::string device() const override { return "host"; }

  Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile&) override {
    if (deployment.threads > usable_processors()) {
      throw UserError("target.threads asks for " + std::to_string(deployment.threads) +
                      " threads, this process may use " + std::to_string(usable_processors()) + " processors");
    }
    Cost cost = counted_cost(design, deployment);
    cost.items.clear();  // of the trained form; below come those of the deployed one
    Metric total = {.value = 0, .unit = "s", .origin = Origin::measured};
    for (const auto& [graph_name, graph] : design.graphs) {
      Graph deployed = deployed_graph(graph, deployment);
      materialize_parameters(deployed, 0);
      simplify_for_deployment(deployed);
      const Metric latency = measure_graph(deployed, deployment.threads);
      total.value = *total.value + *latency.value;
      total.spread = total.spread.value_or(0) + *latency.spread;
      total.source = latency.source;
      total.count = latency.count;
      add_items(deployed, deployment.threads, *latency.value, cost.items);
    }
    cost.totals["latency_s"] = total;
    return cost;
  }

 private:
  static std::string how(int64_t threads) {
    return "host, " + std::to_string(threads) + (threads == 1 ? " thread" : " threads");
  }

  // Keeps the memory order it decided for in channels_last_.
  Metric measure_graph(const Graph& graph, int64_t threads) {
    channels_last_ = order_ == MemoryOrder::channels_last;
    if (order_ == MemoryOrder::fastest) {
      double times_s[2] = {};
      for (const bool channels_last : {false, true}) {
        const auto model = make_host_model(graph, {threads, channels_last});
        times_s[channels_last ? 1 : 0] = measure_latency([&] { model->run(); }, kQuick).median_s;
      }
      channels_last_ = times_s[1] < times_s[0];
    }
    const auto model = make_host_model(graph, {threads, channels_last_});
    const Latency latency = measure_latency([&] { model->run(); }, latency_);
    return latency.metric(how(threads) + (channels_last_ ? ", channels last" : ", channels first"));
  }

  // Time of a node alone; the same node in another network is not measured again. Nothing for nodes that cannot be.
  std::optional<double> measure_node(const Graph& graph, NodeId id, int64_t threads) {
    const std::optional<Graph> alone = single_node_graph(graph, id);
    if (!alone || alone->inputs.empty()) return std::nullopt;
    const auto [place, fresh] =
        node_times_.emplace(std::tuple(structure_hash(*alone), threads, channels_last_), std::nullopt);
    if (!fresh) return place->second;
    const auto model = make_host_model(*alone, {threads, channels_last_});
    place->second = measure_latency([&] { model->run(); }, kQuick).median_s;
    return place->second;
  }

  void add_items(const Graph& graph, int64_t threads, double total_s, std::vector<CostItem>& items) {
    Design design;
    design.graphs.emplace("deployed", graph);
    std::vector<CostItem> counted = counted_cost(design, {}).items;
    if (per_node_) {
      std::vector<std::optional<double>> times;
      double sum = 0;
      for (const CostItem& item : counted) {
        times.push_back(measure_node(graph, item.node, threads));
        sum += times.back().value_or(0);
      }
      const double scale = sum > 0 ? total_s / sum : 1;
      for (size_t i = 0; i < counted.size(); ++i) {
        Metric metric = {.value = std::nullopt, .unit = "s"};
        if (times[i]) {
          metric.value = *times[i] * scale;
          metric.origin = Origin::measured;
          metric.source = how(threads) + ", node alone, scaled by " + fixed_text(scale);
        }
        counted[i].metrics["latency_s"] = metric;
      }
    }
    std::ranges::move(counted, std::back_inserter(items));
  }

  std::string name_ = "host";
  std::vector<MetricSpec> metrics_;
  std::string identity_;
  bool per_node_;
  MemoryOrder order_ = MemoryOrder::fastest;
  bool channels_last_ = false;  // of the network measured last
  LatencyOptions latency_;
  std::map<std::tuple<Hash128, int64_t, bool>, std::optional<double>> node_times_;
};

}  // namespace

void register_host(TargetRegistry& registry) {
  registry.add({.name = "host",
                .summary = "this machine: latency measured end to end in the deployed form, beside the counted costs",
                .source = "",
                .parameters = {{.name = "per_node",
                                .type = ParameterType::boolean,
                                .description = "also time every kind of node alone, for the table of layers",
                                .default_value = true},
                               {.name = "memory_order",
                                .description = "of images; fastest: both are measured, the faster one counts",
                                .default_value = "fastest",
                                .choices = {"fastest", "channels_first", "channels_last"}},
                               {.name = "round_s",
                                .type = ParameterType::real,
                                .description = "least time of one round of runs; two to six rounds are made",
                                .default_value = 0.1,
                                .minimum = 0.001,
                                .maximum = 60,
                                .unit = "s"}},
                .example = "kind: host\nbatch: 1\nthreads: 1\n"},
               [](const Options& options, const TargetContext&) -> std::unique_ptr<Target> {
                 return std::make_unique<HostTarget>(options);
               });
}

}  // namespace nacre
