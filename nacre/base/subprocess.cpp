#include "nacre/base/subprocess.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "nacre/base/error.hpp"
#include "nacre/base/spawn.hpp"

namespace nacre {
namespace {

constexpr double kGlanceS = 0.1;  // between looks at interruption and at the program's end
constexpr int kErrorReads = 16;   // at once: more than a pipe holds, and an end for a program that never stops writing

double steady_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Pipe {
  int read = -1;
  int write = -1;

  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw UserError(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
    read = ends[0];
    write = ends[1];
  }
  ~Pipe() {
    if (read >= 0) close(read);
    if (write >= 0) close(write);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  static int take(int& end) {
    fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK);
    return std::exchange(end, -1);
  }
};

}  // namespace

Subprocess::Subprocess(SubprocessOptions options) : options_(std::move(options)) {
  Pipe input, output, error;
  pid_ = spawn_process(
      {.arguments = options_.arguments,
       .environment = options_.environment,
       .folder = options_.folder,
       .descriptors = {{input.read, STDIN_FILENO}, {output.write, STDOUT_FILENO}, {error.write, STDERR_FILENO}},
       .own_group = true,
       .ends_with_parent = true});
  channel_ = LineChannel(Pipe::take(output.read), Pipe::take(input.write));
  error_ = Pipe::take(error.read);
}

Subprocess::~Subprocess() {
  stop();
  if (error_ >= 0) close(error_);
}

void Subprocess::send(const Json& message) {
  channel_.queue(message);
  channel_.flush();
}

void Subprocess::send_text(const std::string& text) {
  channel_.queue_text(text);
  channel_.flush();
}

void Subprocess::close_input() { channel_.close_outgoing(); }

bool Subprocess::succeeded() const { return reaped_ && WIFEXITED(status_) && WEXITSTATUS(status_) == 0; }

bool Subprocess::reap() {
  if (reaped_) return true;
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid_)
    return false;
  end_group();
  return true;
}

// What is left of the group, then the program itself: until it is waited for, nobody else gets its number.
void Subprocess::end_group() {
  kill(-pid_, SIGKILL);
  while (waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
}

// Moves bytes for at most `timeout_s`, less when something comes.
void Subprocess::exchange(double timeout_s) {
  std::vector<pollfd> watched;
  if (!channel_.is_closed()) watched.push_back({channel_.descriptor(), POLLIN, 0});
  if (error_ >= 0) watched.push_back({error_, POLLIN, 0});
  if (channel_.has_outgoing()) watched.push_back({channel_.outgoing_descriptor(), POLLOUT, 0});
  poll(watched.data(), watched.size(), static_cast<int>(std::max(0.0, timeout_s) * 1000));
  channel_.flush();
  channel_.fill();
  char buffer[1 << 14];
  for (int i = 0; error_ >= 0 && i < kErrorReads; ++i) {
    const ssize_t count = read(error_, buffer, sizeof buffer);
    if (count > 0) {
      error_text_.append(buffer, static_cast<size_t>(count));
      if (error_text_.size() > 2 * options_.error_tail_bytes)
        error_text_.erase(0, error_text_.size() - options_.error_tail_bytes);
    } else if (count == 0) {
      close(std::exchange(error_, -1));
    } else if (errno != EINTR) {
      break;
    }
  }
}

Heard Subprocess::listen(double timeout_s) {
  const double deadline_s = steady_s() + timeout_s;
  while (true) {
    if (std::optional<std::string> line = channel_.next_line()) return {Heard::Kind::line, std::move(*line)};
    if (channel_.unfinished().size() > options_.longest_line_bytes) {
      stop();
      throw UserError(
          fmt::format("'{}' wrote a line of more than {} bytes", options_.arguments[0], options_.longest_line_bytes));
    }
    if (options_.interrupted && options_.interrupted()) throw Interrupted();
    if (reap()) {
      // What it left; something that it started may keep the pipes open for ever.
      for (size_t before = SIZE_MAX; before != channel_.unfinished().size();) {
        before = channel_.unfinished().size();
        exchange(0);
        if (std::optional<std::string> line = channel_.next_line()) return {Heard::Kind::line, std::move(*line)};
      }
      if (!channel_.unfinished().empty()) {
        std::string rest = channel_.unfinished();
        channel_ = LineChannel(-1);
        return {Heard::Kind::line, std::move(rest)};
      }
      return {Heard::Kind::ended, ""};
    }
    const double left_s = deadline_s - steady_s();
    if (left_s <= 0) return {Heard::Kind::nothing, ""};
    const bool silent = channel_.is_closed() && error_ < 0;  // it is ending: no stream tells when
    exchange(std::min(left_s, silent ? 0.002 : kGlanceS));
  }
}

void Subprocess::stop(double grace_s) {
  if (!reaped_ && grace_s > 0) {
    kill(-pid_, SIGTERM);
    const double deadline_s = steady_s() + grace_s;
    while (!reap() && steady_s() < deadline_s) exchange(0.01);
  }
  if (!reaped_) end_group();
}

std::string Subprocess::error_tail() const {
  std::string text = error_text_.size() > options_.error_tail_bytes
                         ? error_text_.substr(error_text_.size() - options_.error_tail_bytes)
                         : error_text_;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

bool FinishedProcess::succeeded() const { return !timed_out && WIFEXITED(status) && WEXITSTATUS(status) == 0; }

std::string FinishedProcess::failure_text(double timeout_s) const {
  std::string text = timed_out ? fmt::format("took longer than {:g} s and was stopped", timeout_s) : end_text(status);
  if (const std::string line = last_line(error); !line.empty()) text += ": " + line;
  return text;
}

FinishedProcess run_subprocess(const SubprocessOptions& options, double timeout_s, const std::string& input,
                               size_t output_limit_bytes) {
  const double start_s = steady_s();
  Subprocess program(options);
  program.send_text(input);
  program.close_input();
  FinishedProcess result;
  while (true) {
    const Heard heard = program.listen(timeout_s - (steady_s() - start_s));
    if (heard.kind == Heard::Kind::line) {
      result.output += heard.line + "\n";
      if (result.output.size() > output_limit_bytes) {
        throw UserError(fmt::format("'{}' wrote more than {} bytes", options.arguments[0], output_limit_bytes));
      }
      continue;
    }
    result.timed_out = heard.kind == Heard::Kind::nothing;
    if (result.timed_out) program.stop(1);
    break;
  }
  result.status = program.status();
  result.error = program.error_tail();
  result.time_s = steady_s() - start_s;
  return result;
}

std::string last_line(const std::string& text, size_t limit) {
  size_t end = text.size();
  while (end > 0) {
    const size_t start = text.rfind('\n', end - 1);
    const size_t begin = start == std::string::npos ? 0 : start + 1;
    std::string line = text.substr(begin, end - begin);
    const size_t first = line.find_first_not_of(" \t\r");
    if (first != std::string::npos) {
      line = line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
      return line.size() > limit ? line.substr(0, limit) + " ..." : line;
    }
    if (start == std::string::npos) break;
    end = start;
  }
  return "";
}

}  // namespace nacre
