// The two kinds of error nacre throws, and the words they share.
//
// UserError: the input (configuration, model, data, command line) is at fault. The message says what, where and what to
// do; the program exits with 2. InternalError: nacre is at fault; the message gives the place in the source. Libraries
// throw, they never exit or print. Messages begin in lower case, give expected and found values, and end without a stop.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace nacre {

// A place in a text that the user wrote. Lines and columns count from 1; 0 means "not known".
struct SourcePosition {
  std::string file;
  int line = 0;
  int column = 0;

  bool known() const { return !file.empty(); }
  // "study.yaml:14:9", "study.yaml" or "".
  std::string text() const;
};

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class UserError : public Error {
 public:
  explicit UserError(const std::string& message) : Error(message) {}
  UserError(const SourcePosition& position, const std::string& message);
};

class InternalError : public Error {
 public:
  explicit InternalError(const std::string& message) : Error(message) {}
};

// The user (Ctrl-C) or the parent process asked for the work to stop; exit code 130.
class Interrupted : public Error {
 public:
  Interrupted() : Error("interrupted") {}
};

// The candidate nearest to `word` by edit distance, or "" when none is near enough to be what was meant.
std::string nearest_name(std::string_view word, std::span<const std::string> candidates);

// "unknown <what> '<word>'; did you mean '<nearest>'? (<hint>)", or the list of what is accepted when nothing is near.
std::string unknown_name_message(std::string_view what, std::string_view word, std::span<const std::string> candidates,
                                 std::string_view hint = "");

namespace detail {
[[noreturn]] void fail_check(const char* expression, const char* file, int line, const std::string& message);
}

}  // namespace nacre

// States an invariant of nacre itself; a violation throws InternalError with the place. Never for user input.
#define NACRE_CHECK(condition, ...)                                                                          \
  do {                                                                                                       \
    if (!(condition)) ::nacre::detail::fail_check(#condition, __FILE__, __LINE__, std::string{__VA_ARGS__}); \
  } while (false)
