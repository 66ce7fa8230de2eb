// Runs another program to its end and takes its standard output; its standard error goes where ours goes.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace nacre {

struct ChildOutcome {
  int exit_code = -1;  // 128 + n when a signal n ended it
  std::string output;
};

struct ChildOptions {
  std::string folder = "";                                   // working folder; "": ours
  bool quiet = false;                                        // its standard error is dropped
  std::function<bool()> interrupted = [] { return false; };  // then it is asked to stop (SIGINT) and waited for
};

// `command`: the program (a path, or a name looked up in PATH) and its arguments; no shell. UserError when it cannot be
// started.
ChildOutcome run_child(const std::vector<std::string>& command, const ChildOptions& options = {});

}  // namespace nacre
