// A YAML document as a plain tree whose every node knows where it was written, so that errors can point at it.
//
// yaml-cpp stays behind this file. Aliases are expanded under a bound on the number of nodes, duplicate keys and
// non-scalar keys are refused, nesting is bounded: a hostile file gives a UserError, never a crash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nacre/base/error.hpp"
#include "nacre/base/json.hpp"

namespace nacre {

struct ConfigNode {
  enum class Kind { null, scalar, sequence, map };

  // Defined in the source: a type that holds pairs of itself is complete only there (clang insists).
  ConfigNode();
  ConfigNode(const ConfigNode&);
  ConfigNode(ConfigNode&&) noexcept;
  ConfigNode& operator=(const ConfigNode&);
  ConfigNode& operator=(ConfigNode&&) noexcept;
  ~ConfigNode();

  Kind kind = Kind::null;
  std::string scalar;                                       // text of a scalar as written, without quotes
  bool quoted = false;                                      // "'8'" is text, 8 is a number
  std::vector<ConfigNode> items;                            // of a sequence
  std::vector<std::pair<std::string, ConfigNode>> entries;  // of a map, in the order written
  SourcePosition position;                                  // of the value
  SourcePosition key_position;                              // of the key, for an entry of a map

  bool is_null() const { return kind == Kind::null; }
  bool is_map() const { return kind == Kind::map; }
  const ConfigNode* find(std::string_view key) const;
  // Throws InternalError when absent: for keys that were checked before.
  const ConfigNode& at(std::string_view key) const;

  // Typed readings; UserError with the position when the node is something else. `what` names the key in the message.
  std::string as_text(std::string_view what) const;
  int64_t as_integer(std::string_view what) const;  // accepts 20000, 20_000, 2e4; refuses 1.5
  double as_real(std::string_view what) const;
  bool as_boolean(std::string_view what) const;
  // Scalars become numbers, booleans, null or text as YAML 1.2's core schema has it.
  Json as_json() const;
};

ConfigNode parse_config(std::string_view yaml, const std::string& origin);
ConfigNode load_config(const std::filesystem::path& path);

// Applies "search.trials=32": the value is YAML, missing maps on the way are created; null takes the key out. Positions become
// "--set ...".
void override_config(ConfigNode& root, std::string_view assignment);

// A JSON value as a tree without lines, so that a stored configuration is read by the same code as a file.
ConfigNode config_from_json(const Json& value, const std::string& origin);

// YAML text of a JSON value (block style), e.g. of a resolved configuration; parse_config reads it back equal.
std::string yaml_text(const Json& value);

}  // namespace nacre
