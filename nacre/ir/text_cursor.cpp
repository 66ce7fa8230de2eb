#include "nacre/ir/text_cursor.hpp"

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <limits>

#include "nacre/ir/text_lexicon.hpp"

namespace nacre::text {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word_char(char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '/'; }

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

template <class T>
bool parse_real(std::string_view text, T& value) {
  if (text == "nan") {
    value = std::numeric_limits<T>::quiet_NaN();
    return true;
  }
  if (text == "inf" || text == "-inf") {
    value = text[0] == '-' ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
    return true;
  }
  return !text.empty() && !is_letter(text.back()) && parse_number(text, value);
}

}  // namespace

void Cursor::skip_space() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
    ++at_;
}

bool Cursor::at_end() {
  skip_space();
  return at_ == text_.size();
}

char Cursor::peek() { return at_end() ? '\0' : text_[at_]; }

bool Cursor::take(std::string_view token) {
  skip_space();
  if (text_.substr(at_, token.size()) != token) return false;
  at_ += token.size();
  return true;
}

void Cursor::expect(std::string_view token) {
  if (!take(token)) fail_expected("'" + std::string(token) + "'");
}

template <class Accept>
std::string Cursor::run_of(Accept accept) {
  skip_space();
  const size_t begin = at_;
  while (at_ < text_.size() && accept(text_[at_])) ++at_;
  return std::string(text_.substr(begin, at_ - begin));
}

bool Cursor::at_word(std::string_view word) {
  skip_space();
  if (text_.substr(at_, word.size()) != word) return false;
  const size_t end = at_ + word.size();
  return end == text_.size() || !is_word_char(text_[end]);
}

bool Cursor::take_word(std::string_view word) {
  if (!at_word(word)) return false;
  at_ += word.size();
  return true;
}

bool Cursor::at_name() {
  const char c = peek();
  return is_letter(c) || c == '/' || c == '"';
}

std::string Cursor::word(const char* what) {
  const char c = peek();
  if (!is_letter(c) && c != '/') fail_expected(what);
  return run_of(is_word_char);
}

std::string Cursor::name(const char* what) {
  if (peek() == '"') return string(what);
  const size_t begin = at_;
  std::string result = word(what);
  if (is_keyword(result))
    fail_at(begin, "'" + result + "' is a word of the text form; a name like this is written in quotes");
  return result;
}

std::string Cursor::path(const char* what) {
  if (peek() == '"') return string(what);
  std::string result = run_of([](char c) { return is_word_char(c) || c == '-' || c == ':'; });
  if (result.empty()) fail_expected(what);
  return result;
}

std::string Cursor::dimension() {
  return run_of([](char c) { return is_word_char(c) || std::string_view("+-*():").find(c) != std::string_view::npos; });
}

std::string Cursor::string(const char* what) {
  if (peek() != '"') fail_expected(what);
  const size_t begin = at_++;
  std::string result;
  while (true) {
    if (at_ == text_.size()) fail_at(begin, "a string without a closing quote");
    const char c = text_[at_++];
    if (c == '"') return result;
    if (c != '\\') {
      result += c;
      continue;
    }
    const char escape = at_ < text_.size() ? text_[at_++] : '\0';
    switch (escape) {
      case '"':
      case '\\': result += escape; break;
      case 'n': result += '\n'; break;
      case 'r': result += '\r'; break;
      case 't': result += '\t'; break;
      case 'x': {
        unsigned value = 0;
        const char* first = text_.data() + at_;
        const char* last = text_.data() + std::min(text_.size(), at_ + 2);
        const auto [end, error] = std::from_chars(first, last, value, 16);
        if (error != std::errc{} || end != first + 2) fail_at(at_, "\\x needs two hexadecimal digits");
        result += static_cast<char>(value);
        at_ += 2;
        break;
      }
      default: fail_at(at_ - 1, "an unknown escape in a string; known are \\\" \\\\ \\n \\r \\t \\xNN");
    }
  }
}

bool Cursor::at_number() {
  const char c = peek();
  if (is_digit(c) || c == '-') return true;
  for (const std::string_view special : {"inf", "nan"}) {
    if (text_.substr(at_, 3) != special) continue;
    const char after = at_ + 3 < text_.size() ? text_[at_ + 3] : ' ';
    if (!is_word_char(after) || (special == "nan" && after == '_')) return true;
  }
  return false;
}

std::string Cursor::number(const char* what) {
  if (!at_number()) fail_expected(what);
  std::string result;
  if (peek() == '-') result += text_[at_++];
  result += run_of([&](char c) { return is_word_char(c) || c == '+' || c == '-'; });
  return result;
}

int64_t Cursor::integer(const char* what) {
  if (!at_number()) fail_expected(what);
  const size_t begin = at_;
  int64_t value = 0;
  if (const std::string digits = number(what); !parse_integer(digits, value))
    fail_at(begin, "expected " + std::string(what) + ", found '" + digits + "'");
  return value;
}

SourcePosition Cursor::position(size_t offset) const {
  SourcePosition result{origin_, 1, 1};
  for (size_t i = 0; i < offset && i < text_.size(); ++i) {
    if (text_[i] == '\n') {
      ++result.line;
      result.column = 1;
    } else {
      ++result.column;
    }
  }
  return result;
}

void Cursor::fail_expected(const std::string& what) {
  if (at_end()) fail("expected " + what + ", found the end of the text");
  size_t end = at_;
  while (end < text_.size() && end - at_ < 24 && is_word_char(text_[end])) ++end;
  fail("expected " + what + ", found '" + std::string(text_.substr(at_, std::max<size_t>(1, end - at_))) + "'");
}

bool parse_integer(std::string_view text, int64_t& value) { return parse_number(text, value); }
bool parse_unsigned(std::string_view text, uint64_t& value) { return parse_number(text, value); }

bool parse_float(std::string_view text, float& value) {
  if (text.starts_with("nan_") && text.size() <= 12) {
    uint32_t bits = 0;
    const auto [end, error] = std::from_chars(text.data() + 4, text.data() + text.size(), bits, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return false;
    value = std::bit_cast<float>(bits);
    return true;
  }
  return parse_real(text, value);
}

bool parse_double(std::string_view text, double& value) { return parse_real(text, value); }

bool is_real_text(std::string_view text) { return text.find_first_of(".en") != std::string_view::npos; }

}  // namespace nacre::text
