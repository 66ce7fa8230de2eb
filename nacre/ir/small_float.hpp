// The 8-bit and 4-bit floating-point formats of ONNX as bit patterns: E4M3 and E5M2 with (FN) and without (FNUZ) infinities
// as the OCP and Graphcore/AMD proposals define them (arXiv 2209.05433, 2206.02915), and E2M1.
#pragma once

#include <cstdint>

#include "nacre/ir/element_type.hpp"

namespace nacre {

bool is_small_float(ElementType type);

// Precondition: is_small_float(type). The low bits hold the code.
float small_float_to_float(ElementType type, uint8_t code);

// Rounds to nearest, ties to even. What lies beyond the largest number becomes that number with `saturate` (infinities too),
// else infinity where the format has one, else not-a-number (ONNX, Cast-19). E2M1 has neither and always saturates; its
// not-a-number is the largest number.
uint8_t float_to_small_float(ElementType type, float value, bool saturate = true);

}  // namespace nacre
