// The numbers that one element of a format can be, with their codes: integers, small floats, powers of two and sums of them,
// ternary, binary, and codebooks. A grid knows nothing of scales: 1 is 1.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/base/registry.hpp"
#include "nacre/quant/rounding.hpp"

namespace nacre {

inline constexpr int kMostCodedBits = 16;  // grids with more are for accumulators: they have a width and no codes here

// Grids whose rounding is arithmetic, which vector code uses: step * integer, or integer * 2^(exponent - mantissa bits).
enum class GridArithmetic { listed, uniform, floating };

struct GridLevel {
  float value = 0;
  uint16_t code = 0;
};

struct ElementGrid {
  std::string name;  // "int8", "fp4_e2m1", "pow2:3": with the options that are not its defaults
  int bits = 0;
  // What every code decodes to, 2^bits numbers; NaN where a code is no number. Empty for more than kMostCodedBits.
  std::vector<float> values = {};
  // What encoding can produce, finite, ascending, every number once.
  std::vector<GridLevel> levels = {};
  std::optional<uint16_t> not_a_number = std::nullopt;   // the code that NaN becomes where nothing scales
  std::optional<uint16_t> negative_zero = std::nullopt;  // the code of what rounds to zero from below
  float largest = 0;                                     // the number that the largest input is scaled to
  Rounding rounding = Rounding::nearest_even;            // unless a format says otherwise
  GridArithmetic arithmetic = GridArithmetic::listed;
  int step_exponent = 0;     // uniform: the step is 2^step_exponent; floating: that of the subnormals
  int mantissa_bits = 0;     // floating
  int minimum_exponent = 0;  // floating: of the smallest normal number

  bool coded() const { return !values.empty(); }
  bool is_signed() const { return !levels.empty() && levels.front().value < 0; }
  // The place in `levels` that `value` rounds to; beyond the ends the ends. `draw` in [0, 1) decides a stochastic rounding.
  // Precondition: coded and `value` is not NaN.
  size_t round(float value, Rounding rounding, double draw = 0) const;
  // round(), as a code: NaN becomes the grid's own, or zero's where it has none.
  uint16_t encode(float value, Rounding rounding, double draw = 0) const;

 private:
  friend void finish_grid(ElementGrid& grid);
  size_t zero_ = 0;  // place of zero in levels (of the lowest level where there is none): even places count from here
};

// Fills `levels` (every finite value of a code, the lowest code of equal ones), unless given, and what follows from them.
void finish_grid(ElementGrid& grid);

using ElementGridFactory = std::function<ElementGrid(const Options& options)>;
using ElementGridRegistry = Registry<ElementGridFactory>;
const ElementGridRegistry& element_grid_registry();

// Called by register.cpp only.
void register_integer_grids(ElementGridRegistry& registry);
void register_float_grid(ElementGridRegistry& registry);
void register_power_of_two_grids(ElementGridRegistry& registry);
void register_codebook_grids(ElementGridRegistry& registry);

}  // namespace nacre
