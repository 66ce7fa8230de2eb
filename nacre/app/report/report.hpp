// A study as one self-contained HTML file: nothing is loaded from anywhere, and it can be mailed or printed.
//
// The answer and all numbers stand in plain HTML tables; plots are drawn beside them by a small script (report.js) from data
// embedded in the page. The page's frame and look are those of app/page. All text from outside (names, paths, reasons) is
// escaped; the page forbids itself any network access by a content security policy.
#pragma once

#include <string>

#include "nacre/app/report/report_data.hpp"

namespace nacre {

// Pure: the same data give the same bytes.
std::string render_report(const ReportData& data);

}  // namespace nacre
