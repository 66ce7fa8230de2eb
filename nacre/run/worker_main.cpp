// The worker's side of worker_process.hpp.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <new>

#include "nacre/base/error.hpp"
#include "nacre/base/line_channel.hpp"
#include "nacre/run/worker_process.hpp"
#include "nacre/search/stopping.hpp"

namespace nacre {
namespace {

constexpr double kSignEveryS = 1;

// Leaves with the parent, leaves Ctrl-C to it, and offers itself first when memory runs out.
void settle_in() {
  const char* parent = std::getenv("NACRE_WORKER_PARENT");
  struct stat stream {};
  if (parent == nullptr || fstat(kWorkerDescriptor, &stream) != 0 || !S_ISSOCK(stream.st_mode)) {
    throw UserError("worker processes are started by nacre itself; use nacre search");
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != static_cast<pid_t>(std::atol(parent))) _exit(1);  // it ended before the line above
  signal(SIGINT, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  std::ofstream("/proc/self/oom_score_adj") << 500;
}

void limit_memory(uint64_t bytes) {
  if (bytes == 0) return;
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_DATA, &limit);  // private writable memory; not the address space, which libraries reserve freely
}

// The evaluation's signs of life, at most one a second.
class Signs {
 public:
  explicit Signs(LineChannel& channel) : channel_(channel) {}

  void give() {
    const auto now = std::chrono::steady_clock::now();
    if (std::chrono::duration<double>(now - last_).count() < kSignEveryS) return;
    last_ = now;
    channel_.send({{"type", "alive"}});
  }

 private:
  LineChannel& channel_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

WorkerResult evaluate(const TrialHandler& handler, const Trial& trial, const Json& stopping, LineChannel& channel) {
  const auto signs = std::make_shared<Signs>(channel);
  EvaluationContext context;
  context.interrupted = [signs] {
    signs->give();
    return false;
  };
  TrainingWatch watch(stopping);
  context.report = [signs, &watch](const CurvePoint& point) {
    signs->give();
    return watch.goes_on(point);
  };
  WorkerResult failed{trial, {}};
  failed.trial.status = TrialStatus::failed;
  try {
    WorkerResult result = handler(trial, context);
    NACRE_CHECK(result.trial.number == trial.number && result.trial.is_complete(), "an evaluation completes its trial");
    watch.settle(result.trial);
    return result;
  } catch (const std::bad_alloc&) {
    failed.trial.reason = "out of memory";
  } catch (const std::exception& error) {
    failed.trial.reason = error.what();
  }
  return failed;
}

Json result_message(const WorkerResult& result) {
  Json artifacts = Json::array();
  for (const Artifact& artifact : result.artifacts) {
    artifacts.push_back(Json{{"name", artifact.name}, {"kind", artifact.kind}, {"bytes", artifact.bytes}});
  }
  return {{"type", "result"}, {"trial", to_json(result.trial)}, {"artifacts", artifacts}};
}

}  // namespace

int serve_trials(const MakeTrialHandler& make_handler) {
  settle_in();
  LineChannel channel(kWorkerDescriptor);
  TrialHandler handler;
  while (const std::optional<Json> message = channel.receive()) {
    const std::string type = message->at("type").get<std::string>();
    if (type == "setup") {
      limit_memory(message->at("memory_limit_bytes").get<uint64_t>());
      try {
        handler = make_handler(message->at("setup"));
      } catch (const std::exception& error) {
        channel.send({{"type", "refused"}, {"message", error.what()}});
        return 1;
      }
      channel.send({{"type", "ready"}});
    } else {
      NACRE_CHECK(type == "trial" && handler, "setup, then trials");
      channel.send(
          result_message(evaluate(handler, trial_from_json(message->at("trial")), message->at("stopping"), channel)));
    }
  }
  return 0;
}

}  // namespace nacre
