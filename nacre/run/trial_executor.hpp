// Who carries out evaluations: worker processes (worker_process.hpp), this process (below), or a test's script.
//
// The drive loop hands over trials and collects outcomes; it alone writes the study. An executor belongs to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nacre/design/trial.hpp"
#include "nacre/study/store.hpp"

namespace nacre {

struct TrialOutcome {
  int64_t number = -1;
  // Nothing: the evaluation was lost with its worker (`reason` says how) and may be tried again.
  std::optional<Trial> result;
  std::string reason;
  std::vector<Artifact> artifacts;  // that it left in the artefact folder
};

class TrialExecutor {
 public:
  virtual ~TrialExecutor() = default;

  // Trials that may run at the same time.
  virtual int64_t capacity() const = 0;
  virtual int64_t running() const = 0;
  // Begins an evaluation: number, candidate (complete) and request are given. `stopping`: by what its training may be stopped
  // (TrainingStops::knowledge), null: it runs to its end. Only while running() < capacity().
  virtual void start(const Trial& trial, const Json& stopping) = 0;
  // Outcomes that have come in, waiting up to `timeout_s` for the first one. Empty when none came.
  virtual std::vector<TrialOutcome> wait(double timeout_s) = 0;
  // Who evaluates trial `number`, for the record: "worker 4711".
  virtual std::string worker_of(int64_t number) const = 0;
  // Stops all work at once, without outcomes; the trials are asked for again at the next sitting.
  virtual void cancel() = 0;
  // Between these calls the executor uses no processor time: a measurement has the machine for itself.
  virtual void pause() = 0;
  virtual void resume() = 0;
};

// Evaluates in this process, one trial at a time, when wait() is called: for table look-ups and tests.
std::unique_ptr<TrialExecutor> make_inline_executor(
    std::function<TrialOutcome(const Trial&, const Json& stopping)> evaluate);

}  // namespace nacre
