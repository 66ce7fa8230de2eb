// Verilog modules of float32 arithmetic (IEEE 754 binary32, nearest even, gradual underflow): what follows an exact sum.
#pragma once

#include <string>

#include "nacre/hw/rtl/verilog_module.hpp"

namespace nacre {

// Module `fixed_to_float32`: x, two's complement of `width` bits, times 2^exponent (12 bits, two's complement), as float32.
std::string fixed_to_float32_verilog(int width);
// Module `float32_add`: y = a + b; every NaN is 7fc00000.
std::string float32_add_verilog();
// Of the conversion, and of the adder where asked.
GateCounts float32_gates(int width, bool adder);

}  // namespace nacre
