// What tests of stores share: a folder that goes with the test, a clock that stands until it is moved, and trials.
#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "nacre/study/store.hpp"

namespace nacre::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    static std::atomic<int> count{0};
    path_ = std::filesystem::temp_directory_path() /
            ("nacre-test-" + std::to_string(getpid()) + "-" + std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline Trial asked_trial(int64_t number, const std::string& key = "") {
  Trial trial;
  trial.number = number;
  trial.candidate.decisions.set("stage1/op", number % 5);
  trial.candidate.decisions.set("stage2/op", number % 3);
  trial.candidate.made_by = "random";
  if (number > 0) trial.candidate.parents = {number - 1};
  trial.request.seed = 0xfedcba9876543210ULL;
  trial.request.fidelity.epochs = 3;
  trial.key = key.empty() ? "key" + std::to_string(number) : key;
  return trial;
}

inline Trial told_trial(int64_t number, double accuracy = 0.5) {
  Trial trial = asked_trial(number);
  trial.status = TrialStatus::ok;
  trial.metrics["accuracy"] = {accuracy, "", Origin::trained, "validation split", 360, 0.01};
  trial.metrics["macs"] = {1000.0 + static_cast<double>(number), "", Origin::counted, "macs"};
  trial.metrics["latency_s"] = {std::nullopt, "s", Origin::unknown, "host was not asked"};
  trial.curve = {{1, {{"loss", {2.25, "", Origin::trained}}}}, {2, {{"loss", {1.125, "", Origin::trained}}}}};
  trial.weights = "0123456789abcdef0123456789abcdef.weights";
  trial.time_s = 1.5;
  return trial;
}

}  // namespace nacre::test
