#include "nacre/ir/parameter_roles.hpp"

#include <algorithm>
#include <array>
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

}  // namespace nacre
