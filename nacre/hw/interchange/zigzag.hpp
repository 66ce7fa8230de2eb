// ZigZag's files (L. Mei et al., IEEE TC 2021) and Stream's (A. Symons et al., ISPASS 2023): accelerator, mapping, workload; many
// cores.
//
// A memory that serves dimensions of the array is one for them together; the memories become levels by the number of their
// instances, and a fan-out stands where one memory serves a dimension that the next does not. I1 is inputs, I2 weights, O outputs.
// r_cost and w_cost are picojoules of one access of the port's width. Areas have no unit in these files and are left out.
// A core of Stream gets the memory of the off-chip core above its own; links and memories between cores are named, not modelled.
#pragma once

#include "nacre/hw/interchange/imported.hpp"

namespace nacre {

Imported read_zigzag(const ConfigNode& root, const std::string& name);
// Core files are read beside `folder`.
Imported read_stream(const ConfigNode& root, const std::filesystem::path& folder);

}  // namespace nacre
