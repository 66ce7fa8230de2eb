#include "nacre/ir/training_tags.hpp"

#include "nacre/base/error.hpp"
#include "nacre/base/json.hpp"

namespace nacre {
namespace {

constexpr const char* kKey = "nacre.training_tags";

bool is_within(const std::string& path, const std::string& scope) {
  return path.starts_with(scope) && (path.size() == scope.size() || path[scope.size()] == '/');
}

}  // namespace

void set_training_tags(Graph& graph, const TrainingTags& tags) {
  Json json = {{"auxiliary", tags.auxiliary}, {"paths", Json::array()}};
  for (const TrainingTags::Path& path : tags.paths) json["paths"].push_back({path.scope, path.depth});
  graph.metadata[kKey] = json.dump();
}

TrainingTags training_tags_of(const Graph& graph) {
  TrainingTags tags;
  const auto found = graph.metadata.find(kKey);
  if (found == graph.metadata.end()) return tags;
  try {
    const Json json = Json::parse(found->second);
    tags.auxiliary = json.at("auxiliary").get<std::string>();
    for (const Json& path : json.at("paths"))
      tags.paths.push_back({path.at(0).get<std::string>(), path.at(1).get<double>()});
  } catch (const Json::exception& error) {
    throw UserError(std::string("metadata '") + kKey + "' of the model: " + error.what());
  }
  return tags;
}

ValueId value_leaving(const Graph& graph, const std::string& scope) {
  std::vector<bool> inside(graph.nodes().size(), false), read_outside(graph.values().size(), false);
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    inside[i] = !node.dead && is_within(graph.scope(node.scope), scope);
    if (node.dead || inside[i]) continue;
    for (const ValueId input : node.inputs)
      if (input != kNone) read_outside[static_cast<size_t>(input)] = true;
    for (const Body& body : node.bodies)
      for (const ValueId capture : body.captures) read_outside[static_cast<size_t>(capture)] = true;
  }
  for (const ValueId output : graph.outputs) read_outside[static_cast<size_t>(output)] = true;
  ValueId leaving = kNone;
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    if (!inside[i]) continue;
    for (const ValueId output : graph.nodes()[i].outputs)
      if (output != kNone && read_outside[static_cast<size_t>(output)]) leaving = output;
  }
  return leaving;
}

}  // namespace nacre
