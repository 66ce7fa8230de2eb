#include "nacre/bench/child_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "nacre/base/error.hpp"

extern char** environ;

namespace nacre {
namespace {

constexpr int kPollMs = 100;

// What posix_spawn does in the child before it becomes the program.
class SpawnActions {
 public:
  SpawnActions() { posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

pid_t spawn(const std::vector<std::string>& command, const ChildOptions& options, int output) {
  SpawnActions actions;
  posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(actions.get(), output, STDOUT_FILENO);
  if (options.quiet) posix_spawn_file_actions_addopen(actions.get(), STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  if (!options.folder.empty()) posix_spawn_file_actions_addchdir_np(actions.get(), options.folder.c_str());
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = -1;
  const int error = posix_spawnp(&child, command[0].c_str(), actions.get(), nullptr, arguments.data(), environ);
  if (error != 0) throw UserError("cannot start '" + command[0] + "': " + std::strerror(error));
  return child;
}

}  // namespace

ChildOutcome run_child(const std::vector<std::string>& command, const ChildOptions& options) {
  NACRE_CHECK(!command.empty());
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw InternalError(std::string("pipe2: ") + std::strerror(errno));
  pid_t child = -1;
  try {
    child = spawn(command, options, ends[1]);
  } catch (...) {
    close(ends[0]);
    close(ends[1]);
    throw;
  }
  close(ends[1]);
  ChildOutcome outcome;
  bool asked_to_stop = false;
  char buffer[1 << 16];
  for (;;) {
    if (!asked_to_stop && options.interrupted()) {
      kill(child, SIGINT);
      asked_to_stop = true;
    }
    pollfd wait{ends[0], POLLIN, 0};
    const int ready = poll(&wait, 1, kPollMs);
    if (ready <= 0) continue;  // nothing yet, or a signal
    const ssize_t size = read(ends[0], buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    outcome.output.append(buffer, static_cast<size_t>(size));
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

}  // namespace nacre
