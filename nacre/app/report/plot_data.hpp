// The data that report.js draws: plain JSON, embedded in the page.
#pragma once

#include "nacre/app/report/report_data.hpp"

namespace nacre {

// {quality, costs, points, random, progress, curves, notes}: see report.js, which documents each where it draws it.
Json plot_data(const ReportData& data);

}  // namespace nacre
