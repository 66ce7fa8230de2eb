// Starting other programs: the one place where nacre forks. Worker processes and user's commands both begin here.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace nacre {

struct SpawnRequest {
  std::vector<std::string> arguments;         // the first is the program: looked up in PATH unless it holds a '/'
  std::vector<std::string> environment = {};  // "NAME=value": on top of this process's
  std::filesystem::path folder = {};          // to run in; empty: this process's
  std::vector<std::pair<int, int>> descriptors = {};  // (here, there): what the program finds at which descriptor
  bool own_group = false;         // leads a process group of its own, so that all of it can be killed
  bool ends_with_parent = false;  // killed when the thread that started it ends, however it ends
};

// Signals are at their defaults in the program. UserError when it cannot be started ("cannot start 'adbb': No such file or
// directory").
pid_t spawn_process(const SpawnRequest& request);

// "was killed by signal 9 (Killed); was memory short?", "left with exit code 1".
std::string end_text(int status);

// Sends `signal` to every process group that is led by a child of `pid`: the commands that a worker runs.
void signal_child_groups(pid_t pid, int signal);

}  // namespace nacre
