#include "nacre/app/page/html.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

#include "nacre/app/table.hpp"
#include "nacre/base/error.hpp"

namespace nacre::html {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct CodePoint {
  uint32_t value = 0;
  size_t length = 0;  // 0: not UTF-8
};

// Decodes strictly: no overlong forms, no surrogates, nothing past U+10FFFF.
CodePoint decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {};
  uint32_t value = first & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3FU);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[length] || (value >= 0xD800 && value < 0xE000) || value > 0x10FFFF) return {};
  return {value, length};
}

bool is_shown(uint32_t value) {
  if (value == '\t' || value == '\n') return true;
  if (value < 0x20 || (value >= 0x7F && value < 0xA0)) return false;
  return !(value >= 0x202A && value <= 0x202E) && !(value >= 0x2066 && value <= 0x2069);  // reorder text
}

// A spread is not known better than that.
double two_digits(double value) {
  if (value == 0) return 0;
  const double unit = std::pow(10, std::floor(std::log10(std::abs(value))) - 1);
  return std::round(value / unit) * unit;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string result;
  result.reserve(text.size() + text.size() / 8);
  while (!text.empty()) {
    const CodePoint point = decode(text);
    const size_t length = point.length == 0 ? 1 : point.length;
    switch (point.value) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default: result += point.length != 0 && is_shown(point.value) ? text.substr(0, length) : kReplacement;
    }
    text.remove_prefix(length);
  }
  return result;
}

std::string element(std::string_view tag, std::string_view attributes, std::string_view content) {
  return fmt::format("<{}{}{}>{}</{}>", tag, attributes.empty() ? "" : " ", attributes, content, tag);
}

std::string quantity_in_words(double value, const std::string& metric, const std::string& unit) {
  std::string text = escape(quantity_text(value, metric, unit));
  const size_t space = text.rfind(' ');
  return space == std::string::npos ? text : text.replace(space, 1, "\u00a0");  // number and unit stay together
}

std::string quantity(std::optional<double> value, const std::string& metric, const std::string& unit) {
  if (!value || !std::isfinite(*value)) return element("span", "class=unknown", "unknown");
  return element("data", fmt::format("value=\"{}\"", *value), quantity_in_words(*value, metric, unit));
}

std::string quantity(const Metric& metric, const std::string& name) {
  std::string text = quantity(metric.value, name, metric.unit);
  if (metric.value && metric.spread && std::isfinite(*metric.spread)) {
    text +=
        element("span", "class=spread", " ±\u00a0" + quantity_in_words(two_digits(*metric.spread), name, metric.unit));
  }
  return text;
}

std::string quantity_of(const Metrics& metrics, const MetricSpec& spec) {
  const auto found = metrics.find(spec.name);
  if (found == metrics.end()) return quantity(std::nullopt, spec.name, spec.unit);
  Metric metric = found->second;
  if (metric.unit.empty()) metric.unit = spec.unit;
  return quantity(metric, spec.name);
}

std::string script_json(const Json& json) {
  std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '<': result += "\\u003c"; break;
      case '>': result += "\\u003e"; break;
      case '&': result += "\\u0026"; break;
      default: result += c;
    }
  }
  return result;
}

std::string relative_link(std::string_view path, std::string_view text) {
  std::string target = "./";  // so that nothing before the first colon is a scheme
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    target += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return element("a", "href=\"" + target + "\"", escape(text));
}

namespace {

std::string cell_class(const Column& column) {
  if (column.number && column.minor) return "class=\"number minor\"";
  if (column.text && column.minor) return "class=\"text minor\"";
  return column.number ? "class=number" : column.text ? "class=text" : column.minor ? "class=minor" : "";
}

}  // namespace

void Table::add(const std::vector<std::string>& cells, std::string_view row_attributes) {
  NACRE_CHECK(cells.size() == columns_.size(), "a row of another width: " + caption_);
  std::string row;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string type = cell_class(columns_[i]);
    row += i == 0 ? element("th", "scope=row " + type, cells[i]) : element("td", type, cells[i]);
  }
  rows_ += element("tr", row_attributes, row) + "\n";
}

std::string Table::text(std::string_view table_attributes) const {
  std::string headers;
  for (const Column& column : columns_) {
    headers += element("th", "scope=col " + cell_class(column), column.header);
  }
  const std::string table =
      element("caption", escape(caption_)) + element("thead", element("tr", headers)) + "\n" + element("tbody", rows_);
  const std::string region = "class=scroll tabindex=0 role=region aria-label=\"" + escape(caption_) + "\"";
  return element("div", region, element("table", table_attributes, table)) + "\n";
}

}  // namespace nacre::html
