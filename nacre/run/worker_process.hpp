// Evaluations in worker processes: started (not forked) from the same program, one trial at a time, many in a row.
// libtorch's generators and thread counts belong to a process, and a crash or an exhausted memory stays outside.
//
// Protocol: one JSON object a line over a socket pair, which the worker finds at descriptor kWorkerDescriptor.
//   to the worker:    {"type": "setup", ...}            once: what the program's worker needs (configuration, facts)
//                     {"type": "trial", "trial": {..}, "stopping": {..}}   then one after another; end of stream: leave
//   from the worker:  {"type": "ready"}                 setup done
//                     {"type": "refused", "message"}    setup failed: bad input, the run ends with it
//                     {"type": "alive"}                 at most one a second, sent by the evaluation itself
//                     {"type": "result", "trial": {..}, "artifacts": [..]}
// A worker that dies or is silent for too long loses its trial (TrialOutcome without result) and is replaced. Workers end
// with their parent, however it ends, and the programs that they run (evaluator `command`) are paused and end with them. They ignore SIGINT: the terminal's Ctrl-C is the parent's to handle. Their standard
// output is the parent's standard error: stdout is for data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nacre/base/json.hpp"
#include "nacre/design/evaluator.hpp"
#include "nacre/run/trial_executor.hpp"

namespace nacre {

inline constexpr int kWorkerDescriptor = 3;

struct WorkerProcessOptions {
  std::filesystem::path program;  // empty: this program
  std::vector<std::string> arguments = {"worker"};
  std::vector<std::string> environment = {};  // "OMP_NUM_THREADS=1": on top of this process's
  int64_t count = 1;
  Json setup = Json::object();
  uint64_t memory_limit_bytes = 0;  // of each worker's data, 0: none
  double silence_limit_s = 600;     // without a sign of life while evaluating; it is then killed
  double startup_limit_s = 120;
};

// Workers start with the first trial. UserError when a worker refuses its setup; InternalError when workers die before
// they are ready, three in a row.
std::unique_ptr<TrialExecutor> make_worker_processes(WorkerProcessOptions options);

// --- the worker's side

struct WorkerResult {
  Trial trial;
  std::vector<Artifact> artifacts;
};

// Evaluates one trial. `context.interrupted` and `context.report` are the worker's signs of life, and `context.report` says when a
// training is to be stopped (search/stopping.hpp; the worker gives the pruned trial its forecast); context.artifacts is the
// handler's own to set. Exceptions fail the trial with their message (std::bad_alloc: "out of memory").
using TrialHandler = std::function<WorkerResult(const Trial& trial, EvaluationContext context)>;

// Makes the handler from the setup message; an exception becomes "refused".
using MakeTrialHandler = std::function<TrialHandler(const Json& setup)>;

// The main function of a worker: serves until the stream ends. Returns the exit code. InternalError when the process was
// not started by make_worker_processes.
int serve_trials(const MakeTrialHandler& make_handler);

}  // namespace nacre
