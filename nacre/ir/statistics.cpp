#include "nacre/ir/statistics.hpp"

#include <algorithm>
#include <limits>

#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre {
namespace {

using operators::saturating_multiply;

int64_t saturating_add(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

int64_t value_bytes(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  if (!value.shape.has_value()) {
    throw UserError("the shape of value '" + value_text(graph, id) +
                    "' is not known; infer shapes first, or give its shape in the model");
  }
  for (const Dim dim : *value.shape) {
    if (dim.is_fixed()) continue;
    throw UserError("value '" + value_text(graph, id) + "' " + graph.shape_text(*value.shape) + " has the dimension '" +
                    graph.dim_text(dim) + "' that is not fixed; bind it to a number first");
  }
  const int64_t bits = element_bits(value.type);
  const int64_t elements = value.shape->elements().value_or(std::numeric_limits<int64_t>::max());
  return saturating_multiply(elements, bits) / 8 + (saturating_multiply(elements, bits) % 8 != 0 ? 1 : 0);
}

class Counter {
 public:
  explicit Counter(const Graph& graph)
      : graph_(graph),
        bytes_(graph.values().size(), 0),
        last_use_(graph.values().size(), kNone),
        read_(graph.initializers().size(), 0) {}

  GraphStatistics run() {
    count_initializers();
    find_last_uses();
    for (const ValueId input : graph_.inputs) live_ = saturating_add(live_, activation_bytes(input));
    note_peak(live_, kNone);
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      if (!graph_.nodes()[i].dead) count_node(static_cast<NodeId>(i));
    }
    return std::move(result_);
  }

 private:
  static constexpr NodeId kForever = std::numeric_limits<NodeId>::max();

  // Weights and constants are no activations.
  bool is_activation(ValueId id) const {
    const Value& value = graph_.value(id);
    return value.initializer == kNone && (value.producer == kNone || graph_.node(value.producer).op != "Constant");
  }

  int64_t activation_bytes(ValueId id) const { return is_activation(id) ? bytes_[static_cast<size_t>(id)] : 0; }

  void count_initializers() {
    for (const Initializer& initializer : graph_.initializers()) {
      const int64_t bytes = value_bytes(graph_, initializer.value);
      bytes_[static_cast<size_t>(initializer.value)] = bytes;
      result_.weight_bytes = saturating_add(result_.weight_bytes, bytes);
      if (initializer.trainable) {
        result_.parameters =
            saturating_add(result_.parameters, graph_.value(initializer.value).shape->elements().value_or(0));
      }
    }
  }

  void find_last_uses() {
    for (const ValueId input : graph_.inputs) bytes_[static_cast<size_t>(input)] = value_bytes(graph_, input);
    size_t live_nodes = 0;
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      const Node& node = graph_.nodes()[i];
      if (node.dead) continue;
      ++live_nodes;
      const auto note = [&](ValueId id) {
        if (id != kNone) last_use_[static_cast<size_t>(id)] = static_cast<NodeId>(i);
      };
      for (const ValueId input : node.inputs) note(input);
      for (const Body& body : node.bodies) std::ranges::for_each(body.captures, note);
      for (const ValueId output : node.outputs) {
        if (output != kNone) bytes_[static_cast<size_t>(output)] = value_bytes(graph_, output);
      }
    }
    for (const ValueId output : graph_.outputs) last_use_[static_cast<size_t>(output)] = kForever;
    result_.nodes.reserve(live_nodes);
  }

  void note_peak(int64_t live, NodeId node) {
    if (live <= result_.peak_activation_bytes) return;
    result_.peak_activation_bytes = live;
    result_.peak_node = node;
  }

  void read_initializer(ValueId id, NodeStatistics& statistics) {
    const int32_t index = graph_.value(id).initializer;
    if (index == kNone || read_[static_cast<size_t>(index)] != 0) return;
    read_[static_cast<size_t>(index)] = 1;
    statistics.weight_bytes = saturating_add(statistics.weight_bytes, bytes_[static_cast<size_t>(id)]);
    if (graph_.initializers()[static_cast<size_t>(index)].trainable) {
      statistics.parameters = saturating_add(statistics.parameters, graph_.value(id).shape->elements().value_or(0));
    }
  }

  void count_node(NodeId id) {
    const Node& node = graph_.node(id);
    NodeStatistics statistics{.node = id};
    const auto read = [&](ValueId value) {
      if (value == kNone) return;
      read_initializer(value, statistics);
      statistics.input_bytes = saturating_add(statistics.input_bytes, activation_bytes(value));
    };
    for (const ValueId input : node.inputs) read(input);
    for (const ValueId output : node.outputs) {
      if (output != kNone) statistics.output_bytes = saturating_add(statistics.output_bytes, activation_bytes(output));
    }
    live_ = saturating_add(live_, statistics.output_bytes);
    int64_t inside = 0;  // extra bytes while a body runs
    if (!node.bodies.empty()) {
      inside = count_bodies(node, statistics, read);
    } else if (node.schema == nullptr) {
      result_.opaque.push_back(node.op);
    } else if (node.schema->cost != nullptr) {
      const OperatorCost cost = node.schema->cost(graph_, node);
      statistics.macs = cost.macs;
      statistics.flops = cost.flops;
    }
    note_peak(saturating_add(live_, inside), id);
    release(node, id);
    result_.macs = saturating_add(result_.macs, statistics.macs);
    result_.flops = saturating_add(result_.flops, statistics.flops);
    result_.nodes.push_back(statistics);
  }

  void release(const Node& node, NodeId id) {
    const auto drop = [&](ValueId value) {
      if (value == kNone || last_use_[static_cast<size_t>(value)] > id) return;
      live_ -= activation_bytes(value);
      last_use_[static_cast<size_t>(value)] = kForever;  // once
    };
    for (const ValueId input : node.inputs) drop(input);
    for (const Body& body : node.bodies) std::ranges::for_each(body.captures, drop);
    for (const ValueId output : node.outputs) drop(output);
  }

  // If costs its dearer branch; Scan costs its body once per slice; a Loop of unknown length cannot be counted.
  template <class Read>
  int64_t count_bodies(const Node& node, NodeStatistics& statistics, const Read& read) {
    const std::optional<int64_t> runs = iterations(node);
    if (!runs.has_value()) result_.opaque.push_back(node.op);
    int64_t inside = 0;
    for (const Body& body : node.bodies) {
      for (const ValueId capture : body.captures) read(capture);
      const GraphStatistics counted = count_graph(*body.graph);
      statistics.macs = std::max(statistics.macs, saturating_multiply(runs.value_or(0), counted.macs));
      statistics.flops = std::max(statistics.flops, saturating_multiply(runs.value_or(0), counted.flops));
      statistics.parameters = saturating_add(statistics.parameters, counted.parameters);
      statistics.weight_bytes = saturating_add(statistics.weight_bytes, counted.weight_bytes);
      result_.parameters = saturating_add(result_.parameters, counted.parameters);
      result_.weight_bytes = saturating_add(result_.weight_bytes, counted.weight_bytes);
      result_.opaque.insert(result_.opaque.end(), counted.opaque.begin(), counted.opaque.end());
      int64_t arguments = 0;  // alive outside already
      for (const ValueId input : body.graph->inputs)
        arguments = saturating_add(arguments, value_bytes(*body.graph, input));
      inside = std::max(inside, counted.peak_activation_bytes - arguments);
    }
    return inside;
  }

  std::optional<int64_t> iterations(const Node& node) const {
    if (node.op == "If") return 1;
    if (node.op == "Loop") {
      const std::optional<KnownTensor> trips =
          node.inputs.empty() || node.inputs[0] == kNone ? std::nullopt : known_tensor(graph_, node.inputs[0]);
      if (trips.has_value() && trips->tensor.has_value() && trips->tensor->elements() == 1)
        return trips->tensor->integers()[0];
      return std::nullopt;
    }
    if (node.op == "Scan") {
      const auto scanned = static_cast<size_t>(node.attributes.integer("num_scan_inputs", 1));
      const std::span<const int64_t> axes = node.attributes.integers("scan_input_axes");
      const Shape& shape = operators::fixed_shape(graph_, node.inputs.at(node.inputs.size() - scanned));
      return shape[operators::resolve_axis(axes.empty() ? 0 : axes[0], shape.rank())].extent();
    }
    return std::nullopt;
  }

  const Graph& graph_;
  std::vector<int64_t> bytes_;    // per value
  std::vector<NodeId> last_use_;  // per value; kForever: an output, or already released
  std::vector<char> read_;        // per initialiser
  int64_t live_ = 0;
  GraphStatistics result_;
};

}  // namespace

GraphStatistics count_graph(const Graph& graph) { return Counter(graph).run(); }

}  // namespace nacre
