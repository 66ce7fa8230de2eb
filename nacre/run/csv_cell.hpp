// One cell of a CSV file as RFC 4180 wants it.
#pragma once

#include <string>

namespace nacre {

// In quotes, inner ones doubled, where it holds a comma, a quote or a line break.
inline std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace nacre
