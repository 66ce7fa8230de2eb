// Counts what a drive loop has done, for progress lines: trials, best so far, front size, rate and time left.
#pragma once

#include <chrono>

#include "nacre/run/drive_loop.hpp"
#include "nacre/search/pareto.hpp"

namespace nacre {

class ProgressCounter {
 public:
  explicit ProgressCounter(const DriveSettings& settings) : settings_(settings) { progress_.planned = settings.trials; }

  // The clock of this sitting starts; the sittings before took so long.
  void begin(double spent_before_s);
  // What was finished so far is of earlier sittings: the rate counts from here.
  void replayed();
  void asked(int64_t number) { progress_.asked = number + 1; }
  void running(int64_t change) { progress_.running += change; }
  void finished(const Trial& trial);

  double spent_s() const;
  Progress now() const;
  // True twice a second, and after a result at most twenty times a second.
  bool is_due();

 private:
  void add_to_front(const Trial& trial);

  const DriveSettings& settings_;
  Progress progress_;
  std::vector<Point> front_;  // of trials within the limits
  double spent_before_s_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point work_start_ = start_;
  std::chrono::steady_clock::time_point last_report_ = start_;
  int64_t evaluated_before_ = 0;
  bool has_news_ = false;
};

}  // namespace nacre
