#include "nacre/ir/onnx_annotation.hpp"

#include <cstring>
#include <unordered_map>

#include "nacre/ir/parameter_roles.hpp"
#include "nacre/ir/text_lexicon.hpp"

namespace nacre {
namespace {

constexpr int kMaximumDepth = 32;

Json tensor_json(const Tensor& tensor) {
  return {{"type", element_type_name(tensor.type())},
          {"extents", tensor.extents()},
          {"data", text::base64(tensor.data(), static_cast<size_t>(tensor.bytes()))}};
}

Tensor tensor_from_json(const Json& json) {
  const ElementType type = element_type_from_name(json.at("type").get<std::string>());
  const auto extents = json.at("extents").get<std::vector<int64_t>>();
  const std::optional<int64_t> elements = Shape::fixed(extents).elements();
  if (element_bits(type) == 0 || !elements.has_value() || *elements > (int64_t{1} << 40))
    throw UserError("a tensor of no known type or size");
  const auto bytes = static_cast<size_t>(packed_bytes(type, *elements));
  const std::optional<std::string> data = text::from_base64(json.at("data").get_ref<const std::string&>(), bytes);
  if (!data.has_value()) throw UserError("a tensor whose data are not " + std::to_string(bytes) + " bytes in base64");
  Tensor tensor(type, extents);
  if (bytes > 0) std::memcpy(tensor.mutable_data(), data->data(), bytes);
  return tensor;
}

Json parameter_json(const Initializer& initializer) {
  Json entry = Json::array({initializer.trainable});
  if (initializer.distribution.kind != Distribution::Kind::none) {
    entry.push_back(text::distribution_name(initializer.distribution.kind));
    entry.push_back(initializer.distribution.a);
  }
  return entry;
}

// Names to ids of one graph.
class Names {
 public:
  explicit Names(const Graph& graph) {
    for (size_t i = 0; i < graph.values().size(); ++i) values_.emplace(graph.values()[i].name, static_cast<ValueId>(i));
    for (size_t i = 0; i < graph.nodes().size(); ++i) nodes_.emplace(graph.nodes()[i].name, static_cast<NodeId>(i));
  }
  ValueId value(const std::string& name) const { return find(values_, name); }
  NodeId node(const std::string& name) const { return find(nodes_, name); }

 private:
  static int32_t find(const std::unordered_map<std::string_view, int32_t>& map, const std::string& name) {
    const auto found = map.find(name);
    return found == map.end() || name.empty() ? kNone : found->second;
  }
  std::unordered_map<std::string_view, int32_t> values_;
  std::unordered_map<std::string_view, int32_t> nodes_;
};

void apply_parameters(Graph& graph, const Names& names, const Json& json) {
  for (const auto& [name, entry] : json.items()) {
    const ValueId id = names.value(name);
    if (id == kNone || graph.value(id).initializer == kNone) continue;
    Initializer& initializer = graph.initializer(graph.value(id).initializer);
    initializer.trainable = entry.at(0).get<bool>();
    initializer.distribution = {};
    if (entry.size() < 3) continue;
    const auto kind = text::distribution_from_name(entry.at(1).get<std::string>());
    if (!kind.has_value()) throw UserError("an unknown distribution '" + entry.at(1).get<std::string>() + "'");
    initializer.distribution = {*kind, entry.at(2).get<double>()};
  }
}

void apply_states(Graph& graph, const Names& names, const Json& json) {
  for (const Json& entry : json) {
    State state;
    state.input = names.value(entry.at("input").get<std::string>());
    state.output = names.value(entry.at("output").get<std::string>());
    if (state.input == kNone || state.output == kNone) continue;
    if (entry.contains("grows")) state.growth_axis = entry.at("grows").get<int>();
    if (state.growth_axis < kNone || state.growth_axis >= kMaximumRank)
      throw UserError("a state that grows along axis " + std::to_string(state.growth_axis));
    if (entry.contains("initial"))
      state.initial = std::make_shared<const Tensor>(tensor_from_json(entry.at("initial")));
    graph.states.push_back(std::move(state));
  }
}

void apply(Graph& graph, const Json& json, int depth) {
  if (depth > kMaximumDepth) throw UserError("graphs nested deeper than 32");
  const Names names(graph);
  std::vector<std::pair<NodeId, int32_t>> scopes;
  if (json.contains("parameters")) apply_parameters(graph, names, json.at("parameters"));
  if (json.contains("formats")) {
    for (const auto& [name, format] : json.at("formats").items()) {
      if (const ValueId id = names.value(name); id != kNone) graph.value(id).format = format.get<std::string>();
    }
  }
  if (json.contains("scopes")) {
    for (const auto& [name, scope] : json.at("scopes").items()) {
      if (const NodeId id = names.node(name); id != kNone)
        graph.node(id).scope = graph.add_scope(scope.get<std::string>());
    }
  }
  if (json.contains("states")) apply_states(graph, names, json.at("states"));
  if (!json.contains("bodies")) return;
  for (const auto& [name, nested] : json.at("bodies").items()) {
    const size_t slash = name.rfind('/');
    const NodeId id = slash == std::string::npos ? kNone : names.node(name.substr(0, slash));
    if (id == kNone) continue;
    for (Body& body : graph.node(id).bodies) {
      if (body.name != name.substr(slash + 1)) continue;
      auto copy = std::make_shared<Graph>(*body.graph);
      apply(*copy, nested, depth + 1);
      body.graph = std::move(copy);
    }
  }
}

}  // namespace

std::string_view scope_of_name(std::string_view node_name) {
  const size_t slash = node_name.rfind('/');
  if (slash == std::string_view::npos) return "";
  std::string_view scope = node_name.substr(0, slash);
  while (scope.starts_with('/')) scope.remove_prefix(1);
  return scope;
}

Json make_annotation(const Graph& graph, const std::vector<std::string>& value_names,
                     const std::vector<std::string>& node_names) {
  Json result;
  const auto name_of = [&](ValueId id) -> const std::string& { return value_names[static_cast<size_t>(id)]; };
  const std::vector<ParameterRole> roles = infer_parameter_roles(graph);
  for (size_t i = 0; i < roles.size(); ++i) {
    const Initializer& initializer = graph.initializers()[i];
    if (name_of(initializer.value).empty() ||
        roles[i] == ParameterRole{initializer.trainable, initializer.distribution})
      continue;
    result["parameters"][name_of(initializer.value)] = parameter_json(initializer);
  }
  for (size_t i = 0; i < graph.values().size(); ++i) {
    if (!graph.values()[i].format.empty() && !value_names[i].empty())
      result["formats"][value_names[i]] = graph.values()[i].format;
  }
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!node.dead && scope_of_name(node_names[i]) != graph.scope(node.scope))
      result["scopes"][node_names[i]] = graph.scope(node.scope);
  }
  for (const State& state : graph.states) {
    Json entry = {{"input", name_of(state.input)}, {"output", name_of(state.output)}};
    if (state.growth_axis != kNone) entry["grows"] = state.growth_axis;
    if (state.initial != nullptr) entry["initial"] = tensor_json(*state.initial);
    result["states"].push_back(entry);
  }
  return result;
}

void apply_annotation(Graph& graph, const std::string& text, const std::string& origin) {
  try {
    const Json json = parse_json(text, origin + ": metadata '" + std::string(kAnnotationKey) + "'");
    if (!json.is_object()) throw UserError("expected an object");
    apply(graph, json, 0);
  } catch (const Json::exception& error) {
    throw UserError(origin + ": metadata '" + std::string(kAnnotationKey) +
                    "' is no annotation of nacre: " + error.what());
  } catch (const UserError& error) {
    const std::string message = error.what();
    if (message.starts_with(origin)) throw;
    throw UserError(origin + ": metadata '" + std::string(kAnnotationKey) + "' has " + message);
  }
}

}  // namespace nacre
