#include "nacre/app/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace nacre {
namespace {

size_t display_width(const std::string& text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string scaled(double value, const std::vector<std::pair<double, const char*>>& steps) {
  if (value == 0) return fmt::format("0 {}", steps.front().second);
  for (const auto& [size, suffix] : steps) {
    if (std::abs(value) >= size) return fmt::format("{:.4g} {}", value / size, suffix);
  }
  return fmt::format("{:.4g} {}", value / steps.back().first, steps.back().second);
}

}  // namespace

TextTable::TextTable(std::vector<std::string> headers) {
  for (std::string& header : headers) {
    right_.push_back(header.starts_with('>'));
    if (right_.back()) header.erase(0, 1);
  }
  rows_.push_back(std::move(headers));
}

void TextTable::add(std::vector<std::string> cells) {
  cells.resize(right_.size());
  rows_.push_back(std::move(cells));
}

std::string TextTable::text() const {
  std::vector<size_t> widths(right_.size(), 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string text;
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string padding(widths[i] - display_width(rows_[r][i]), ' ');
      line += (i == 0 ? "" : "  ") + (right_[i] ? padding + rows_[r][i] : rows_[r][i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
    if (r == 0) {
      std::string rule;
      for (size_t i = 0; i < widths.size(); ++i) rule += (i == 0 ? "" : "  ") + std::string(widths[i], '-');
      text += rule + "\n";
    }
  }
  return text;
}

std::string quantity_text(double value, const std::string& metric, const std::string& unit) {
  if (std::isnan(value)) return "nan";
  if (unit == "s") return scaled(value, {{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}});
  if (unit == "J") return scaled(value, {{1, "J"}, {1e-3, "mJ"}, {1e-6, "µJ"}, {1e-9, "nJ"}});
  if (unit == "B")
    return std::abs(value) < 1024 ? fmt::format("{:.0f} B", value)
                                  : scaled(value, {{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}});
  if (metric.find("accuracy") != std::string::npos) return fmt::format("{:.2f} %", 100 * value);
  if (unit.empty() && value == std::floor(value) && std::abs(value) < 10000) return fmt::format("{:.0f}", value);
  if (unit.empty() && std::abs(value) >= 10000) return scaled(value, {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}});
  return fmt::format("{:.4g}{}{}", value, unit.empty() ? "" : " ", unit);
}

}  // namespace nacre
