#include "nacre/ir/parameter_roles.hpp"

#include <algorithm>
#include <array>
#include <numbers>
#include <string_view>

namespace nacre {
namespace {

enum class Use : uint8_t { weight, setting, scale, running_mean, running_variance };

// Inputs of an operator from `first` on are settings, not weights.
struct SettingRow {
  std::string_view op;
  size_t first;
};

constexpr std::array kSettings = {
    SettingRow{"Clip", 1},    SettingRow{"Resize", 1},         SettingRow{"Pad", 1},
    SettingRow{"Dropout", 1}, SettingRow{"QuantizeLinear", 1}, SettingRow{"DequantizeLinear", 1},
    SettingRow{"OneHot", 1},  SettingRow{"Range", 0},          SettingRow{"Reshape", 1}};

Use use_of(const Node& node, size_t input) {
  if (!node.domain.empty()) return Use::weight;
  if (node.op == "BatchNormalization")
    return input == 1 ? Use::scale : input == 3 ? Use::running_mean : input == 4 ? Use::running_variance : Use::weight;
  const bool normalization =
      node.op == "LayerNormalization" || node.op == "InstanceNormalization" || node.op == "GroupNormalization";
  if (normalization) return input == 1 ? Use::scale : Use::weight;
  for (const SettingRow& row : kSettings) {
    if (row.op == node.op) return input >= row.first ? Use::setting : Use::weight;
  }
  return Use::weight;
}

}  // namespace

std::vector<ParameterRole> infer_parameter_roles(const Graph& graph) {
  std::vector<ParameterRole> roles(graph.initializers().size());
  for (size_t i = 0; i < roles.size(); ++i) {
    const Initializer& initializer = graph.initializers()[i];
    const Value& value = graph.value(initializer.value);
    const int rank = value.shape.has_value() ? value.shape->rank() : 0;
    roles[i].trainable = is_floating(value.type) && rank > 0;
    if (initializer.data == nullptr && is_floating(value.type)) {
      roles[i].distribution.kind = rank > 1 ? Distribution::Kind::kaiming_normal_fan_in : Distribution::Kind::constant;
      roles[i].distribution.a = rank > 1 ? 1 : 0;
    }
  }
  for (const Node& node : graph.nodes()) {
    if (node.dead) continue;
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      const int32_t index = node.inputs[k] == kNone ? kNone : graph.value(node.inputs[k]).initializer;
      if (index == kNone) continue;
      ParameterRole& role = roles[static_cast<size_t>(index)];
      const bool absent = graph.initializers()[static_cast<size_t>(index)].data == nullptr;
      switch (use_of(node, k)) {
        case Use::weight: break;
        case Use::setting: role.trainable = false; break;
        case Use::scale:
          if (absent) role.distribution = {Distribution::Kind::constant, 1};
          break;
        case Use::running_mean: role = {false, {Distribution::Kind::constant, 0}}; break;
        case Use::running_variance: role = {false, {Distribution::Kind::constant, 1}}; break;
      }
    }
  }
  return roles;
}

std::vector<Distribution> fresh_distributions(const Graph& graph) {
  Graph empty = graph;
  for (size_t i = 0; i < empty.initializers().size(); ++i) {
    Initializer& initializer = empty.initializer(static_cast<int32_t>(i));
    if (initializer.trainable) initializer.data = nullptr;
  }
  std::vector<ParameterRole> roles = infer_parameter_roles(empty);
  for (const Node& node : graph.nodes()) {
    if (node.dead || !node.domain.empty() || (node.op != "Mul" && node.op != "Div" && node.op != "PRelu")) continue;
    for (const ValueId input : node.inputs) {  // a factor of 0 would silence what it is multiplied with
      const int32_t index = input == kNone ? kNone : graph.value(input).initializer;
      if (index != kNone) roles[static_cast<size_t>(index)].distribution = {};
    }
  }
  std::vector<Distribution> distributions;
  for (size_t i = 0; i < roles.size(); ++i) {
    const Initializer& initializer = graph.initializers()[i];
    Distribution distribution = roles[i].distribution;
    if (distribution.kind == Distribution::Kind::kaiming_normal_fan_in) distribution.a = std::numbers::sqrt2;
    if (initializer.distribution.kind != Distribution::Kind::none) distribution = initializer.distribution;
    distributions.push_back(distribution);
  }
  return distributions;
}

}  // namespace nacre
