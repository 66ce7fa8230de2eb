#include "nacre/app/progress_line.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "nacre/app/table.hpp"

namespace nacre {
namespace {

constexpr auto kTerminalPause = std::chrono::milliseconds(100);
constexpr auto kPipePause = std::chrono::seconds(10);

int terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string bar(double share) {
  constexpr int kCells = 20;
  const int full = static_cast<int>(std::floor(std::min(1.0, std::max(0.0, share)) * kCells));
  return "[" + std::string(static_cast<size_t>(full), '#') + std::string(static_cast<size_t>(kCells - full), '.') + "]";
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(std::max(0.0, seconds)));
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

ProgressLine::ProgressLine(MetricSpec quality) : quality_(std::move(quality)), terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() { finish(); }

void ProgressLine::show(const Progress& progress, const std::string& before) {
  std::string text;
  if (progress.planned > 0) {
    text = fmt::format("{} {}/{} trials",
                       bar(static_cast<double>(progress.evaluated) / static_cast<double>(progress.planned)),
                       progress.evaluated, progress.planned);
  } else {
    text = fmt::format("{} trials", progress.evaluated);
  }
  text += progress.best.has_value()
              ? fmt::format(", best {} {} (trial {})", quality_.name,
                            quantity_text(*progress.best, quality_.name, quality_.unit), progress.best_trial)
              : std::string(", nothing within the limits yet");
  text += fmt::format(", front {}", progress.front_size);
  if (progress.cached > 0) text += fmt::format(", {} repeats saved", progress.cached);
  if (progress.infeasible > 0) text += fmt::format(", {} beyond limits", progress.infeasible);
  if (progress.pruned > 0) text += fmt::format(", {} stopped early", progress.pruned);
  if (progress.failed > 0) text += fmt::format(", {} failed", progress.failed);
  if (progress.rate_per_s > 0) text += fmt::format(", {:.3g}/min", 60 * progress.rate_per_s);
  text += ", " + duration_text(progress.spent_s);
  if (progress.left_s.has_value()) text += fmt::format(", {} left", duration_text(*progress.left_s));
  draw(before + text, progress.planned > 0 && progress.evaluated >= progress.planned);
}

void ProgressLine::show(const FinalProgress& progress) {
  draw(fmt::format(
           "{} {}: {}/{}",
           bar(progress.planned == 0 ? 1 : static_cast<double>(progress.done) / static_cast<double>(progress.planned)),
           progress.what, progress.done, progress.planned),
       progress.done >= progress.planned);
}

void ProgressLine::draw(const std::string& text, bool last) {
  const auto now = std::chrono::steady_clock::now();
  const auto pause = terminal_ ? std::chrono::duration_cast<std::chrono::nanoseconds>(kTerminalPause)
                               : std::chrono::duration_cast<std::chrono::nanoseconds>(kPipePause);
  if (!last && now - last_drawn_ < pause) return;
  if (text == last_text_) return;
  last_drawn_ = now;
  last_text_ = text;
  if (!terminal_) {
    std::fprintf(stderr, "%s\n", text.c_str());
    return;
  }
  const auto width = static_cast<size_t>(terminal_width() - 1);
  std::fprintf(stderr, "\r\033[K%s", text.substr(0, width).c_str());
  std::fflush(stderr);
  open_ = true;
}

void ProgressLine::finish() {
  if (open_) std::fprintf(stderr, "\n");
  open_ = false;
}

}  // namespace nacre
