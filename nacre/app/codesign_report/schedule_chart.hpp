// A schedule as a Gantt chart: one row for each core, one bar for each task, a color for each network. SVG text that needs no script.
#pragma once

#include <string>

#include "nacre/hw/scheduling/schedule.hpp"

namespace nacre {

struct ScheduleChartOptions {
  double clock_hz = 1e9;               // of the cycles of the schedule
  std::vector<std::string> networks;   // names, by number
  std::optional<double> limit_s = {};  // drawn as a line where given
};

// Pure: the same schedule gives the same bytes. Every bar has a title: task, core, start and end.
std::string schedule_chart_svg(const SchedulingProblem& problem, const Schedule& schedule,
                               const ScheduleChartOptions& options);

}  // namespace nacre
