#include "nacre/space/imported/channel_groups.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "nacre/ir/schema.hpp"

namespace nacre {

// Walks the graph once and ties groups as it goes; what is found is renumbered at the end.
class ChannelAnalysis {
 public:
  ChannelAnalysis(const Graph& graph, ChannelGroups& result) : graph_(graph), result_(result) {}

  void run() {
    layouts_.resize(graph_.values().size());
    result_.depthwise_.assign(graph_.nodes().size(), 0);
    for (const ValueId id : graph_.inputs) {
      layouts_[index(id)] = fresh_layout(id, "input");
      fix(layouts_[index(id)]);
    }
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      if (!graph_.nodes()[i].dead) visit(static_cast<NodeId>(i));
    }
    for (const ValueId id : graph_.outputs) fix(layouts_[index(id)]);
    publish();
  }

 private:
  using Layout = std::optional<ChannelLayout>;
  struct Raw {
    int parent = 0;
    std::string name;
    int64_t channels = 0;
    bool fixed = false;
    std::vector<double> importance;
    std::set<NodeId> nodes;
  };

  static size_t index(ValueId id) { return static_cast<size_t>(id); }

  // --- groups -------------------------------------------------------------------------------------------------------

  int find(int group) {
    while (raw_[static_cast<size_t>(group)].parent != group) group = raw_[static_cast<size_t>(group)].parent;
    return group;
  }
  Raw& at(int group) { return raw_[static_cast<size_t>(find(group))]; }

  int add_group(std::string name, int64_t channels) {
    const auto number = static_cast<int>(raw_.size());
    raw_.push_back({.parent = number,
                    .name = std::move(name),
                    .channels = channels,
                    .fixed = false,
                    .importance = std::vector<double>(static_cast<size_t>(channels), 0.0),
                    .nodes = {}});
    return number;
  }

  // The earlier one keeps its name.
  void tie(int a, int b) {
    a = find(a);
    b = find(b);
    if (a == b) return;
    if (b < a) std::swap(a, b);
    Raw& kept = raw_[static_cast<size_t>(a)];
    Raw& gone = raw_[static_cast<size_t>(b)];
    gone.parent = a;
    kept.fixed = kept.fixed || gone.fixed;
    for (size_t c = 0; c < kept.importance.size(); ++c) kept.importance[c] += gone.importance[c];
    kept.nodes.merge(gone.nodes);
  }

  void fix(const Layout& layout) {
    if (!layout.has_value()) return;
    for (const ChannelSegment& segment : *layout) at(segment.group).fixed = true;
  }

  void touch(const Layout& layout, NodeId node) {
    if (!layout.has_value()) return;
    for (const ChannelSegment& segment : *layout) at(segment.group).nodes.insert(node);
  }

  // Both must keep the same channels; where they are not made alike neither may lose any.
  void tie(const ChannelLayout& a, const ChannelLayout& b) {
    bool alike = a.size() == b.size();
    for (size_t i = 0; alike && i < a.size(); ++i) alike = a[i].channels == b[i].channels && a[i].repeat == b[i].repeat;
    if (!alike) {
      fix(a);
      fix(b);
      return;
    }
    for (size_t i = 0; i < a.size(); ++i) tie(a[i].group, b[i].group);
  }

  // --- values -------------------------------------------------------------------------------------------------------

  std::optional<int64_t> extent(ValueId id, int axis) const {
    const std::optional<Shape>& shape = graph_.value(id).shape;
    if (!shape.has_value() || axis >= shape->rank() || !(*shape)[axis].is_fixed()) return std::nullopt;
    return (*shape)[axis].extent();
  }
  int rank(ValueId id) const {
    const std::optional<Shape>& shape = graph_.value(id).shape;
    return shape.has_value() ? shape->rank() : -1;
  }

  Layout fresh_layout(ValueId id, std::string name) {
    const std::optional<int64_t> channels = extent(id, 1);
    if (!channels.has_value()) return std::nullopt;
    return ChannelLayout{{add_group(std::move(name), *channels), *channels, 1}};
  }

  bool is_parameter(ValueId id) const { return id != kNone && graph_.constant(id) != nullptr; }

  // --- parameters ---------------------------------------------------------------------------------------------------

  // A parameter read twice must be cut alike both times.
  void follow(ValueId parameter, int axis, const ChannelLayout& layout) {
    ParameterLayout& axes = result_.parameters_[parameter];
    const auto [entry, is_new] = axes.try_emplace(axis, layout);
    if (!is_new) tie(entry->second, layout);
    if (read_before_.contains(parameter) && is_new) fix(layout);
  }

  // Magnitudes of a weight's slices along an axis, relative to their mean, credited to the layout's channels.
  void credit(ValueId parameter, int axis, const ChannelLayout& layout) {
    const Tensor& tensor = *graph_.constant(parameter);
    int64_t inner = 1;
    for (size_t i = static_cast<size_t>(axis) + 1; i < tensor.extents().size(); ++i) inner *= tensor.extents()[i];
    const auto extent = static_cast<size_t>(tensor.extents()[static_cast<size_t>(axis)]);
    std::vector<double> sums(extent, 0.0);
    const std::vector<double> numbers = tensor.numbers();
    for (size_t i = 0; i < numbers.size(); ++i) sums[i / static_cast<size_t>(inner) % extent] += std::abs(numbers[i]);
    const double mean =
        std::accumulate(sums.begin(), sums.end(), 0.0) / static_cast<double>(std::max<size_t>(1, extent));
    if (!(mean > 0)) return;
    size_t position = 0;
    for (const ChannelSegment& segment : layout) {
      std::vector<double>& importance = at(segment.group).importance;
      for (double& channel : importance) {
        for (int64_t r = 0; r < segment.repeat; ++r)
          channel += sums[position++] / mean / static_cast<double>(segment.repeat);
      }
    }
  }

  // --- operators ----------------------------------------------------------------------------------------------------

  void visit(NodeId id) {
    const Node& node = graph_.node(id);
    if (!node.domain.empty() || !node.bodies.empty() || !understand(id, node)) give_up(node);
    for (const ValueId input : node.inputs) {
      if (input == kNone) continue;
      touch(layouts_[index(input)], id);
      if (is_parameter(input)) read_before_.insert(input);
    }
    for (const ValueId output : node.outputs) {
      if (output != kNone) touch(layouts_[index(output)], id);
    }
  }

  void give_up(const Node& node) {
    for (const ValueId input : node.inputs) {
      if (input == kNone) continue;
      fix(layouts_[index(input)]);
      const auto followed = result_.parameters_.find(input);
      if (followed == result_.parameters_.end()) continue;
      for (const auto& [axis, layout] : followed->second) fix(layout);
    }
    for (const Body& body : node.bodies) {
      for (const ValueId capture : body.captures) fix(layouts_[index(capture)]);
    }
    for (const ValueId output : node.outputs) {
      if (output == kNone) continue;
      layouts_[index(output)] = fresh_layout(output, "");
      fix(layouts_[index(output)]);
    }
  }

  bool understand(NodeId id, const Node& node) {
    if (node.inputs.empty() || node.inputs[0] == kNone || node.outputs.empty() || node.outputs[0] == kNone)
      return false;
    for (size_t i = 1; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNone) return false;
    }
    const std::string& op = node.op;
    if (op == "Conv") return convolution(id, node);
    if (op == "Gemm" || op == "MatMul") return product(node);
    if (op == "BatchNormalization") return normalization(node);
    if (op == "Add" || op == "Sub" || op == "Mul" || op == "Div" || op == "Max" || op == "Min") return arithmetic(node);
    if (op == "Concat") return concatenation(node);
    if (op == "Flatten" || op == "Reshape" || op == "Squeeze") return flattening(node);
    if (op == "ReduceMean") return spatial_mean(node);
    static constexpr std::array<std::string_view, 18> kChannelwise = {
        "Relu", "Sigmoid",  "Tanh", "HardSigmoid", "HardSwish",   "Clip",    "LeakyRelu",         "Elu", "Selu",
        "Gelu", "Softplus", "Mish", "MaxPool",     "AveragePool", "Dropout", "GlobalAveragePool", "Neg", "Identity"};
    if (std::ranges::find(kChannelwise, std::string_view(op)) != kChannelwise.end()) return carry(node, node.inputs[0]);
    return op == "GlobalMaxPool" && carry(node, node.inputs[0]);
  }

  bool carry(const Node& node, ValueId from) {
    if (!layouts_[index(from)].has_value()) return false;
    layouts_[index(node.outputs[0])] = layouts_[index(from)];
    return true;
  }

  bool convolution(NodeId id, const Node& node) {
    const Layout in = layouts_[index(node.inputs[0])];
    const ValueId weight = node.inputs[1];
    if (!in.has_value() || !is_parameter(weight) || graph_.constant(weight)->rank() < 3) return false;
    const bool has_bias = node.inputs.size() > 2 && node.inputs[2] != kNone;
    if (has_bias && !is_parameter(node.inputs[2])) return false;
    const int64_t groups = node.attributes.integer("group", 1);
    const std::vector<int64_t>& extents = graph_.constant(weight)->extents();
    const bool depthwise = groups > 1 && groups == extents[0] && extents[1] == 1 && extent(node.inputs[0], 1) == groups;
    if (groups != 1 && !depthwise) return false;
    Layout out = in;
    if (depthwise) {
      result_.depthwise_[static_cast<size_t>(id)] = 1;
    } else {
      out = ChannelLayout{{add_group(graph_.value(weight).name, extents[0]), extents[0], 1}};
      follow(weight, 1, *in);
      credit(weight, 1, *in);
    }
    follow(weight, 0, *out);
    credit(weight, 0, *out);
    if (has_bias) follow(node.inputs[2], 0, *out);
    layouts_[index(node.outputs[0])] = out;
    return true;
  }

  bool product(const Node& node) {
    const Layout in = layouts_[index(node.inputs[0])];
    const ValueId weight = node.inputs[1];
    if (!in.has_value() || rank(node.inputs[0]) != 2 || !is_parameter(weight) || graph_.constant(weight)->rank() != 2)
      return false;
    const bool gemm = node.op == "Gemm";
    if (gemm && node.attributes.integer("transA", 0) != 0) return false;
    const int out_axis = gemm && node.attributes.integer("transB", 0) != 0 ? 0 : 1;
    const int64_t outputs = graph_.constant(weight)->extents()[static_cast<size_t>(out_axis)];
    const ChannelLayout out = {{add_group(graph_.value(weight).name, outputs), outputs, 1}};
    if (gemm && node.inputs.size() > 2 && node.inputs[2] != kNone) {
      const Tensor* bias = graph_.constant(node.inputs[2]);
      if (bias == nullptr) return false;
      if (bias->rank() == 1 && bias->elements() == outputs) {
        follow(node.inputs[2], 0, out);
      } else if (bias->elements() != 1) {
        fix(out);
      }
    }
    follow(weight, 1 - out_axis, *in);
    follow(weight, out_axis, out);
    credit(weight, 1 - out_axis, *in);
    credit(weight, out_axis, out);
    layouts_[index(node.outputs[0])] = out;
    return true;
  }

  bool normalization(const Node& node) {
    const Layout in = layouts_[index(node.inputs[0])];
    if (!in.has_value() || node.inputs.size() != 5) return false;
    for (size_t i = 1; i < 5; ++i) {
      if (!is_parameter(node.inputs[i])) return false;
    }
    for (size_t i = 1; i < 5; ++i) follow(node.inputs[i], 0, *in);
    return carry(node, node.inputs[0]);
  }

  bool arithmetic(const Node& node) {
    if (node.inputs.size() != 2 || node.inputs[1] == kNone) return false;
    const ValueId a = node.inputs[0];
    const ValueId b = node.inputs[1];
    if (is_parameter(a) || is_parameter(b))
      return with_constant(node, is_parameter(a) ? b : a, is_parameter(a) ? a : b);
    if (!layouts_[index(a)].has_value() || !layouts_[index(b)].has_value() || rank(a) != rank(b)) return false;
    const std::optional<int64_t> left = extent(a, 1);
    const std::optional<int64_t> right = extent(b, 1);
    if (left == right) {
      tie(*layouts_[index(a)], *layouts_[index(b)]);
      return carry(node, a);
    }
    // One channel against all: the one must stay.
    const ValueId one = left == 1 ? a : b;
    fix(layouts_[index(one)]);
    return carry(node, one == a ? b : a);
  }

  bool with_constant(const Node& node, ValueId x, ValueId constant) {
    const Layout in = layouts_[index(x)];
    if (!in.has_value() || is_parameter(x) || extent(node.outputs[0], 1) != extent(x, 1)) return false;
    const Tensor& tensor = *graph_.constant(constant);
    const int axis = tensor.rank() - (rank(x) - 1);  // the axis that meets axis 1 of x
    if (tensor.rank() > rank(x)) return false;
    if (axis >= 0 && tensor.extents()[static_cast<size_t>(axis)] != 1) follow(constant, axis, *in);
    return carry(node, x);
  }

  bool concatenation(const Node& node) {
    if (rank(node.outputs[0]) < 2) return false;
    const int64_t axis = node.attributes.integer("axis", 0);
    if (axis != 1 && axis != 1 - rank(node.outputs[0])) return false;
    ChannelLayout out;
    for (const ValueId input : node.inputs) {
      if (input == kNone || !layouts_[index(input)].has_value()) return false;
      const ChannelLayout& part = *layouts_[index(input)];
      out.insert(out.end(), part.begin(), part.end());
    }
    layouts_[index(node.outputs[0])] = out;
    return true;
  }

  // [N, C, H, W] to [N, C H W].
  bool flattening(const Node& node) {
    const ValueId x = node.inputs[0];
    const Layout in = layouts_[index(x)];
    if (!in.has_value() || rank(x) < 2 || rank(node.outputs[0]) != 2) return false;
    if (node.op == "Flatten" && node.attributes.integer("axis", 1) != 1) return false;
    int64_t positions = 1;
    for (int axis = 2; axis < rank(x); ++axis) {
      const std::optional<int64_t> size = extent(x, axis);
      if (!size.has_value()) return false;
      positions *= *size;
    }
    const std::optional<int64_t> channels = extent(x, 1);
    if (!channels.has_value() || extent(node.outputs[0], 1) != *channels * positions) return false;
    ChannelLayout out = *in;
    for (ChannelSegment& segment : out) segment.repeat *= positions;
    layouts_[index(node.outputs[0])] = out;
    return true;
  }

  bool spatial_mean(const Node& node) {
    if (node.inputs.size() < 2 || !is_parameter(node.inputs[1])) return false;
    const int ranks = rank(node.inputs[0]);
    for (const int64_t axis : graph_.constant(node.inputs[1])->integers()) {
      if ((axis < 0 ? axis + ranks : axis) < 2) return false;
    }
    return carry(node, node.inputs[0]);
  }

  // --- result -------------------------------------------------------------------------------------------------------

  void publish() {
    for (auto& [parameter, axes] : result_.parameters_) {
      for (auto& [axis, layout] : axes) {
        for (ChannelSegment& segment : layout) segment.group = find(segment.group);
      }
    }
    for (size_t i = 0; i < raw_.size(); ++i) {
      const auto number = static_cast<int>(i);
      if (find(number) != number) continue;
      Raw& raw = raw_[i];
      result_.groups_[number] = {.name = raw.name,
                                 .channels = raw.channels,
                                 .fixed = raw.fixed,
                                 .importance = raw.importance,
                                 .nodes = {raw.nodes.begin(), raw.nodes.end()}};
    }
  }

  const Graph& graph_;
  ChannelGroups& result_;
  std::vector<Layout> layouts_;  // by value
  std::vector<Raw> raw_;
  std::set<ValueId> read_before_;  // parameters
};

ChannelGroups::ChannelGroups(const Graph& graph) { ChannelAnalysis(graph, *this).run(); }

bool ChannelGroups::is_depthwise(NodeId node) const { return depthwise_[static_cast<size_t>(node)] != 0; }

std::vector<int64_t> kept_channels(const ChannelGroup& group, int64_t count) {
  std::vector<int64_t> channels(static_cast<size_t>(group.channels));
  std::iota(channels.begin(), channels.end(), int64_t{0});
  if (count >= group.channels) return channels;
  std::ranges::stable_sort(channels, [&](int64_t a, int64_t b) {
    return group.importance[static_cast<size_t>(a)] > group.importance[static_cast<size_t>(b)];
  });
  channels.resize(static_cast<size_t>(count));
  std::ranges::sort(channels);
  return channels;
}

}  // namespace nacre
