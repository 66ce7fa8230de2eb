#include "nacre/nn/training_graph.hpp"

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/schema.hpp"
#include "nacre/ir/training_tags.hpp"

namespace nacre {
namespace {

void add_drop_paths(Graph& graph, const Recipe& recipe, const TrainingTags& tags) {
  const bool by_time = recipe.drop_path_by == "both" || recipe.drop_path_by == "time";
  const bool by_depth = recipe.drop_path_by == "both" || recipe.drop_path_by == "depth";
  ValueId progress = kNone;
  bool found = false;
  for (const TrainingTags::Path& path : tags.paths) {
    const ValueId value = value_leaving(graph, path.scope);
    if (value == kNone) continue;
    if (by_time && progress == kNone)
      progress = graph.add_parameter(std::string(kTrainingProgress), ElementType::float32, {},
                                     {Distribution::Kind::constant, 1.0}, false);
    const double keep = 1 - (by_depth ? path.depth : 1) * (1 - recipe.drop_path_keep);
    std::vector<ValueId> inputs = {value};
    if (by_time) inputs.push_back(progress);
    graph.current_scope = graph.add_scope(path.scope);
    const NodeId node = graph.add_node("DropPath", std::move(inputs), 1, {{"keep", static_cast<float>(keep)}}, "nacre");
    infer_node(graph, node);
    graph.replace_uses(value, graph.node(node).outputs[0]);
    graph.node(node).inputs[0] = value;
    found = true;
  }
  graph.current_scope = 0;
  if (!found)
    throw UserError(
        "train.drop_path_keep: the network has no paths to drop; expected one of the spaces nasnet, darts or eeea");
  graph.sort();
}

Graph with_auxiliary_head(Graph graph, const TrainingTags& tags, size_t prediction) {
  const ValueId from = tags.auxiliary.empty() ? kNone : value_leaving(graph, tags.auxiliary);
  if (from == kNone) {
    throw UserError(
        "train.auxiliary_weight: the network has no place for an auxiliary head; expected one of the spaces nasnet, "
        "darts or eeea");
  }
  const int64_t classes = [&] {
    const std::optional<Shape>& shape = graph.value(graph.outputs.at(prediction)).shape;
    if (!shape || shape->rank() != 2 || !(*shape)[1].is_fixed())
      throw UserError("train.auxiliary_weight: the network's prediction is not [batch, classes]");
    return (*shape)[1].extent();
  }();
  GraphBuilder b;
  b.graph() = std::move(graph);
  {
    const auto scope = b.scope("auxiliary_head");
    ValueId x = b.activation(from, Activation::relu);
    const int64_t kernel = std::min<int64_t>({5, b.extent(x, 2), b.extent(x, 3)});
    x = b.average_pool(x, kernel, 3, 0);
    x = b.convolution_norm_activation("pointwise", x, 128, {.kernel = 1}, Activation::relu);
    {
      const auto inner = b.scope("whole");
      const int64_t height = b.extent(x, 2), width = b.extent(x, 3);
      const ValueId weight = b.parameter("conv/weight", {768, b.channels(x), height, width},
                                         {Distribution::Kind::kaiming_normal_fan_in, 1.4142135623730951});
      x = b.node("Conv", {x, weight}, {{"kernel_shape", std::vector<int64_t>{height, width}}});
      x = b.activation(b.batch_norm("bn", x), Activation::relu);
    }
    x = b.linear("classifier", b.flatten(x), classes);
    b.output(x, std::string(kAuxiliaryOutput));
  }
  return b.take();
}

}  // namespace

Graph training_graph(const Graph& graph, const Recipe& recipe, size_t prediction) {
  const bool drops = recipe.drop_path_keep<1, has_head = recipe.auxiliary_weight> 0;
  if (!drops && !has_head) return graph;
  const TrainingTags tags = training_tags_of(graph);
  Graph result = graph;
  if (drops) add_drop_paths(result, recipe, tags);
  return has_head ? with_auxiliary_head(std::move(result), tags, prediction) : result;
}

}  // namespace nacre
