// Plain text tables for the terminal: columns padded, numbers to the right.
#pragma once

#include <string>
#include <vector>

namespace nacre {

class TextTable {
 public:
  // A header that begins with '>' is a right-aligned column.
  explicit TextTable(std::vector<std::string> headers);
  void add(std::vector<std::string> cells);
  std::string text() const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

// "12.3 k", "1.05 M": counts; "1.24 ms", "813 µs": seconds; "3.4 kB": bytes; "97.21 %": shares; "0 s". By unit and
// name.
std::string quantity_text(double value, const std::string& metric, const std::string& unit);

}  // namespace nacre
