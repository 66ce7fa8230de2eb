#include "nacre/base/options.hpp"

#include <algorithm>
#include <cmath>

namespace nacre {
namespace {

std::string number_text(double value) { return Json(value).dump(); }

std::string range_text(const Parameter& parameter) {
  const bool low = std::isfinite(parameter.minimum);
  const bool high = std::isfinite(parameter.maximum);
  const auto shown = [&](double bound) {
    const bool integral = parameter.type == ParameterType::integer || parameter.type == ParameterType::integer_list;
    return integral ? std::to_string(static_cast<int64_t>(bound)) : number_text(bound);
  };
  if (low && high) return shown(parameter.minimum) + " .. " + shown(parameter.maximum);
  if (low) return ">= " + shown(parameter.minimum);
  if (high) return "<= " + shown(parameter.maximum);
  return "";
}

void check_range(const Parameter& parameter, double value, const ConfigNode& node, const std::string& what) {
  if (std::isnan(value) || value < parameter.minimum || value > parameter.maximum) {
    throw UserError(node.position, what + ": expected a number " + range_text(parameter) + ", found " + node.scalar);
  }
}

Json read_scalar(const Parameter& parameter, ParameterType type, const ConfigNode& node, const std::string& what) {
  switch (type) {
    case ParameterType::boolean: return node.as_boolean(what);
    case ParameterType::integer: {
      const int64_t value = node.as_integer(what);
      check_range(parameter, static_cast<double>(value), node, what);
      return value;
    }
    case ParameterType::real: {
      const double value = node.as_real(what);
      check_range(parameter, value, node, what);
      return value;
    }
    default: {
      std::string value = node.as_text(what);
      if (!parameter.choices.empty() && std::ranges::find(parameter.choices, value) == parameter.choices.end()) {
        throw UserError(node.position, unknown_name_message("value of " + what, value, parameter.choices));
      }
      return value;
    }
  }
}

Json read_value(const Parameter& parameter, const ConfigNode& node, const std::string& what) {
  if (parameter.type == ParameterType::any) return node.as_json();
  ParameterType item_type = parameter.type;
  if (parameter.type == ParameterType::integer_list) item_type = ParameterType::integer;
  if (parameter.type == ParameterType::real_list) item_type = ParameterType::real;
  if (parameter.type == ParameterType::text_list) item_type = ParameterType::text;
  if (item_type == parameter.type) return read_scalar(parameter, item_type, node, what);
  Json list = Json::array();
  if (node.kind == ConfigNode::Kind::scalar) {  // one item may stand without brackets
    list.push_back(read_scalar(parameter, item_type, node, what));
  } else if (node.kind == ConfigNode::Kind::sequence) {
    for (const ConfigNode& item : node.items) list.push_back(read_scalar(parameter, item_type, item, what));
  } else {
    throw UserError(node.position, what + ": expected a list");
  }
  return list;
}

}  // namespace

std::string_view parameter_type_name(ParameterType type) {
  switch (type) {
    case ParameterType::boolean: return "true/false";
    case ParameterType::integer: return "integer";
    case ParameterType::real: return "number";
    case ParameterType::text: return "text";
    case ParameterType::integer_list: return "list of integers";
    case ParameterType::real_list: return "list of numbers";
    case ParameterType::text_list: return "list of words";
    case ParameterType::any: return "map";
  }
  return "?";
}

const Json& Options::value(std::string_view name) const {
  const auto found = values_.find(name);
  NACRE_CHECK(found != values_.end(), "option '" + std::string(name) + "' has no record");
  return *found;
}

bool Options::has(std::string_view name) const { return !value(name).is_null(); }
bool Options::given(std::string_view name) const { return nodes_.find(name) != nodes_.end(); }
bool Options::boolean(std::string_view name) const { return value(name).get<bool>(); }
int64_t Options::integer(std::string_view name) const { return value(name).get<int64_t>(); }
double Options::real(std::string_view name) const { return value(name).get<double>(); }
std::string Options::text(std::string_view name) const { return value(name).get<std::string>(); }
std::vector<int64_t> Options::integers(std::string_view name) const { return value(name).get<std::vector<int64_t>>(); }
std::vector<double> Options::reals(std::string_view name) const { return value(name).get<std::vector<double>>(); }
std::vector<std::string> Options::texts(std::string_view name) const {
  return value(name).get<std::vector<std::string>>();
}

const ConfigNode& Options::node(std::string_view name) const {
  static const ConfigNode kNothing;
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? kNothing : found->second;
}

SourcePosition Options::position(std::string_view name) const { return node(name).position; }

Options resolve_options(const ConfigNode& node, const std::vector<Parameter>& parameters, std::string_view owner,
                        const std::vector<std::string>& also_accepted) {
  if (!node.is_null() && !node.is_map()) {
    throw UserError(node.position, std::string(owner) + ": expected a map of keys and values");
  }
  std::vector<std::string> accepted = also_accepted;
  for (const Parameter& parameter : parameters) accepted.push_back(parameter.name);
  for (const auto& [key, value] : node.entries) {
    if (std::ranges::find(accepted, key) == accepted.end()) {
      throw UserError(value.key_position, unknown_name_message("key of " + std::string(owner), key, accepted));
    }
  }
  Options options;
  for (const Parameter& parameter : parameters) {
    const std::string what = std::string(owner) + "." + parameter.name;
    const ConfigNode* given = node.find(parameter.name);
    if (given != nullptr && !given->is_null()) {
      options.values_[parameter.name] = read_value(parameter, *given, what);
      options.nodes_[parameter.name] = *given;
    } else if (parameter.required) {
      throw UserError(node.position, "missing key " + what + " (" + parameter.description + ")");
    } else {
      options.values_[parameter.name] = parameter.default_value;
    }
  }
  return options;
}

Options default_options(const std::vector<Parameter>& parameters, std::string_view owner) {
  return resolve_options(ConfigNode{}, parameters, owner);
}

Options options_from_json(const Json& values, const std::vector<Parameter>& parameters, std::string_view owner) {
  return resolve_options(config_from_json(values, "stored " + std::string(owner)), parameters, owner);
}

std::string parameters_markdown(const std::vector<Parameter>& parameters) {
  std::string text = "| key | type | default | accepted | meaning |\n| --- | --- | --- | --- | --- |\n";
  for (const Parameter& parameter : parameters) {
    std::string accepted = range_text(parameter);
    for (const std::string& choice : parameter.choices) accepted += (accepted.empty() ? "" : ", ") + choice;
    const std::string initial = parameter.required                    ? "required"
                                : parameter.default_value.is_null()   ? ""
                                : parameter.default_value.is_string() ? parameter.default_value.get<std::string>()
                                                                      : parameter.default_value.dump();
    text += "| `" + parameter.name + "` | " + std::string(parameter_type_name(parameter.type)) +
            (parameter.unit.empty() ? "" : " (" + parameter.unit + ")") + " | " + initial + " | " + accepted + " | " +
            parameter.description + " |\n";
  }
  return text;
}

}  // namespace nacre
