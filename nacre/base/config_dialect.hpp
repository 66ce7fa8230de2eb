// YAML as other tools write it: what parse_config refuses or drops, kept or mended.
//
// A tag on a map (`- !Component {name: a}`) becomes its first entry, under the key `!tag`: {"!tag": Component, name: a}; on a list
// or a word it is dropped. Of a key that stands twice the last holds, as Python's reader has it; each is named in `repeated`.
// Merge keys (`<<: *base`) are filled in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/config.hpp"

namespace nacre {

inline constexpr std::string_view kTagKey = "!tag";

struct DialectConfig {
  ConfigNode root;
  std::vector<std::string> repeated;  // "file:12:3: 'ports' stands there twice, the last is read"
};

// UserError as of parse_config.
DialectConfig parse_config_dialect(std::string_view yaml, const std::string& origin);

}  // namespace nacre
