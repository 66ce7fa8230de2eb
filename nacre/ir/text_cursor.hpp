// A place in a graph text, and the tokens that can be read from it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/error.hpp"

namespace nacre::text {

// Every reading skips white space first; a failure is a UserError with line and column.
class Cursor {
 public:
  Cursor(std::string_view text, const std::string& origin) : text_(text), origin_(origin) {}

  size_t offset() const { return at_; }
  bool at_end();
  char peek();                        // '\0' at the end
  bool take(std::string_view token);  // a punctuation mark
  void expect(std::string_view token);
  bool at_word(std::string_view word);  // a whole word
  bool take_word(std::string_view word);
  std::string word(const char* what);    // letters, digits, _ . /
  std::string name(const char* what);    // a word that is no keyword, or a quoted string
  std::string path(const char* what);    // after @ and #
  std::string string(const char* what);  // quoted
  std::string dimension();               // the characters of a number or of an expression over symbols
  std::string number(const char* what);  // the characters of a number, or inf, -inf, nan, nan_<hex>
  int64_t integer(const char* what);
  bool at_number();
  bool at_name();

  [[noreturn]] void fail(const std::string& message) const { fail_at(at_, message); }
  [[noreturn]] void fail_at(size_t offset, const std::string& message) const {
    throw UserError(position(offset), message);
  }
  SourcePosition position(size_t offset) const;
  // "expected <what>, found 'x'"
  [[noreturn]] void fail_expected(const std::string& what);

 private:
  void skip_space();
  template <class Accept>
  std::string run_of(Accept accept);

  std::string_view text_;
  const std::string& origin_;
  size_t at_ = 0;
};

// The value of a number's text; nothing when it is no such number or out of range.
bool parse_integer(std::string_view text, int64_t& value);
bool parse_unsigned(std::string_view text, uint64_t& value);
bool parse_float(std::string_view text, float& value);
bool parse_double(std::string_view text, double& value);
bool is_real_text(std::string_view text);  // has a point, an exponent, or is inf or nan

}  // namespace nacre::text
