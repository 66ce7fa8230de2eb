// A co-design as one self-contained HTML file: the answer, the ways of searching beside each other, the schedule, the front.
#pragma once

#include <string>

#include "nacre/run/codesign/outcome.hpp"

namespace nacre {

// Pure but for `made_at`, a text for people.
std::string render_codesign_report(const CodesignPlan& plan, const CodesignResult& result, const CodesignFiles& files,
                                   const std::string& made_at);

// "dla 576 PEs 56 GB/s + shi 1792 PEs 8 GB/s".
std::string accelerator_text(const HeterogeneousAccelerator& accelerator);

}  // namespace nacre
