// Progress on stderr: one line that is drawn over on a terminal, plain lines now and then when piped.
#pragma once

#include <chrono>
#include <string>

#include "nacre/design/metrics.hpp"
#include "nacre/run/drive_loop.hpp"
#include "nacre/run/finalize.hpp"

namespace nacre {

class ProgressLine {
 public:
  explicit ProgressLine(MetricSpec quality);
  ~ProgressLine();

  void show(const Progress& progress, const std::string& before = "");  // `before`: what runs
  void show(const FinalProgress& progress);
  // Ends the drawn-over line, so that other output starts on a line of its own.
  void finish();

 private:
  void draw(const std::string& text, bool last);

  MetricSpec quality_;
  bool terminal_;
  bool open_ = false;
  std::string last_text_;
  std::chrono::steady_clock::time_point last_drawn_{};
};

// "1 h 05 min", "3 min 20 s", "12 s".
std::string duration_text(double seconds);

}  // namespace nacre
