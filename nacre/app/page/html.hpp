// HTML written safely: text is escaped where it enters, elements are closed by construction.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/json.hpp"
#include "nacre/design/metrics.hpp"

namespace nacre::html {

// For text and quoted attributes. Bytes that are not UTF-8, control characters and characters that reorder text become
// the replacement character.
std::string escape(std::string_view text);

// <tag attributes>content</tag>; `attributes` and `content` are HTML already.
std::string element(std::string_view tag, std::string_view attributes, std::string_view content);
inline std::string element(std::string_view tag, std::string_view content) { return element(tag, "", content); }
inline std::string paragraph(std::string_view text) { return element("p", escape(text)); }

// "97.21 %", not broken between number and unit.
std::string quantity_in_words(double value, const std::string& metric, const std::string& unit);
// A value for people, machine-readable beside it: <data value="0.00021">210 us</data>; "unknown" in a muted voice.
std::string quantity(std::optional<double> value, const std::string& metric, const std::string& unit);
// As above with "± spread" where there is one.
std::string quantity(const Metric& metric, const std::string& name);
// The metric's value, or unknown when it is not there.
std::string quantity_of(const Metrics& metrics, const MetricSpec& spec);

// Inside <script type="application/json">: ASCII only, no character that could end the element.
std::string script_json(const Json& json);

// Relative path as a link target: percent-encoded, never a scheme.
std::string relative_link(std::string_view path, std::string_view text);

struct Column {
  std::string header;  // HTML
  bool number = false;
  bool minor = false;  // left out on narrow screens; the same numbers stand elsewhere
  bool text = false;   // of several words: not squeezed to one word a line
};

// A table that scrolls sideways in itself when it is wider than the page. Cells are HTML; the first of a row is its header.
class Table {
 public:
  Table(std::string caption, std::vector<Column> columns)
      : caption_(std::move(caption)), columns_(std::move(columns)) {}
  void add(const std::vector<std::string>& cells, std::string_view row_attributes = "");
  bool empty() const { return rows_.empty(); }
  std::string text(std::string_view table_attributes = "") const;

 private:
  std::string caption_;  // plain text
  std::vector<Column> columns_;
  std::string rows_;
};

}  // namespace nacre::html
