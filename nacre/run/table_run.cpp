#include "nacre/run/table_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "nacre/base/error.hpp"
#include "nacre/base/log.hpp"
#include "nacre/hw/command_target.hpp"
#include "nacre/hw/target_registry.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/run/device_cost.hpp"
#include "nacre/space/trace.hpp"
#include "nacre/study/file_lock.hpp"

namespace nacre {
namespace {

constexpr double kProbeRoundS = 0.02;      // a single operator is steady soon
constexpr int64_t kMostAlternatives = 64;  // of one decision that are tried one by one
constexpr int64_t kOrderNetworks = 3;      // that decide the memory order

// Weights would be many gigabytes for hundreds of networks; targets draw their own.
Graph without_weights(Graph graph) {
  for (int32_t i = 0; i < static_cast<int32_t>(graph.initializers().size()); ++i) {
    Initializer& initializer = graph.initializer(i);
    if (!initializer.trainable || initializer.data == nullptr) continue;
    const bool matrix = initializer.data->extents().size() > 1;
    initializer.data.reset();
    initializer.distribution = matrix ? Distribution{Distribution::Kind::kaiming_normal_fan_in, 1}
                                      : Distribution{Distribution::Kind::constant, 0};
  }
  return graph;
}

bool has_parameter(const std::string& kind, const std::string& name) {
  const auto& parameters = target_registry().get(kind).parameters;
  return std::ranges::find(parameters, name, &Parameter::name) != parameters.end();
}

class TableRun {
 public:
  TableRun(const Space& space, const TableRunOptions& options)
      : space_(space), options_(options), section_(options.target), kind_(section_.at("kind").get<std::string>()) {}

  CostTable run() {
    if (options_.kept_aside < 1 || options_.networks - options_.kept_aside < 4) {
      throw UserError(
          fmt::format("a table needs at least 4 networks measured whole (--networks {}) beside at least one kept "
                      "aside (--kept-aside {})",
                      options_.networks, options_.kept_aside));
    }
    if (options_.passes < 1) throw UserError("--passes: expected at least 1");
    if (has_parameter(kind_, "per_node")) section_["per_node"] = false;
    std::shared_ptr<Target> target = make_target(section_, options_.base_folder);
    if (!target->measures()) {
      throw UserError(
          fmt::format("target {} measures nothing; a table is filled by host, onnxruntime or command", kind_));
    }
    const DeviceLock alone(target->device(), FileLock::Mode::exclusive, options_.interrupted);
    draw_networks();
    if (settle_memory_order()) target = make_target(section_, options_.base_folder);
    target->set_interruption(options_.interrupted);
    const std::shared_ptr<Target> probe_target = make_probe_target(target);
    CostTable table = begin(*target);
    build_cost_table(table, {.target = *target,
                             .probe_target = *probe_target,
                             .metrics = table.metrics,
                             .networks = networks_,
                             .whole = options_.networks,
                             .kept_aside = options_.kept_aside,
                             .passes = options_.passes,
                             .steady = options_.steady,
                             .save = [this](const CostTable& t) { write_cost_table(t, options_.output); },
                             .interrupted = options_.interrupted,
                             .progress = options_.progress});
    return table;
  }

 private:
  // First random networks, which are measured whole and so must be like those of a search; then each alternative of each
  // decision once, in an otherwise random network; then more random ones.
  void draw_networks() {
    const Trace& trace = space_.trace();
    Random random = Random::stream(options_.seed, "cost table");
    std::unordered_set<Hash128> seen;
    const auto add = [&](const Decisions& decisions) {
      const Design design = space_.build(decisions);
      Graph deployed = without_weights(graph_to_measure(design.graph(), options_.deployment));
      if (seen.insert(structure_hash(deployed)).second) networks_.push_back(std::move(deployed));
      if (options_.interrupted()) throw Interrupted();
    };
    for (int64_t tries = 0; static_cast<int64_t>(networks_.size()) < options_.networks; ++tries) {
      if (tries > 20 * options_.networks) {
        throw UserError(
            fmt::format("the space has only {} different networks to be drawn, {} are to be measured whole; ask "
                        "for fewer (--networks)",
                        networks_.size(), options_.networks));
      }
      add(trace.sample(random));
    }
    for (const TraceDecision& decision : trace.decisions()) {
      const auto count = std::min<int64_t>(static_cast<int64_t>(decision.alternatives.size()), kMostAlternatives);
      for (int64_t i = 0; i < count; ++i) add(trace.complete(Decisions({{decision.key, i}}), random));
    }
    for (int64_t tries = 0; static_cast<int64_t>(networks_.size()) < options_.sampled && tries < 2 * options_.sampled;
         ++tries)
      add(trace.sample(random));
  }

  // One order for all: a probe alone may be faster in another order than inside its network.
  bool settle_memory_order() {
    if (!has_parameter(kind_, "memory_order") || section_.value("memory_order", "fastest") != "fastest") return false;
    double best_s = 0;
    std::string best;
    for (const char* order : {"channels_first", "channels_last"}) {
      Json section = section_;
      section["memory_order"] = order;
      const std::unique_ptr<Target> target = make_target(section, options_.base_folder);
      double sum_s = 0;
      for (int64_t i = 0; i < std::min<int64_t>(kOrderNetworks, static_cast<int64_t>(networks_.size())); ++i) {
        Design design;
        design.graphs.emplace("network", networks_[static_cast<size_t>(i)]);
        sum_s += metric_value(target->cost(design, options_.deployment, {}).totals, "latency_s").value();
      }
      if (!best.empty() && sum_s >= best_s) continue;
      best_s = sum_s;
      best = order;
    }
    section_["memory_order"] = best;
    log_info("memory order {} is the faster one for these networks: the table is made for it", best);
    return true;
  }

  std::shared_ptr<Target> make_probe_target(const std::shared_ptr<Target>& target) const {
    if (!has_parameter(kind_, "round_s")) return target;
    Json section = section_;
    section["round_s"] = std::min(section.value("round_s", kProbeRoundS), kProbeRoundS);
    std::shared_ptr<Target> probe = make_target(section, options_.base_folder);
    probe->set_interruption(options_.interrupted);
    return probe;
  }

  // What the file holds already, when it is of the same device, settings and deployment.
  CostTable begin(const Target& target) const {
    CostTable table;
    table.target = section_;
    table.base_folder = std::filesystem::absolute(options_.base_folder).lexically_normal().string();
    table.identity = target.identity();
    table.deployment = options_.deployment;
    table.built_with = NACRE_VERSION;
    table.metrics = additive_metrics(target);
    table.by_blocks = options_.by_blocks;
    if (!std::filesystem::exists(options_.output)) return table;
    const CostTable before = read_cost_table(options_.output);
    const bool same = before.identity == table.identity && before.deployment.batch == table.deployment.batch &&
                      before.deployment.threads == table.deployment.threads &&
                      before.deployment.symbols == table.deployment.symbols && before.metrics == table.metrics;
    if (!same) {
      throw UserError(
          fmt::format("'{}' holds a table of '{}', batch {}, {} threads; this one is of '{}', batch {}, {} threads: "
                      "choose another file or remove it",
                      options_.output.string(), before.identity, before.deployment.batch, before.deployment.threads,
                      table.identity, table.deployment.batch, table.deployment.threads));
    }
    table.entries = before.entries;
    table.networks = before.networks;
    log_info("'{}' holds {} measured groups; they are not measured again", options_.output.string(),
             table.entries.size());
    return table;
  }

  const Space& space_;
  const TableRunOptions& options_;
  Json section_;
  std::string kind_;
  std::vector<Graph> networks_;
};

}  // namespace

CostTable run_table_building(const Space& space, const TableRunOptions& options) {
  return TableRun(space, options).run();
}

}  // namespace nacre
