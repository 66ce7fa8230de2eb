#include "nacre/hw/table_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/base/log.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/hw/single_node.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/hash.hpp"

namespace nacre {
namespace {

constexpr double kFusedShare = 0.5;  // of the cheaper of the two, saved by running them together (nn-Meter's alpha)
constexpr size_t kPlacesOfAPair = 2;
constexpr double kSaveEveryS = 10;
constexpr double kSteady = 1.05;     // largest change of the reference around a value that counts
constexpr int kReferenceTries = 20;  // to find that lowest value
constexpr int kMostAttempts = 6;
constexpr const char* kReferenceKey =
    "reference";                              // the first network, whose cost says how fast the device is just now
constexpr const char* kCallKey = "one call";  // of a network that does next to nothing

using Values = std::map<std::string, double, std::less<>>;

// A graph to measure and how the table calls it.
struct Piece {
  Probe probe;
  Graph graph;
};

// Two neighbours somewhere, and the two alone.
struct PairPlace {
  Piece producer, consumer, both;
};

// Where two neighbours stand, by their names.
using PairPlaces = std::map<std::pair<std::string, std::string>, std::vector<PairPlace>>;

class Builder {
 public:
  Builder(CostTable& table, const TableWork& work) : table_(table), work_(work) {}

  void build() {
    table_.complete = false;
    try {
      if (!table_.by_blocks) {
        const PairPlaces pairs = pairs_of_networks();
        for (pass_ = 1; pass_ <= work_.passes; ++pass_) measure_pairs(pairs);
        find_fused_pairs(pairs);
      }
      const std::map<std::string, Piece> groups = groups_of_networks();
      for (pass_ = 1; pass_ <= work_.passes; ++pass_) {
        measure_groups(groups);
        measure_networks();
      }
    } catch (...) {
      work_.save(table_);
      throw;
    }
    fit();
    table_.complete = true;
    work_.save(table_);
  }

 private:
  // Measured in this pass, now or before.
  void measure(const Piece& piece) {
    const auto known = table_.entries.find(piece.probe.key);
    if (known != table_.entries.end() && known->second.measured.passes >= pass_) return;
    const Values values = steady_costs(work_.probe_target, piece.graph);
    TableEntry& entry = table_.entries[piece.probe.key];
    entry.probe = piece.probe;
    entry.measured.add(values);
    save_now_and_then();
  }

  double value_of(const Piece& piece, const std::string& metric) const {
    return table_.entries.at(piece.probe.key).measured.values.at(metric);
  }

  Values costs(Target& target, const Graph& graph) {
    if (work_.interrupted()) throw Interrupted();
    Design design;
    design.graphs.emplace("network", graph);
    const Cost cost = target.cost(design, table_.deployment, {});
    Values values;
    for (const std::string& metric : work_.metrics) {
      const std::optional<double> value = metric_value(cost.totals, metric);
      if (!value)
        throw UserError(fmt::format("target {} gave no {}: a table needs it of every probe", target.name(), metric));
      values[metric] = *value;
    }
    return values;
  }

  // The reference just now; its lowest values are remembered over passes and sittings.
  void measure_reference() {
    reference_ = costs(work_.probe_target, work_.networks.at(0));
    TableEntry& entry = table_.entries[kReferenceKey];
    entry.probe = {kReferenceKey, "the first network, as it was fastest", kReferenceKey, 1, 8};
    entry.measured.add(reference_);
  }

  // Measured while the device kept its speed, and brought to the speed at which it is fastest; when it never keeps it, the
  // value of its steadiest moment.
  Values steady_costs(Target& target, const Graph& graph) {
    if (!work_.steady) return costs(target, graph);
    if (reference_.empty()) {
      for (int i = 0; i < kReferenceTries; ++i) measure_reference();
    }
    const std::string& first = work_.metrics.at(0);
    Values steadiest;
    double least_change = INFINITY;
    for (int attempt = 0; attempt < kMostAttempts && least_change > kSteady; ++attempt) {
      const Values before = reference_;
      Values values = costs(target, graph);
      measure_reference();
      const auto [low, high] = std::minmax(before.at(first), reference_.at(first));
      if (!(high < least_change * low)) continue;
      least_change = high / low;
      const Values& lowest = table_.entries.at(kReferenceKey).measured.values;
      for (auto& [metric, value] : values) {
        const double slowness = std::sqrt(before.at(metric) * reference_.at(metric)) / lowest.at(metric);
        if (slowness > 1) value /= slowness;
      }
      steadiest = std::move(values);
    }
    return steadiest;
  }

  void save_now_and_then() {
    const auto now = std::chrono::steady_clock::now();
    if (std::chrono::duration<double>(now - saved_).count() < kSaveEveryS) return;
    saved_ = now;
    work_.save(table_);
  }

  // What every call carries whatever it runs: a ReLU of one number.
  static Piece call_piece() {
    GraphBuilder builder("call");
    const ValueId x = builder.input("x", ElementType::float32, {Dim(1)});
    builder.output(builder.activation(x, Activation::relu), "y");
    return {{kCallKey, "Relu of one number", kCallKey, 1, 8}, builder.take()};
  }

  double call(const std::string& metric) const { return table_.entries.at(kCallKey).measured.values.at(metric); }

  void show(int64_t done, int64_t planned, const std::string& what) const {
    const std::string pass = work_.passes > 1 ? fmt::format(", pass {} of {}", pass_, work_.passes) : "";
    work_.progress({done, planned, what + pass});
  }

  // --- fused pairs

  // The largest places of each pair.
  PairPlaces pairs_of_networks() const {
    PairPlaces pairs;
    for (const Graph& network : work_.networks) collect_pairs(network, pairs);
    for (auto& [names, places] : pairs) {
      std::ranges::sort(places, std::ranges::greater{}, [](const PairPlace& place) { return place.both.probe.flops; });
      if (places.size() > kPlacesOfAPair) places.erase(places.begin() + kPlacesOfAPair, places.end());
    }
    return pairs;
  }

  void measure_pairs(const PairPlaces& pairs) {
    measure(call_piece());
    int64_t done = 0;
    const auto planned = static_cast<int64_t>(pairs.size());
    for (const auto& [names, places] : pairs) {
      show(done++, planned, "operator pairs");
      for (const PairPlace& place : places) {
        for (const Piece* piece : {&place.producer, &place.consumer, &place.both}) measure(*piece);
      }
    }
    show(planned, planned, "operator pairs");
  }

  void find_fused_pairs(const PairPlaces& pairs) {
    table_.fused.clear();
    for (const auto& [names, places] : pairs) {
      const auto fused = std::ranges::count_if(places, [this](const PairPlace& place) { return is_fused(place); });
      if (2 * fused > std::ssize(places)) table_.fused.insert(names);
    }
  }

  static void collect_pairs(const Graph& network, PairPlaces& pairs) {
    const std::vector<std::vector<NodeId>> consumers = network.consumers();
    for (NodeId id = 0; id < static_cast<NodeId>(network.nodes().size()); ++id) {
      const Node& node = network.node(id);
      if (node.dead || node.outputs.size() != 1) continue;
      const std::vector<NodeId>& readers = consumers[static_cast<size_t>(node.outputs[0])];
      if (readers.size() != 1 || std::ranges::find(network.outputs, node.outputs[0]) != network.outputs.end()) continue;
      const Node& reader = network.node(readers[0]);
      const std::optional<Graph> a = single_node_graph(network, id), b = single_node_graph(network, readers[0]);
      const std::vector<NodeId> ids = {id, readers[0]};
      const std::optional<Graph> both = node_group_graph(network, ids);
      if (!a || !b || !both || a->inputs.empty() || b->inputs.empty()) continue;
      Piece piece{describe_probe(*both, ops_text(network, ids)), *both};
      std::vector<PairPlace>& places = pairs[{name_of(node), name_of(reader)}];
      if (std::ranges::find(places, piece.probe.key, [](const PairPlace& p) { return p.both.probe.key; }) !=
          places.end())
        continue;
      places.push_back({{describe_probe(*a, ops_text(network, {id})), *a},
                        {describe_probe(*b, ops_text(network, {readers[0]})), *b},
                        std::move(piece)});
    }
  }

  static std::string name_of(const Node& node) { return node.domain.empty() ? node.op : node.domain + "." + node.op; }

  bool is_fused(const PairPlace& place) const {
    const std::string& metric = work_.metrics.at(0);
    const double fixed = call(metric);
    const double a = std::max(0.0, value_of(place.producer, metric) - fixed);
    const double b = std::max(0.0, value_of(place.consumer, metric) - fixed);
    const double both = std::max(0.0, value_of(place.both, metric) - fixed);
    return a + b - both > kFusedShare * std::min(a, b);
  }

  // --- groups

  std::map<std::string, Piece> groups_of_networks() const {
    std::map<std::string, Piece> pieces;
    for (const Graph& network : work_.networks) {
      for (const std::vector<NodeId>& group : groups_of(table_, network)) {
        std::optional<Graph> alone = node_group_graph(network, group);
        if (!alone || alone->inputs.empty()) continue;  // it makes constants
        Probe probe = describe_probe(*alone, ops_text(network, group));
        pieces.try_emplace(probe.key, Piece{probe, std::move(*alone)});
      }
    }
    if (pieces.empty()) throw UserError("no operator of these networks can be measured alone");
    return pieces;
  }

  void measure_groups(const std::map<std::string, Piece>& pieces) {
    measure(call_piece());
    int64_t done = 0;
    const auto planned = static_cast<int64_t>(pieces.size());
    for (const auto& [key, piece] : pieces) {
      show(done++, planned, "groups");
      measure(piece);
    }
    show(planned, planned, "groups");
  }

  // --- whole networks

  void measure_networks() {
    const int64_t planned = std::min<int64_t>(work_.whole, static_cast<int64_t>(work_.networks.size()));
    for (int64_t i = 0; i < planned; ++i) {
      show(i, planned, "networks");
      const Graph& network = work_.networks[static_cast<size_t>(i)];
      const std::string key = structure_hash(network).hex();
      const auto known = table_.networks.find(key);
      if (known != table_.networks.end() && known->second.passes >= pass_) continue;
      const Values values = steady_costs(work_.target, network);
      table_.networks[key].add(values);
      save_now_and_then();
    }
    show(planned, planned, "networks");
  }

  void fit() {
    const int64_t whole = std::min<int64_t>(work_.whole, static_cast<int64_t>(work_.networks.size()));
    const auto fitted = static_cast<size_t>(whole - work_.kept_aside);
    std::vector<TableAnswer> answers;
    for (int64_t i = 0; i < whole; ++i) answers.push_back(look_up(table_, work_.networks[static_cast<size_t>(i)]));
    for (const std::string& metric : work_.metrics) {
      table_.residuals[metric] = {.call = call(metric)};  // so that estimates know the fixed part
      table_.corrections.erase(metric);
      table_.residuals[metric] = fit_residual(residual_rows(answers, fitted, metric), call(metric));
      std::map<std::string, double> corrections = fit_corrections(correction_rows(answers, fitted, metric));
      if (!corrections.empty()) table_.corrections[metric] = std::move(corrections);
      std::vector<double> said, truth;
      for (size_t i = fitted; i < answers.size(); ++i) {
        said.push_back(predicted(table_, answers[i], metric).value());
        truth.push_back(measured(i, metric));
      }
      if (!said.empty()) table_.errors[metric] = table_error(said, truth);
    }
  }

  double measured(size_t network, const std::string& metric) const {
    return table_.networks.at(structure_hash(work_.networks[network]).hex()).values.at(metric);
  }

  std::vector<ResidualRow> residual_rows(const std::vector<TableAnswer>& answers, size_t fitted,
                                         const std::string& metric) const {
    std::vector<ResidualRow> rows;
    for (size_t i = 0; i < fitted; ++i) {
      double sum = 0;
      for (const TableAnswer::Group& group : answers[i].groups)
        sum += group.values.count(metric) > 0 ? group.values.at(metric) : 0;
      rows.push_back({sum, static_cast<double>(answers[i].groups.size()), answers[i].bytes, measured(i, metric)});
    }
    return rows;
  }

  std::vector<CorrectionRow> correction_rows(const std::vector<TableAnswer>& answers, size_t fitted,
                                             const std::string& metric) const {
    const double weight = table_.residuals.at(metric).sum;
    std::vector<CorrectionRow> rows;
    for (size_t i = 0; i < fitted; ++i) {
      const double cost = measured(i, metric);
      CorrectionRow row;
      for (const TableAnswer::Group& group : answers[i].groups) {
        if (group.known && group.values.count(metric) > 0)
          row.shares[group.probe.key] += weight * group.values.at(metric) / cost;
      }
      row.left_over = 1 - predicted(table_, answers[i], metric).value() / cost;
      rows.push_back(std::move(row));
    }
    return rows;
  }

  CostTable& table_;
  const TableWork& work_;
  int64_t pass_ = 1;
  Values reference_;  // the last; empty: not measured yet
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
};

}  // namespace

void build_cost_table(CostTable& table, const TableWork& work) {
  if (work.metrics.empty())
    throw UserError("target " + work.target.name() + " measures nothing that a table can add up");
  if (work.whole - work.kept_aside < 4)
    throw UserError("a table needs at least 4 networks measured whole beside those kept aside");
  Builder(table, work).build();
}

std::vector<std::string> additive_metrics(const Target& target) {
  std::vector<std::string> counted;
  for (const MetricSpec& spec : counted_metric_specs()) counted.push_back(spec.name);
  std::vector<std::string> names;
  for (const MetricSpec& spec : target.metrics()) {
    const bool additive = spec.name.ends_with("_j") || (spec.name.ends_with("_s") && !spec.name.ends_with("_per_s"));
    if (additive && std::ranges::find(counted, spec.name) == counted.end()) names.push_back(spec.name);
  }
  return names;
}

}  // namespace nacre
