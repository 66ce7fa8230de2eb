// SCALE-Sim's files (A. Samajdar et al., ISPASS 2020): architecture (.cfg) and topology (.csv).
//
// The array gets its three memories one inside the other, which changes nothing: each holds one tensor. Words are 8 bit, as its
// sizes in kB count them. `Bandwidth` limits only where the interface is not CALC; the dataflow is the template of its kind.
#pragma once

#include <string>

#include "nacre/hw/interchange/imported.hpp"

namespace nacre {

Imported read_scale_sim_configuration(const std::string& text, const std::string& origin);
Imported read_scale_sim_topology(const std::string& text, const std::string& origin);

}  // namespace nacre
