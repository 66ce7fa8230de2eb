#include "nacre/hw/cost_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/hw/single_node.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/statistics.hpp"

namespace nacre {
namespace {

constexpr size_t kLongestGroup = 8;

std::string op_name(const Node& node) { return node.domain.empty() ? node.op : node.domain + "." + node.op; }

// "Conv", and for what costs much else: "Conv(group)".
std::string kind_name(const Graph& graph, const Node& node) {
  std::string name = op_name(node);
  if (node.op == "Conv" && node.attributes.integer("group", 1) > 1) {
    const Value& weight = graph.value(node.inputs.at(1));
    const bool depthwise =
        weight.shape && weight.shape->rank() > 1 && (*weight.shape)[1].is_fixed() && (*weight.shape)[1].extent() == 1;
    name += depthwise ? "(depthwise)" : "(grouped)";
  }
  return name;
}

bool stands_alone(const Graph& graph, NodeId id) { return node_group_graph(graph, std::span(&id, 1)).has_value(); }

double value_bytes(const Value& value) {
  if (!value.shape || !value.shape->is_fixed()) return 0;
  double elements = 1;
  for (const int64_t extent : value.shape->extents()) elements *= static_cast<double>(extent);
  return elements * static_cast<double>(element_bits(value.type)) / 8;
}

std::string extents_text(const Value& value) {
  if (!value.shape || !value.shape->is_fixed()) return "?";
  std::string text = fmt::format("{}", fmt::join(value.shape->extents(), "x"));
  return text.empty() ? "scalar" : text;
}

// Distance in work and traffic, as factors.
double distance(const Probe& a, const Probe& b) {
  const auto factor = [](double x, double y) { return std::fabs(std::log((x + 1) / (y + 1))); };
  return factor(a.flops, b.flops) + factor(a.bytes, b.bytes);
}

}  // namespace

std::vector<std::vector<NodeId>> node_groups(const Graph& graph, const FusedPairs& fused) {
  const std::vector<std::vector<NodeId>> consumers = graph.consumers();
  std::vector<char> is_output(graph.values().size(), 0), taken(graph.nodes().size(), 0);
  for (const ValueId output : graph.outputs) is_output[static_cast<size_t>(output)] = 1;
  // The only reader of the only result of `id`, when the two are run as one.
  const auto partner = [&](NodeId id) -> NodeId {
    const Node& node = graph.node(id);
    if (node.outputs.size() != 1 || is_output[static_cast<size_t>(node.outputs[0])]) return kNone;
    const std::vector<NodeId>& readers = consumers[static_cast<size_t>(node.outputs[0])];
    if (readers.size() != 1 || taken[static_cast<size_t>(readers[0])]) return kNone;
    const Node& reader = graph.node(readers[0]);
    if (!fused.contains({op_name(node), op_name(reader)}) || !stands_alone(graph, readers[0])) return kNone;
    return readers[0];
  };
  std::vector<std::vector<NodeId>> groups;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    if (graph.node(id).dead || taken[static_cast<size_t>(id)] || !stands_alone(graph, id)) continue;
    std::vector<NodeId> group = {id};
    taken[static_cast<size_t>(id)] = 1;
    for (NodeId next = partner(id); next != kNone && group.size() < kLongestGroup; next = partner(next)) {
      group.push_back(next);
      taken[static_cast<size_t>(next)] = 1;
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

namespace {

// "stage1/0" of "stage1/0/conv1/conv", "stem" of "stem/conv".
std::string block_of(const std::string& scope) {
  for (size_t begin = 0; begin < scope.size();) {
    const size_t end = std::min(scope.find('/', begin), scope.size());
    const bool number = std::all_of(scope.begin() + static_cast<std::ptrdiff_t>(begin),
                                    scope.begin() + static_cast<std::ptrdiff_t>(end),
                                    [](unsigned char c) { return std::isdigit(c) != 0; });
    if (number) return scope.substr(0, end);
    begin = end + 1;
  }
  return scope.substr(0, scope.find('/'));
}

}  // namespace

std::vector<std::vector<NodeId>> block_groups(const Graph& graph) {
  std::vector<std::vector<NodeId>> groups;
  std::string open;  // block of the last group; "" for one that is finished
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const Node& node = graph.node(id);
    if (node.dead) continue;
    if (!stands_alone(graph, id)) {
      open.clear();
      continue;
    }
    const std::string block = block_of(graph.scope(node.scope));
    if (block.empty() || block != open) groups.emplace_back();
    groups.back().push_back(id);
    open = block;
  }
  return groups;
}

std::vector<std::vector<NodeId>> groups_of(const CostTable& table, const Graph& graph) {
  return table.by_blocks ? block_groups(graph) : node_groups(graph, table.fused);
}

std::string ops_text(const Graph& graph, const std::vector<NodeId>& group) {
  std::string text;
  for (const NodeId id : group) text += (text.empty() ? "" : "+") + kind_name(graph, graph.node(id));
  return text;
}

Probe describe_probe(const Graph& group, const std::string& ops) {
  Probe probe;
  probe.key = structure_hash(group).hex();
  probe.ops = ops;
  std::vector<std::string> from, to;
  for (const ValueId input : group.inputs) {
    from.push_back(extents_text(group.value(input)));
    probe.bytes += value_bytes(group.value(input));
  }
  for (const Initializer& initializer : group.initializers()) {
    const Value& value = group.value(initializer.value);
    if (value.shape && value.shape->rank() > 1) from.push_back(extents_text(value));
    probe.bytes += value_bytes(value);
  }
  for (const ValueId output : group.outputs) {
    to.push_back(extents_text(group.value(output)));
    probe.bytes += value_bytes(group.value(output));
  }
  probe.flops = static_cast<double>(count_graph(group).flops);
  probe.text = fmt::format("{} {} -> {}", ops, fmt::join(from, ", "), fmt::join(to, ", "));
  return probe;
}

void MeasuredValues::add(const std::map<std::string, double, std::less<>>& pass) {
  for (const auto& [metric, value] : pass) {
    const auto known = values.try_emplace(metric, value).first;
    known->second = std::min(known->second, value);
  }
  ++passes;
}

double Residual::apply(double sum_of_groups, double group_count, double total_bytes) const {
  return std::max(0.0,
                  sum * (sum_of_groups - call * group_count) + groups * group_count + bytes * total_bytes + constant);
}

TableAnswer look_up(const CostTable& table, const Graph& deployed) {
  TableAnswer answer;
  std::vector<char> covered(deployed.nodes().size(), 0);
  for (std::vector<NodeId>& nodes : groups_of(table, deployed)) {
    const std::optional<Graph> alone = node_group_graph(deployed, nodes);
    NACRE_CHECK(alone.has_value());
    for (const NodeId id : nodes) covered[static_cast<size_t>(id)] = 1;
    TableAnswer::Group group;
    group.probe = describe_probe(*alone, ops_text(deployed, nodes));
    group.nodes = std::move(nodes);
    answer.bytes += group.probe.bytes;
    const auto found = table.entries.find(group.probe.key);
    if (found != table.entries.end()) {
      group.known = true;
      group.values = found->second.measured.values;
    } else {
      // The entry of the same operators that is nearest in work and traffic, scaled by both.
      const TableEntry* nearest = nullptr;
      for (const auto& [key, entry] : table.entries) {
        if (entry.probe.ops != group.probe.ops) continue;
        if (nearest == nullptr || distance(entry.probe, group.probe) < distance(nearest->probe, group.probe))
          nearest = &entry;
      }
      ++answer.estimated;
      if (nearest == nullptr) {
        answer.not_covered.push_back(group.probe.ops);
      } else {
        const double scale = std::sqrt((group.probe.flops + 1) / (nearest->probe.flops + 1) * (group.probe.bytes + 1) /
                                       (nearest->probe.bytes + 1));
        for (const auto& [metric, value] : nearest->measured.values) {
          const auto residual = table.residuals.find(metric);
          const double call = residual == table.residuals.end() ? 0 : std::min(residual->second.call, value);
          group.values[metric] = call + (value - call) * scale;
        }
      }
    }
    answer.groups.push_back(std::move(group));
  }
  for (size_t i = 0; i < covered.size(); ++i) {
    if (!covered[i] && !deployed.nodes()[i].dead) answer.not_covered.push_back(op_name(deployed.nodes()[i]));
  }
  std::ranges::sort(answer.not_covered);
  answer.not_covered.erase(std::unique(answer.not_covered.begin(), answer.not_covered.end()), answer.not_covered.end());
  return answer;
}

std::optional<double> predicted(const CostTable& table, const TableAnswer& answer, const std::string& metric) {
  const auto residual = table.residuals.find(metric);
  if (residual == table.residuals.end()) return std::nullopt;
  const auto corrections = table.corrections.find(metric);
  double sum = 0;
  for (const TableAnswer::Group& group : answer.groups) {
    const auto value = group.values.find(metric);
    if (value == group.values.end()) continue;
    double factor = 1;
    if (corrections != table.corrections.end()) {
      const auto correction = corrections->second.find(group.probe.key);
      if (correction != corrections->second.end()) factor = correction->second;
    }
    sum += value->second * factor;
  }
  return residual->second.apply(sum, static_cast<double>(answer.groups.size()), answer.bytes);
}

}  // namespace nacre
