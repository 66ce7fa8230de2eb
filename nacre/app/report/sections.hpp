// The parts of a report as HTML, in the order of the page. Each is "" when it has nothing to show.
#pragma once

#include <string>

#include "nacre/app/report/report_data.hpp"

namespace nacre {

std::string summary_section(const ReportData& data);      // the answer, the limits
std::string front_plots_section(const ReportData& data);  // filled by report.js
std::string networks_section(const ReportData& data);     // table of the front, one expandable part per network
std::string progress_section(const ReportData& data);     // beside random search
std::string curves_section(const ReportData& data);
std::string shared_weights_section(const ReportData& data);  // of a supernet
std::string origins_section(const ReportData& data);         // where every number comes from
std::string duplicates_section(const ReportData& data);
std::string trials_section(const ReportData& data);
std::string configuration_section(const ReportData& data);

// "3 networks", "1 network".
std::string counted(int64_t count, const std::string& singular, const std::string& plural);
std::string network_name(size_t rank);  // "network 1" for rank 0
// Names of the limits that a trial breaks or whose metric it does not know, with a space between.
std::string broken_limits(const ReportData& data, const Trial& trial);

}  // namespace nacre
