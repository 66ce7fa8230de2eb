#include "nacre/data/csv_scanner.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr size_t kMaximumFields = 1'000'000;

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

class Scanner {
 public:
  Scanner(std::string_view text, char separator, const std::string& origin)
      : text_(text), separator_(separator), origin_(origin) {
    if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);  // byte order mark
  }

  bool next(CsvRow& row) {
    while (at_ < text_.size()) {
      fields_.clear();
      unquoted_.clear();
      row.line = line_;
      read_row();
      if (fields_.size() == 1 && fields_[0].empty() && unquoted_.empty()) continue;  // blank line
      row.fields = fields_;
      return true;
    }
    return false;
  }

 private:
  void read_row() {
    for (;;) {
      fields_.push_back(read_field());
      if (fields_.size() > kMaximumFields) fail("more than a million fields");
      if (at_ >= text_.size()) return;
      if (text_[at_++] == '\n') {
        ++line_;
        return;
      }
    }
  }

  // Leaves at_ on the separator, the newline, or the end.
  std::string_view read_field() {
    size_t start = at_;
    while (start < text_.size() && text_[start] == ' ') ++start;
    if (start < text_.size() && text_[start] == '"') return read_quoted(start + 1);
    size_t end = at_;
    while (end < text_.size() && text_[end] != separator_ && text_[end] != '\n') ++end;
    const std::string_view field = trimmed(text_.substr(at_, end - at_));
    at_ = end;
    return field;
  }

  std::string_view read_quoted(size_t start) {
    const int first_line = line_;
    std::string& content = unquoted_.emplace_back();
    size_t i = start;
    for (; i < text_.size(); ++i) {
      if (text_[i] == '"') {
        if (i + 1 >= text_.size() || text_[i + 1] != '"') break;
        ++i;  // a doubled quote is one quote
      }
      if (text_[i] == '\n') ++line_;
      content.push_back(text_[i]);
    }
    if (i >= text_.size()) {
      line_ = first_line;
      fail("a quoted field is not closed");
    }
    at_ = i + 1;
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\r') && text_[at_] != separator_) ++at_;
    if (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n') fail("text follows a closing quote");
    return content;
  }

  [[noreturn]] void fail(const std::string& message) const { throw UserError({origin_, line_, 0}, message); }

  std::string_view text_;
  char separator_;
  const std::string& origin_;
  size_t at_ = 0;
  int line_ = 1;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unquoted_;  // a deque: views into it stay valid while it grows
};

}  // namespace

void scan_csv(std::string_view text, char separator, const std::string& origin,
              const std::function<bool(const CsvRow&)>& visit) {
  Scanner scanner(text, separator, origin);
  CsvRow row;
  while (scanner.next(row)) {
    if (!visit(row)) return;
  }
}

char detect_csv_separator(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  char best = ',';
  int64_t most = std::ranges::count(line, ',');
  for (const char separator : {';', '\t', '|'}) {
    const int64_t count = std::ranges::count(line, separator);
    if (count > most) {
      most = count;
      best = separator;
    }
  }
  return best;
}

bool parse_csv_number(std::string_view field, double& value) {
  if (field.starts_with('+')) field.remove_prefix(1);
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  return error == std::errc() && end == field.data() + field.size() && std::isfinite(value);
}

}  // namespace nacre
