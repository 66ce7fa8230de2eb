#include "nacre/app/codesign_report/schedule_chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "nacre/app/page/html.hpp"
#include "nacre/app/table.hpp"

namespace nacre {
namespace {

using html::escape;

constexpr double kWidth = 960, kLeft = 170, kRight = 16, kRow = 40, kBar = 28, kTop = 30, kAxis = 34;
constexpr int kTicks = 5;
constexpr std::array kColors = {"#3f78d6", "#d9822b", "#3a9b62", "#a55bc1", "#b8475a", "#6c7a89"};

std::string time_text(double seconds) { return quantity_text(seconds, "latency_s", "s"); }

}  // namespace

std::string schedule_chart_svg(const SchedulingProblem& problem, const Schedule& schedule,
                               const ScheduleChartOptions& options) {
  const double limit = options.limit_s ? *options.limit_s * options.clock_hz : 0;
  const double end = std::max({schedule.makespan, limit, 1.0});
  const double rows = static_cast<double>(problem.cores.size());
  const double height = kTop + rows * kRow + kAxis;
  const auto x = [&](double cycles) { return kLeft + cycles / end * (kWidth - kLeft - kRight); };
  std::string svg = fmt::format(
      "<svg class=schedule role=img viewBox=\"0 0 {:.0f} {:.0f}\" aria-label=\"Schedule of {} layers on {} "
      "sub-accelerators\" font-size=12 fill=currentColor>\n",
      kWidth, height, problem.tasks.size(), problem.cores.size());
  for (size_t n = 0; n < options.networks.size(); ++n) {
    const double at = kLeft + 150 * static_cast<double>(n);
    svg += fmt::format("<rect x={:.1f} y=6 width=12 height=12 fill=\"{}\" /><text x={:.1f} y=16>{}</text>\n", at,
                       kColors[n % kColors.size()], at + 17, escape(options.networks[n]));
  }
  for (size_t core = 0; core < problem.cores.size(); ++core) {
    const double y = kTop + static_cast<double>(core) * kRow;
    svg +=
        fmt::format("<text x=0 y={:.1f}>{}</text><rect x={:.1f} y={:.1f} width={:.1f} height={:.1f} opacity=0.08 />\n",
                    y + kBar / 2 + 4, escape(problem.cores[core]), kLeft, y, x(end) - kLeft, kBar);
  }
  for (size_t t = 0; t < schedule.tasks.size(); ++t) {
    const Placement& placed = schedule.tasks[t];
    const auto& task = problem.tasks[t];
    svg += fmt::format(
        "<rect class=task x={:.2f} y={:.1f} width={:.2f} height={:.1f} fill=\"{}\" stroke=\"#fff\" stroke-width=0.4>"
        "<title>{}: {}, {} to {}</title></rect>\n",
        x(placed.start), kTop + placed.core * kRow, std::max(0.3, x(placed.finish) - x(placed.start)), kBar,
        kColors[static_cast<size_t>(task.network) % kColors.size()], escape(task.name),
        escape(problem.cores[static_cast<size_t>(placed.core)]), time_text(placed.start / options.clock_hz),
        time_text(placed.finish / options.clock_hz));
  }
  const double bottom = kTop + rows * kRow;
  for (int tick = 0; tick <= kTicks; ++tick) {
    const double cycles = end * tick / kTicks;
    svg += fmt::format("<text x={:.1f} y={:.1f} text-anchor={}>{}</text>\n", x(cycles), bottom + 16,
                       tick == 0        ? "start"
                       : tick == kTicks ? "end"
                                        : "middle",
                       time_text(cycles / options.clock_hz));
  }
  if (options.limit_s)
    svg += fmt::format(
        "<line class=limit x1={0:.2f} x2={0:.2f} y1={1:.1f} y2={2:.1f} stroke=\"#b3261e\" stroke-width=1.5 "
        "stroke-dasharray=\"4 3\"><title>limit: {3}</title></line>\n",
        x(limit), kTop - 6, bottom, time_text(*options.limit_s));
  return svg + "</svg>";
}

}  // namespace nacre
