// A number format: element grid, scale scheme, rounding and range estimator, written as one word with options.
//
//   format  := [ "mx" | "nv" ] element { ":" option }
//   element := intN | uintN | fpN_eXmY | fp4 | fp6 | fp8 | fp16 | bf16 | tf32 | fp32 | pow2:N | apot:N | nfN
//            | ternary | binary | codebook:values=A/B/..
//   option  := direct | tensor | channel | token | gN       which elements share a scale (gN: N neighbors)
//            | scales=fp32|fp16|bf16|e8m0                   how it is kept
//            | scale=ceil|floor|round                       rule of powers of two
//            | affine                                       with a zero point
//            | minmax | mse | absmean | percentile=P        how it is found
//            | round=nearest_even|half_away|floor|stochastic
//            | rotate=hadamard:N                            before rounding, undone after decoding (hadamard.hpp)
//            | a parameter of the element: clip=, fraction=, bias=, specials=, base=, values=
//
// "mx" is blocks of 32 with power-of-two scales, "nv" blocks of 16 with E4M3 scales and an fp32 for the tensor. Without options an
// element has one fp32 scale for the tensor, nfN groups of 64, pow2:N one power of two of least error, and floats of more than 8
// bits none. ONNX's names of its small floats are accepted too. format_text() writes what is not the default, in this order.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "nacre/quant/element_grid.hpp"
#include "nacre/quant/scale_scheme.hpp"

namespace nacre {

struct Format {
  std::shared_ptr<const ElementGrid> grid;
  std::string family;     // "mx", "nv" or ""
  std::string grid_kind;  // name in element_grid_registry()
  ScaleScheme scale = {};
  Rounding rounding = Rounding::nearest_even;
  std::string range = "minmax";  // name in range_estimator_registry()
  double percentile = 0;         // of range percentile
  int64_t rotation = 0;          // size of the Hadamard blocks, 0 for none
};

// UserError for what is none: what was expected, and the nearest names.
Format parse_format(std::string_view text);
// Parses to an equal format.
std::string format_text(const Format& format);

// Storage of one element with its share of the scale (and zero point) of a whole block; what a tensor, its channels or rows share
// counts as nothing (storage_bits() of quantize.hpp counts it for a shape). MX8 8.25, MX4 4.25, NV4 4.5.
double bits_per_element(const Format& format);

using FormatRegistry = Registry<std::string>;  // name to text
// The formats that are listed; all others of the grammar exist as well.
const FormatRegistry& format_registry();

}  // namespace nacre
