// A program run with its standard streams in nacre's hands: lines in, lines out, the end of stderr kept for messages.
//
//   Subprocess program({.arguments = {"python3", "strategy.py"}});
//   program.send({{"type", "ask"}});
//   const Heard heard = program.listen(60);      // a line, the end, or nothing within 60 s
//
// The program leads a process group: whatever it started is killed with it, when the time is up, when this object goes, and
// when nacre ends (then at least the program itself). run_subprocess does the whole for programs that are asked once.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/line_channel.hpp"

namespace nacre {

struct SubprocessOptions {
  std::vector<std::string> arguments;
  std::vector<std::string> environment = {};  // "NAME=value"
  std::filesystem::path folder = {};          // to run in
  size_t error_tail_bytes = 8192;             // of stderr that are kept
  size_t longest_line_bytes = 64 << 20;       // a longer line ends the program
  std::function<bool()> interrupted = {};     // asked ten times a second while listening; true throws Interrupted
};

struct Heard {
  enum class Kind {
    line,     // one line of standard output
    ended,    // the program is gone and everything it wrote was heard
    nothing,  // the time is up
  };
  Kind kind = Kind::nothing;
  std::string line;
};

class Subprocess {
 public:
  // UserError when the program cannot be started.
  explicit Subprocess(SubprocessOptions options);
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  pid_t pid() const { return pid_; }
  // Written at once as far as the program reads, the rest while listening. A program that reads no more is no error here.
  void send(const Json& message);
  void send_text(const std::string& text);
  void close_input();
  // UserError when a line is too long. What follows the last line's end is a line too, once the program has ended.
  Heard listen(double timeout_s);
  // Ends the program and all of its group: asks by SIGTERM, after `grace_s` SIGKILL. Harmless when it has ended.
  void stop(double grace_s = 0);
  // Of waitpid; only after `ended` or stop().
  int status() const { return status_; }
  bool succeeded() const;
  // The last lines that it wrote to standard error, without the final line's end.
  std::string error_tail() const;

 private:
  void exchange(double timeout_s);
  bool reap();
  void end_group();

  SubprocessOptions options_;
  pid_t pid_ = -1;
  bool reaped_ = false;
  int status_ = 0;
  LineChannel channel_{-1};
  int error_ = -1;  // descriptor of its stderr
  std::string error_text_;
};

struct FinishedProcess {
  int status = 0;  // of waitpid
  bool timed_out = false;
  std::string output;  // all of standard output
  std::string error;   // the end of standard error
  double time_s = 0;

  bool succeeded() const;
  // "left with exit code 3: no device found": how it ended and the last line of stderr; "took longer than 5 s ...".
  std::string failure_text(double timeout_s) const;
};

// Starts, writes `input`, waits for the end. More than `output_limit_bytes` on standard output is a UserError.
FinishedProcess run_subprocess(const SubprocessOptions& options, double timeout_s, const std::string& input = "",
                               size_t output_limit_bytes = 64 << 20);

// The last line of a text that is not blank, at most `limit` characters of it.
std::string last_line(const std::string& text, size_t limit = 300);

}  // namespace nacre
