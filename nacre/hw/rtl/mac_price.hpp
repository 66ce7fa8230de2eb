// What a multiply-accumulate costs in gates, by the formats of its operands: the price of a format.
//
// The prices are of dot units (dot_unit.hpp) that Yosys synthesized; `data/rtl/dot_units.csv` keeps them, `nacre rtl prices --measure`
// makes the table again. A unit that is not in it is counted: gates of its netlist before a tool optimizes them, times what a gate
// of each kind cost in the mean of the table (mac_price_test says how far that is off). Areas and energies are those of an int8
// multiplier and 32 bit adder (component_costs.hpp) times the ratio of transistors: to first order, as sheet 33 takes it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nacre/hw/rtl/dot_unit.hpp"

namespace nacre {

struct MacPrice {
  double transistors = 0;  // of one multiply-accumulate: the unit's by its lanes, without flip-flops
  double relative = 1;     // to int8 x int8 with an accumulator of 32 bits
  bool counted = false;    // true: no synthesis, counted
  int lanes = 0;
  std::string source;
};

// Units whose price is kept, in the table's order.
struct PricedUnit {
  DotUnit unit;
  int64_t transistors = 0;
  int64_t flip_flops = 0;
  std::string tool;
};
const std::vector<PricedUnit>& priced_units();
// What `nacre rtl prices --measure` synthesizes.
std::vector<DotUnit> units_to_price();
std::string priced_units_csv(std::span<const PricedUnit> units);

// UserError as `checked`.
MacPrice mac_price(const DotUnit& unit);
// By the name of a format, of both operands ("fp8_e4m3", "mxint8": blocks of 32 with E8M0 scales, "nvfp4": 16 with E4M3) or of weights and
// activations ("int4*int8"). Nothing where no dot unit can be made.
std::optional<DotUnit> dot_unit_of_formats(const std::string& formats);

// Before optimization, of generic gates.
double counted_transistors(const DotUnit& unit);

}  // namespace nacre
