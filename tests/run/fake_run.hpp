// A search without data or training, for tests of the drive loop: decisions make a small network, its "accuracy" is a
// function of the decisions, and a strategy whose asks depend on every tell and its order. Evaluations may be slow, fail or
// kill their process, as the decision "fault" says.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "nacre/run/drive_loop.hpp"
#include "nacre/run/worker_process.hpp"

namespace nacre::test {

enum class Fault : int64_t { none, throws, aborts, out_of_memory, silent, leaves };

struct FakeSettings {
  int64_t trials = 60;
  int64_t lookahead = 4;
  int64_t alternatives = 6;  // of each of four decisions: few give many repetitions
  double fault_share = 0;    // of asks that carry Fault::throws
  double macs_limit = 0;     // 0: none
  DriveOrder order = DriveOrder::strict;
  std::string stop = "";  // as search.stop
};

DriveSettings drive_settings(const FakeSettings& fake);
std::unique_ptr<Strategy> make_fake_strategy(const FakeSettings& fake);
Design fake_design(const Candidate& candidate);
// A counted target: params of the fake design.
std::shared_ptr<Target> make_fake_target();
// Deterministic in decisions and seed. With a curve of kFakeEpochs points, which `report` may end.
inline constexpr int kFakeEpochs = 12;
Trial fake_evaluation(
    const Trial& trial, const std::function<bool(const CurvePoint&)>& report = [](const CurvePoint&) { return true; });
// The same under what a training may be stopped by.
Trial fake_evaluation(const Trial& trial, const Json& stopping);
DriveParts fake_parts(const FakeSettings& fake, Store& store, TrialExecutor& executor);

// Runs up to `capacity` fake evaluations "at once" and finishes them in an order drawn from `seed`.
std::unique_ptr<TrialExecutor> make_shuffling_executor(int64_t capacity, uint64_t seed);

// This test program as a worker; `delay_s` is the time of one evaluation.
WorkerProcessOptions fake_workers(int64_t count, double delay_s = 0);

// Other lives of this test program: "worker" and "drive FOLDER WORKERS DELAY_S". Nothing: run the tests.
std::optional<int> run_as_child(int argc, char** argv);

}  // namespace nacre::test
