// The page of `nacre map`: what each layer of a network costs on an accelerator, a roofline, and where time and energy go.
#pragma once

#include <string>
#include <vector>

#include "nacre/app/report/report_data.hpp"
#include "nacre/hw/accelerator/network_breakdown.hpp"

namespace nacre {

struct MapReportData {
  std::string model;
  std::string how;  // "mapped for edp by exact"
  AcceleratorDescription accelerator;
  NetworkCost cost;
  NetworkBreakdown breakdown;
  std::vector<ReportFact> facts;  // shapes, what is proved, deployment, fusion
};

// Pure: the same data give the same bytes.
std::string render_map_report(const MapReportData& data);

}  // namespace nacre
