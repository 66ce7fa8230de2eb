// Integers in two's complement and unsigned ones, with an implied binary point where a standard has one (OCP MXINT8: 6 bits).
// The symmetric range leaves out -2^(bits-1): with it, block scales that round down favor negative numbers (INT v.s. FP,
// arXiv 2510.25602, section on symmetric clipping).
#include <cmath>

#include "nacre/quant/element_grid.hpp"

namespace nacre {
namespace {

constexpr int kMostBits = 64;

ElementGrid integer_grid(const Options& options, bool is_signed) {
  ElementGrid grid;
  grid.bits = static_cast<int>(options.integer("bits"));
  const bool full = is_signed && options.text("clip") == "asym";
  grid.name = (is_signed ? "int" : "uint") + std::to_string(grid.bits) + (full ? ":clip=asym" : "");
  grid.arithmetic = GridArithmetic::uniform;
  const int fraction = is_signed ? static_cast<int>(options.integer("fraction")) : 0;
  grid.step_exponent = -fraction;
  if (fraction > 0) grid.name += ":fraction=" + std::to_string(fraction);
  if (grid.bits > kMostCodedBits) return grid;
  const int codes = 1 << grid.bits;
  for (int code = 0; code < codes; ++code) {
    const int integer = is_signed && code >= codes / 2 ? code - codes : code;
    const float value = std::ldexp(static_cast<float>(integer), -fraction);
    grid.values.push_back(value);
    if (full || !is_signed || integer != -codes / 2) grid.levels.push_back({value, static_cast<uint16_t>(code)});
  }
  grid.largest = std::ldexp(static_cast<float>(is_signed ? codes / 2 - 1 : codes - 1), -fraction);
  finish_grid(grid);
  return grid;
}

}  // namespace

void register_integer_grids(ElementGridRegistry& registry) {
  registry.add({.name = "int",
                .summary = "integers in two's complement: int8, int4, ...",
                .source = "OCP MX v1.0 (int8 with 6 bits after the point), arXiv 2510.25602",
                .parameters = {{.name = "bits",
                                .type = ParameterType::integer,
                                .description = "width; above 16 for accumulators only",
                                .default_value = 8,
                                .minimum = 2,
                                .maximum = kMostBits},
                               {.name = "fraction",
                                .type = ParameterType::integer,
                                .description = "bits after the binary point; mx formats have bits - 2",
                                .default_value = 0,
                                .minimum = 0,
                                .maximum = kMostCodedBits},
                               {.name = "clip",
                                .type = ParameterType::text,
                                .description = "range: sym leaves out -2^(bits-1), asym has it",
                                .default_value = "sym",
                                .choices = {"sym", "asym"}}},
                .example = "nacre formats show int4"},
               [](const Options& options) { return integer_grid(options, true); });
  registry.add({.name = "uint",
                .summary = "integers from 0: uint8, uint4, ...; behind a rectifier or with a zero point",
                .source = "",
                .parameters = {{.name = "bits",
                                .type = ParameterType::integer,
                                .description = "width; above 16 for accumulators only",
                                .default_value = 8,
                                .minimum = 1,
                                .maximum = kMostBits}},
                .example = "nacre formats show uint4"},
               [](const Options& options) { return integer_grid(options, false); });
}

}  // namespace nacre
