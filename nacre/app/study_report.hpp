// The report of a study: gathered from its record, its models and its plan, rendered as one file.
#pragma once

#include <filesystem>

#include "nacre/app/report/report_data.hpp"

namespace nacre {

// Reads the study in `output_dir`. UserError when there is none.
ReportData gather_report(const std::filesystem::path& output_dir);
// Writes report.html beside the study; returns its path.
std::filesystem::path write_study_report(const std::filesystem::path& output_dir);

}  // namespace nacre
