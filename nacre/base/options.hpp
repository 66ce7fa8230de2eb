// Parameters as records: name, type, range, default and description stand in one place, and checking, help, the
// configuration reference and completion are made from it. A parameter that is not described cannot exist.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/config.hpp"
#include "nacre/base/json.hpp"

namespace nacre {

// `any` is a subtree that its owner checks itself (a user-defined space, a map of limits).
enum class ParameterType { boolean, integer, real, text, integer_list, real_list, text_list, any };

std::string_view parameter_type_name(ParameterType type);

struct Parameter {
  std::string name;
  ParameterType type = ParameterType::text;
  std::string description;       // one line; starts in lower case, no full stop
  Json default_value = nullptr;  // null: optional without a value, unless `required`
  bool required = false;
  double minimum = -std::numeric_limits<double>::infinity();  // of numbers and of list items
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices = {};  // accepted words, empty for any
  std::string unit = "";
};

// Values of parameters, checked against their records and completed with defaults.
class Options {
 public:
  Options() = default;

  bool has(std::string_view name) const;    // given or defaulted to something other than null
  bool given(std::string_view name) const;  // written by the user
  bool boolean(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  std::string text(std::string_view name) const;
  std::vector<int64_t> integers(std::string_view name) const;
  std::vector<double> reals(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  const ConfigNode& node(std::string_view name) const;  // of type any
  SourcePosition position(std::string_view name) const;

  // All values, defaults included, in the order of the records; what is stored with a study.
  const Json& json() const { return values_; }

 private:
  friend Options resolve_options(const ConfigNode&, const std::vector<Parameter>&, std::string_view,
                                 const std::vector<std::string>&);
  const Json& value(std::string_view name) const;

  Json values_ = Json::object();
  std::map<std::string, ConfigNode, std::less<>> nodes_;
};

// Checks the map `node` against `parameters`. Unknown keys (other than those in `also_accepted`, which somebody else
// reads), wrong types, values out of range and missing required keys are UserErrors with position. `owner` names the
// map in messages ("train", "strategy regularized_evolution"). A null node is an empty map.
Options resolve_options(const ConfigNode& node, const std::vector<Parameter>& parameters, std::string_view owner,
                        const std::vector<std::string>& also_accepted = {});
// Every parameter at its default.
Options default_options(const std::vector<Parameter>& parameters, std::string_view owner);
// From values already in JSON (a stored study, a job sent to a worker).
Options options_from_json(const Json& values, const std::vector<Parameter>& parameters, std::string_view owner);

// Markdown table of the parameters, for the generated reference.
std::string parameters_markdown(const std::vector<Parameter>& parameters);

}  // namespace nacre
