// Splits delimited text into rows of fields, without copying fields that need no unquoting.
#pragma once

#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nacre {

struct CsvRow {
  int line = 0;                              // where the row begins, from 1
  std::span<const std::string_view> fields;  // trimmed; valid during the call
};

// Calls `visit` for every row that is not blank; false stops. UserError naming `origin` and line for an unclosed quote,
// text after a closing quote, or more than a million fields in a row.
void scan_csv(std::string_view text, char separator, const std::string& origin,
              const std::function<bool(const CsvRow&)>& visit);

// The separator among , ; tab | that splits the first line into most fields, and ',' when none does.
char detect_csv_separator(std::string_view text);

// The text as a finite number, or nothing.
bool parse_csv_number(std::string_view field, double& value);

}  // namespace nacre
