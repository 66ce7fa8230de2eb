// Words that the printer and the parser of the text form share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nacre/ir/graph.hpp"

namespace nacre::text {

// Letters, digits, _ . / after a letter, _ or /; not one of the form's own words.
bool is_bare_name(std::string_view name);
// A scope or node name that can stand bare after @ or #: letters, digits, _ . / - : only.
bool is_bare_path(std::string_view path);
// A symbol that can stand bare in a shape: an expression without spaces and commas.
bool is_bare_symbol(std::string_view symbol);
bool is_keyword(std::string_view word);

// "..." with \" \\ \n \r \t and \xNN for other control bytes; any byte sequence survives.
std::string quoted(std::string_view text);

std::string_view distribution_name(Distribution::Kind kind);
std::optional<Distribution::Kind> distribution_from_name(std::string_view name);

std::string base64(const void* data, size_t bytes);
// Nothing when `text` is not the base64 form of exactly `bytes` bytes.
std::optional<std::string> from_base64(std::string_view text, size_t bytes);

}  // namespace nacre::text
