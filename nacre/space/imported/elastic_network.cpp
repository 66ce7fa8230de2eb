#include "nacre/space/imported/elastic_network.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/ir/parameter_roles.hpp"
#include "nacre/ir/schema.hpp"

namespace nacre {
namespace {

// One element of a decision's key: without the separator of scopes.
std::string key_word(std::string name, std::set<std::string>& taken, const std::string& fallback) {
  for (const std::string_view ending : {"/weight", ".weight", "_weight"}) {
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  }
  std::ranges::replace(name, '/', '.');
  if (name.empty()) name = fallback;
  std::string unique = name;
  for (int i = 1; !taken.insert(unique).second; ++i) unique = name + "_" + std::to_string(i);
  return unique;
}

// The elements whose index along each axis is among `kept` (all where that is empty).
Tensor pick(const Tensor& tensor, const std::vector<std::vector<int64_t>>& kept) {
  std::vector<int64_t> extents = tensor.extents();
  for (size_t axis = 0; axis < extents.size(); ++axis) {
    if (!kept[axis].empty()) extents[axis] = static_cast<int64_t>(kept[axis].size());
  }
  Tensor result(tensor.type(), extents);
  const size_t width = static_cast<size_t>(element_bits(tensor.type())) / 8;
  std::byte* target = result.mutable_data();
  std::vector<int64_t> index(extents.size(), 0);
  for (int64_t i = 0; i < result.elements(); ++i) {
    int64_t source = 0;
    for (size_t axis = 0; axis < extents.size(); ++axis)
      source = source * tensor.extents()[axis] +
               (kept[axis].empty() ? index[axis] : kept[axis][static_cast<size_t>(index[axis])]);
    std::copy_n(tensor.data() + static_cast<size_t>(source) * width, width, target + static_cast<size_t>(i) * width);
    for (size_t axis = extents.size(); axis-- > 0;) {
      if (++index[axis] < extents[axis]) break;
      index[axis] = 0;
    }
  }
  return result;
}

// A smaller kernel at the same places: less dilation times half the difference of padding on either side.
void shrink_padding(Attributes& attributes, int64_t kernel, int64_t by) {
  if (attributes.has("kernel_shape")) {
    const size_t axes = attributes.integers("kernel_shape").size();
    attributes.set("kernel_shape", std::vector<int64_t>(axes, kernel - by));
  }
  const auto pads = attributes.integers("pads");
  const auto dilations = attributes.integers("dilations");
  std::vector<int64_t> smaller;
  for (size_t i = 0; i < pads.size(); ++i) {
    const int64_t dilation = dilations.empty() ? 1 : dilations[i % dilations.size()];
    smaller.push_back(pads[i] - dilation * by / 2);
  }
  if (!smaller.empty()) attributes.set("pads", std::move(smaller));
}

}  // namespace

ElasticNetwork::ElasticNetwork(Graph graph, ElasticNetworkOptions options)
    : graph_(std::move(graph)), options_(std::move(options)), groups_(graph_) {
  NACRE_CHECK(graph_.inputs.size() == 1 && graph_.outputs.size() == 1);
  for (const Initializer& initializer : graph_.initializers()) {
    if (initializer.data == nullptr)
      throw UserError("parameter '" + value_text(graph_, initializer.value) +
                      "' has no values; a trained network is needed");
  }
  if (!options_.inherit_weights) {
    const std::vector<Distribution> distributions = fresh_distributions(graph_);
    for (size_t i = 0; i < distributions.size(); ++i)
      graph_.initializer(static_cast<int32_t>(i)).distribution = distributions[i];
  }
  if (options_.depth) blocks_ = residual_blocks(graph_);
  for (const Node& node : graph_.nodes()) {
    for (const ValueId id : node.inputs) {
      if (id != kNone && graph_.initializer_of(id) != nullptr) ++readers_[id];
    }
  }
  find_scopes();
  name_decisions();
}

void ElasticNetwork::find_scopes() {
  scope_of_node_.assign(graph_.nodes().size(), kNone);
  std::vector<size_t> size(graph_.nodes().size(), graph_.nodes().size() + 1);
  for (size_t b = 0; b < blocks_.size(); ++b) {
    block_of_sum_[blocks_[b].sum] = static_cast<int>(b);
    for (const NodeId node : blocks_[b].nodes) {
      const auto i = static_cast<size_t>(node);
      if (blocks_[b].nodes.size() >= size[i]) continue;
      size[i] = blocks_[b].nodes.size();
      scope_of_node_[i] = static_cast<int>(b);
    }
  }
  for (const auto& [number, group] : groups_.groups()) {
    if (group.fixed || widths_of(group).size() < 2) continue;
    int scope = kNone;
    for (size_t b = 0; b < blocks_.size(); ++b) {
      if (!std::ranges::includes(blocks_[b].nodes, group.nodes)) continue;
      if (scope == kNone || blocks_[b].nodes.size() < blocks_[static_cast<size_t>(scope)].nodes.size())
        scope = static_cast<int>(b);
    }
    scope_of_group_[number] = scope;
  }
}

void ElasticNetwork::name_decisions() {
  std::set<std::string> taken;
  for (const RemovableBlock& block : blocks_) block_names_.push_back(key_word(block.name, taken, "block"));
  taken.clear();
  for (const auto& [number, scope] : scope_of_group_)
    group_names_[number] = key_word(groups_.groups().at(number).name, taken, "group" + std::to_string(number));
}

std::vector<int64_t> ElasticNetwork::widths_of(const ChannelGroup& group) const {
  std::vector<int64_t> widths = {group.channels};
  for (const double share : options_.widths) {
    const auto divisor = static_cast<double>(options_.divisor);
    const auto width =
        static_cast<int64_t>(std::llround(share * static_cast<double>(group.channels) / divisor)) * options_.divisor;
    if (width >= 1 && width < group.channels) widths.push_back(width);
  }
  std::ranges::sort(widths, std::greater<>());
  widths.erase(std::unique(widths.begin(), widths.end()), widths.end());
  return widths;
}

std::vector<int64_t> ElasticNetwork::kernels_of(const Node& node) const {
  if (options_.minimum_kernel == 0 || node.op != "Conv" || !node.domain.empty() || readers_.at(node.inputs[1]) != 1)
    return {};
  const Tensor& weight = *graph_.constant(node.inputs[1]);
  const int64_t kernel = weight.rank() < 3 ? 1 : weight.extents()[2];
  const bool square = std::all_of(weight.extents().begin() + std::min(2, weight.rank()), weight.extents().end(),
                                  [&](int64_t extent) { return extent == kernel; });
  const std::string_view auto_pad = node.attributes.text("auto_pad", "NOTSET");
  if (!square || kernel % 2 == 0 || auto_pad == "VALID") return {};
  const auto pads = node.attributes.integers("pads");
  const auto dilations = node.attributes.integers("dilations");
  std::vector<int64_t> kernels = {kernel};
  for (int64_t smaller = kernel - 2; smaller >= options_.minimum_kernel; smaller -= 2) {
    bool fits = auto_pad != "NOTSET" || !pads.empty();
    for (size_t i = 0; i < pads.size(); ++i)
      fits = fits && pads[i] >= (dilations.empty() ? 1 : dilations[i % dilations.size()]) * (kernel - smaller) / 2;
    if (fits) kernels.push_back(smaller);
  }
  return kernels;
}

// --- building -----------------------------------------------------------------------------------------------------

ValueId ElasticNetwork::build(Chooser& choose, GraphBuilder& builder, ValueId x) const {
  Built built;
  built.values[graph_.inputs[0]] = x;
  replay(choose, builder, kNone, built);
  return built.values.at(graph_.outputs[0]);
}

void ElasticNetwork::decide_widths(Chooser& choose, int scope, Built& built) const {
  const auto guard = choose.shared_scope("width");
  for (const auto& [number, group_scope] : scope_of_group_) {
    if (group_scope != scope) continue;
    const ChannelGroup& group = groups_.groups().at(number);
    const int64_t count = choose.pick(group_names_.at(number), widths_of(group)).elastic();
    if (count < group.channels) built.kept[number] = kept_channels(group, count);
  }
}

// The nodes directly in a block (kNone: in none).
void ElasticNetwork::replay(Chooser& choose, GraphBuilder& builder, int scope, Built& built) const {
  decide_widths(choose, scope, built);
  for (size_t i = 0; i < graph_.nodes().size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    if (graph_.nodes()[i].dead || scope_of_node_[i] != scope) continue;
    const auto block = block_of_sum_.find(id);
    if (block != block_of_sum_.end()) {
      replay_block(choose, builder, block->second, built);
    } else {
      replay_node(choose, builder, id, built);
    }
  }
}

void ElasticNetwork::replay_block(Chooser& choose, GraphBuilder& builder, int number, Built& built) const {
  const RemovableBlock& block = blocks_[static_cast<size_t>(number)];
  const Node& sum = graph_.node(block.sum);
  const std::vector<Branch> branches = {{"keep",
                                         [&](GraphBuilder& b, ValueId x) {
                                           Built inner;
                                           inner.kept = built.kept;
                                           inner.values[block.source] = x;
                                           replay(choose, b, number, inner);
                                           return b.add(inner.values.at(sum.inputs[0]), inner.values.at(sum.inputs[1]));
                                         }},
                                        {"skip", [](GraphBuilder&, ValueId x) { return x; }}};
  const auto guard = choose.shared_scope("depth");
  built.values[sum.outputs[0]] =
      choose.layer(block_names_[static_cast<size_t>(number)], builder, built.values.at(block.source), branches);
}

void ElasticNetwork::replay_node(Chooser& choose, GraphBuilder& builder, NodeId id, Built& built) const {
  const Node& node = graph_.node(id);
  const std::string& path = graph_.scope(node.scope);
  std::optional<GraphBuilder::ScopeGuard> scope;
  if (!path.empty()) scope.emplace(builder, path);
  Attributes attributes = node.attributes;
  std::string op = node.op;
  int64_t crop = 0;
  if (const std::vector<int64_t> kernels = kernels_of(node); kernels.size() > 1) {
    std::set<std::string> none;
    const auto guard = choose.shared_scope("kernel");
    const int64_t kernel =
        choose.pick(key_word(graph_.value(node.inputs[1]).name, none, "conv" + std::to_string(id)), kernels).elastic();
    crop = kernels[0] - kernel;
    if (crop > 0) shrink_padding(attributes, kernels[0], crop);
  }
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId input = node.inputs[i];
    if (input == kNone) {
      inputs.push_back(kNone);
    } else if (graph_.initializer_of(input) != nullptr) {
      inputs.push_back(parameter(builder, input, i == 1 ? crop : 0, built));
    } else {
      inputs.push_back(built.values.at(input));
    }
  }
  if (groups_.is_depthwise(id)) attributes.set("group", builder.channels(inputs[0]));
  // A Reshape to a matrix states the number of features, which narrowing changes.
  const std::optional<Shape>& result = graph_.value(node.outputs[0]).shape;
  if (op == "Reshape" && result.has_value() && result->rank() == 2 && !built.kept.empty()) {
    op = "Flatten";
    attributes = {};
    inputs.resize(1);
  }
  builder.node(op, inputs, attributes, static_cast<int>(node.outputs.size()), node.domain);
  const Node& made = builder.graph().nodes().back();
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != kNone) built.values[node.outputs[i]] = made.outputs[i];
  }
}

// --- weights ------------------------------------------------------------------------------------------------------

ValueId ElasticNetwork::parameter(GraphBuilder& builder, ValueId id, int64_t crop, Built& built) const {
  const auto found = built.values.find(id);
  if (found != built.values.end()) return found->second;
  const Initializer& initializer = *graph_.initializer_of(id);
  const auto layout = groups_.parameters().find(id);
  const bool cut = crop > 0 || (layout != groups_.parameters().end() && !built.kept.empty());
  std::shared_ptr<const Tensor> data = initializer.data;
  if (cut) data = std::make_shared<const Tensor>(sliced(id, crop, built));
  const std::string& name = graph_.value(id).name;
  Graph& graph = builder.graph();
  ValueId result = kNone;
  if (options_.inherit_weights || initializer.distribution.kind == Distribution::Kind::none) {
    result = graph.add_initializer(name, data, initializer.trainable);
    graph.initializer(graph.value(result).initializer).distribution = initializer.distribution;
  } else {
    result = graph.add_parameter(name, data->type(), data->shape(), initializer.distribution, initializer.trainable);
  }
  built.values[id] = result;
  return result;
}

Tensor ElasticNetwork::sliced(ValueId id, int64_t crop, const Built& built) const {
  const Tensor& tensor = *graph_.constant(id);
  std::vector<std::vector<int64_t>> kept(static_cast<size_t>(tensor.rank()));
  const auto layout = groups_.parameters().find(id);
  if (layout != groups_.parameters().end()) {
    for (const auto& [axis, segments] : layout->second)
      kept[static_cast<size_t>(axis)] = kept_positions(segments, built);
  }
  for (size_t axis = 2; crop > 0 && axis < kept.size(); ++axis) {
    for (int64_t i = crop / 2; i < tensor.extents()[axis] - crop / 2; ++i) kept[axis].push_back(i);
  }
  return pick(tensor, kept);
}

std::vector<int64_t> ElasticNetwork::kept_positions(const ChannelLayout& layout, const Built& built) const {
  std::vector<int64_t> positions;
  int64_t base = 0;
  for (const ChannelSegment& segment : layout) {
    const auto kept = built.kept.find(segment.group);
    for (int64_t i = 0; i < (kept == built.kept.end() ? segment.channels : static_cast<int64_t>(kept->second.size()));
         ++i) {
      const int64_t channel = kept == built.kept.end() ? i : kept->second[static_cast<size_t>(i)];
      for (int64_t r = 0; r < segment.repeat; ++r) positions.push_back(base + channel * segment.repeat + r);
    }
    base += segment.channels * segment.repeat;
  }
  return positions;
}

}  // namespace nacre
