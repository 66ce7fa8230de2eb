// JSON as nacre writes it: keys in order of insertion, so that files read as their authors meant them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace nacre {

using Json = nlohmann::ordered_json;

// Parses a text; a syntax error becomes a UserError that names `origin` (a file or "standard input"), line and column.
Json parse_json(std::string_view text, const std::string& origin);

}  // namespace nacre
