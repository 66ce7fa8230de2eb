// The parent's side: starting, watching, pausing and replacing workers. worker_main.cpp is the other side.
#include "nacre/run/worker_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "nacre/base/error.hpp"
#include "nacre/base/line_channel.hpp"
#include "nacre/base/log.hpp"
#include "nacre/base/spawn.hpp"

namespace nacre {
namespace {

constexpr int kStartupFailuresInARow = 3;

double steady_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Spawned {
  pid_t pid = -1;
  int descriptor = -1;
};

// The program with one end of a socket pair at kWorkerDescriptor and stdout led to stderr.
Spawned spawn_worker(const WorkerProcessOptions& options) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw UserError(fmt::format("cannot start a worker process: {}", std::strerror(errno)));
  }
  fcntl(ends[0], F_SETFL, fcntl(ends[0], F_GETFL) | O_NONBLOCK);
  LineChannel ours(ends[0]), theirs(ends[1]);  // closed when the start fails
  SpawnRequest request;
  request.arguments = options.arguments;
  request.arguments.insert(request.arguments.begin(),
                           options.program.empty() ? "/proc/self/exe" : options.program.string());
  request.environment = options.environment;
  request.environment.push_back(fmt::format("NACRE_WORKER_PARENT={}", getpid()));
  request.descriptors = {{ends[1], kWorkerDescriptor}, {STDERR_FILENO, STDOUT_FILENO}};
  const pid_t pid = spawn_process(request);
  return {pid, ours.release()};
}

struct Worker {
  pid_t pid = -1;
  LineChannel channel{-1};
  bool ready = false;
  std::optional<Trial> trial;  // that it works on
  Json stopping;
  double last_sign_s = 0;
};

class WorkerProcesses final : public TrialExecutor {
 public:
  explicit WorkerProcesses(WorkerProcessOptions options) : options_(std::move(options)) {
    NACRE_CHECK(options_.count >= 1);
  }
  ~WorkerProcesses() override { cancel(); }

  int64_t capacity() const override { return options_.count; }

  int64_t running() const override {
    return std::ranges::count_if(workers_, [](const Worker& worker) { return worker.trial.has_value(); });
  }

  void start(const Trial& trial, const Json& stopping) override {
    auto idle = std::ranges::find_if(workers_, [](const Worker& worker) { return !worker.trial; });
    if (idle == workers_.end()) {
      NACRE_CHECK(static_cast<int64_t>(workers_.size()) < options_.count, "no worker is free");
      workers_.push_back(launch());
      idle = workers_.end() - 1;
    }
    give(*idle, trial, stopping);
  }

  std::vector<TrialOutcome> wait(double timeout_s) override {
    const double deadline_s = steady_s() + timeout_s;
    std::vector<TrialOutcome> outcomes;
    while (true) {
      listen(outcomes.empty() ? std::max(0.0, deadline_s - steady_s()) : 0.0);
      for (Worker& worker : workers_) attend(worker, outcomes);
      std::erase_if(workers_, [](const Worker& worker) { return worker.pid < 0; });
      if (!outcomes.empty() || steady_s() >= deadline_s) return outcomes;
    }
  }

  std::string worker_of(int64_t number) const override {
    for (const Worker& worker : workers_) {
      if (worker.trial && worker.trial->number == number) return fmt::format("worker {}", worker.pid);
    }
    throw InternalError("no worker has the trial");
  }

  void cancel() override {
    for (Worker& worker : workers_) {
      if (worker.pid > 0) end(worker);
    }
    workers_.clear();
  }

  void pause() override {
    paused_since_s_ = steady_s();
    for (const Worker& worker : workers_) kill(worker.pid, SIGSTOP);
    for (const Worker& worker : workers_) {
      siginfo_t info{};
      waitid(P_PID, static_cast<id_t>(worker.pid), &info, WSTOPPED | WEXITED | WNOWAIT);
    }
    // A worker that stands still starts nothing more: now the programs that it runs.
    for (const Worker& worker : workers_) signal_child_groups(worker.pid, SIGSTOP);
  }

  void resume() override {
    for (Worker& worker : workers_) {
      signal_child_groups(worker.pid, SIGCONT);
      kill(worker.pid, SIGCONT);
      worker.last_sign_s += steady_s() - paused_since_s_;
    }
  }

 private:
  Worker launch() {
    const Spawned spawned = spawn_worker(options_);
    Worker worker;
    worker.pid = spawned.pid;
    worker.channel = LineChannel(spawned.descriptor);
    worker.last_sign_s = steady_s();
    worker.channel.queue(
        {{"type", "setup"}, {"memory_limit_bytes", options_.memory_limit_bytes}, {"setup", options_.setup}});
    return worker;
  }

  void give(Worker& worker, const Trial& trial, const Json& stopping) {
    worker.trial = trial;
    worker.stopping = stopping;
    if (worker.ready) worker.last_sign_s = steady_s();
    worker.channel.queue({{"type", "trial"}, {"trial", to_json(trial)}, {"stopping", stopping}});
    worker.channel.flush();
  }

  void listen(double timeout_s) {
    std::vector<pollfd> watched;
    for (const Worker& worker : workers_) {
      const short events = worker.channel.has_outgoing() ? POLLIN | POLLOUT : POLLIN;
      watched.push_back({worker.channel.descriptor(), events, 0});
    }
    const int timeout_ms = static_cast<int>(std::clamp(timeout_s, 0.0, 1.0) * 1000);
    poll(watched.data(), watched.size(), timeout_ms);  // EINTR: the caller looks at the clock and its interruption
    for (Worker& worker : workers_) {
      worker.channel.flush();
      worker.channel.fill();
    }
  }

  // Messages, then death, then silence.
  void attend(Worker& worker, std::vector<TrialOutcome>& outcomes) {
    while (const std::optional<Json> message = worker.channel.next()) hear(worker, *message, outcomes);
    if (worker.channel.is_closed()) {
      lose(worker, end(worker), outcomes);
      return;
    }
    const double limit_s = worker.ready ? options_.silence_limit_s : options_.startup_limit_s;
    if (worker.trial && steady_s() - worker.last_sign_s > limit_s) {
      end(worker);
      lose(worker, fmt::format("gave no sign of life for {:g} s", limit_s), outcomes);
    }
  }

  void hear(Worker& worker, const Json& message, std::vector<TrialOutcome>& outcomes) {
    worker.last_sign_s = steady_s();
    const std::string type = message.at("type").get<std::string>();
    if (type == "ready") {
      worker.ready = true;
      startup_failures_ = 0;
    } else if (type == "refused") {
      throw UserError(message.at("message").get<std::string>());
    } else if (type == "result") {
      TrialOutcome outcome;
      outcome.result = trial_from_json(message.at("trial"));
      outcome.number = outcome.result->number;
      NACRE_CHECK(worker.trial && worker.trial->number == outcome.number, "a worker answers what it was asked");
      for (const Json& artifact : message.at("artifacts")) {
        outcome.artifacts.push_back({artifact.at("name").get<std::string>(), artifact.at("kind").get<std::string>(),
                                     outcome.number, artifact.at("bytes").get<uint64_t>()});
      }
      worker.trial.reset();
      outcomes.push_back(std::move(outcome));
    } else {
      NACRE_CHECK(type == "alive", "a message that workers send");
    }
  }

  // Kills it if it is alive still; how it ended.
  std::string end(Worker& worker) {
    // A worker that closed its stream is ending by itself: its own status says more than our signal.
    int status = 0;
    pid_t ended = 0;
    for (int i = 0; worker.channel.is_closed() && i < 200 && ended == 0; ++i) {
      ended = waitpid(worker.pid, &status, WNOHANG);
      if (ended == 0) usleep(5000);
    }
    if (ended == 0) {
      kill(worker.pid, SIGSTOP);
      signal_child_groups(worker.pid, SIGKILL);
      kill(worker.pid, SIGKILL);
      while (waitpid(worker.pid, &status, 0) < 0 && errno == EINTR) {
      }
    }
    worker.pid = -1;
    worker.channel = LineChannel(-1);
    return end_text(status);
  }

  void lose(Worker& worker, const std::string& how, std::vector<TrialOutcome>& outcomes) {
    const std::optional<Trial> trial = std::exchange(worker.trial, std::nullopt);
    const Json stopping = std::move(worker.stopping);
    if (!worker.ready) {
      if (++startup_failures_ >= kStartupFailuresInARow) {
        throw InternalError(
            fmt::format("{} worker processes ended before they were ready; the last one {}", startup_failures_, how));
      }
      log_warning("a worker process {} before it was ready; it is started again", how);
      if (trial) {
        worker = launch();
        give(worker, *trial, stopping);
      }
      return;
    }
    if (trial) outcomes.push_back({trial->number, std::nullopt, "the worker " + how, {}});
  }

  const WorkerProcessOptions options_;
  std::vector<Worker> workers_;
  int startup_failures_ = 0;
  double paused_since_s_ = 0;
};

}  // namespace

std::unique_ptr<TrialExecutor> make_worker_processes(WorkerProcessOptions options) {
  return std::make_unique<WorkerProcesses>(std::move(options));
}

}  // namespace nacre
