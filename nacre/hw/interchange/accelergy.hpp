// Accelergy's reference tables (Y. N. Wu et al., ICCAD 2019): energies of actions in pJ and areas in um2 by component; and the
// architectures of accelforge, its successor with Timeloop.
//
// accelforge states energies in joules of one bit (or of bits_per_action), sizes in bits, throughputs in actions a second: these
// become bits a cycle where the multiplier's throughput says the clock. Expressions of numbers are evaluated, others named.
#pragma once

#include <string>

#include "nacre/hw/interchange/imported.hpp"

namespace nacre {

Imported read_accelergy(const ConfigNode& root);
Imported read_accelforge(const ConfigNode& root, const std::string& name);
// The text with Jinja's `{% set X = X | default(V) %}` and `{{X}}` filled in from the defaults.
std::string filled_with_defaults(const std::string& text, const std::string& origin);

}  // namespace nacre
