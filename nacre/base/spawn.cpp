#include "nacre/base/spawn.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "nacre/base/error.hpp"

extern char** environ;

namespace nacre {
namespace {

std::vector<std::string> merged_environment(const std::vector<std::string>& more) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) merged.emplace_back(*entry);
  for (const std::string& entry : more) {
    const std::string name = entry.substr(0, entry.find('=') + 1);
    std::erase_if(merged, [&](const std::string& known) { return known.starts_with(name); });
    merged.push_back(entry);
  }
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// Everything the child needs, made before the fork: between fork and exec only async-signal-safe calls are allowed.
struct Child {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::vector<char*> argument_pointers;
  std::vector<char*> environment_pointers;
  std::string folder;
  std::vector<std::pair<int, int>> descriptors;
  bool own_group;
  bool ends_with_parent;
  pid_t parent;
  int report;  // errno of what went wrong is written here; closed by a successful exec
};

[[noreturn]] void give_up(const Child& child) {
  const int code = errno;
  [[maybe_unused]] const ssize_t count = write(child.report, &code, sizeof code);
  _exit(127);
}

[[noreturn]] void become(Child& child) {
  if (child.own_group) setpgid(0, 0);
  if (child.ends_with_parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != child.parent) _exit(127);  // it ended before the line above
  }
  for (const int number : {SIGINT, SIGPIPE, SIGTERM, SIGHUP, SIGQUIT}) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // Out of the way first: a descriptor here may have the number of another there.
  constexpr int kOutOfTheWay = 64;
  for (auto& [here, there] : child.descriptors) {
    here = fcntl(here, F_DUPFD_CLOEXEC, kOutOfTheWay);
    if (here < 0) give_up(child);
  }
  for (const auto& [here, there] : child.descriptors) {
    if (dup2(here, there) < 0) give_up(child);
  }
  if (!child.folder.empty() && chdir(child.folder.c_str()) != 0) give_up(child);
  execvpe(child.argument_pointers[0], child.argument_pointers.data(), child.environment_pointers.data());
  give_up(child);
}

}  // namespace

pid_t spawn_process(const SpawnRequest& request) {
  NACRE_CHECK(!request.arguments.empty(), "a program to start");
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) {
    throw UserError(fmt::format("cannot start '{}': {}", request.arguments[0], std::strerror(errno)));
  }
  // A report above the descriptors that the program is given.
  const int report_end = fcntl(report[1], F_DUPFD_CLOEXEC, 32);
  close(report[1]);
  Child child{request.arguments,
              merged_environment(request.environment),
              {},
              {},
              request.folder,
              request.descriptors,
              request.own_group,
              request.ends_with_parent,
              getpid(),
              report_end};
  child.argument_pointers = pointers(child.arguments);
  child.environment_pointers = pointers(child.environment);
  const pid_t pid = fork();
  if (pid == 0) become(child);
  const int fork_error = errno;
  close(report_end);
  int code = 0;
  ssize_t count = 0;
  if (pid > 0) {
    do {
      count = read(report[0], &code, sizeof code);
    } while (count < 0 && errno == EINTR);
  }
  close(report[0]);
  if (pid < 0) code = fork_error;
  if (pid > 0 && count == 0) return pid;
  if (pid > 0) waitpid(pid, nullptr, 0);
  const std::string where = request.folder.empty() ? "" : fmt::format(" in '{}'", request.folder.string());
  throw UserError(fmt::format("cannot start '{}'{}: {}", request.arguments[0], where, std::strerror(code)));
}

std::string end_text(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return fmt::format("was killed by signal {} ({}){}", number, strsignal(number),
                       number == SIGKILL ? "; was memory short?" : "");
  }
  return fmt::format("left with exit code {}", WEXITSTATUS(status));
}

void signal_child_groups(pid_t pid, int signal) {
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), error)) {
    std::ifstream stream(task.path() / "children");
    for (pid_t child = 0; stream >> child;) {
      if (getpgid(child) == child) kill(-child, signal);
    }
  }
}

}  // namespace nacre
