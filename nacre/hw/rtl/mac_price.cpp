#include "nacre/hw/rtl/mac_price.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>
#include <tuple>
#include <utility>

#include "nacre/base/error.hpp"
#include "nacre/quant/format.hpp"

namespace nacre {

namespace rtl_data {
extern const std::string_view csv;  // data/rtl/dot_units.csv
}  // namespace rtl_data

namespace {

constexpr int kMxBlock = 32;  // OCP microscaling v1.0
constexpr int kNvBlock = 16;
constexpr int kLanes = 4;             // of formats without blocks
constexpr int kInt8Accumulator = 32;  // what everything is compared with: int8 as accelerators have it
constexpr const char* kHeader = "weights,activations,lanes,accumulator_bits,scale,result,transistors,flip_flops,tool";

// Transistors a gate, by least squares on the relative errors of the table. Not those of the gate alone: the number of partial products
// and that of the adders behind them go together, so that one carries the other.
constexpr double kAnd = 32.21, kXor = 18.62, kFullAdder = 9.38, kHalfAdder = 18.64, kAdderBit = 10.24,
                 kMultiplexer = 7.27;

constexpr std::array<std::pair<RtlScale, std::string_view>, 3> kScales = {
    {{RtlScale::none, "none"}, {RtlScale::e8m0, "e8m0"}, {RtlScale::e4m3, "e4m3"}}};

DotUnit unit_of(const std::string& weights, const std::string& activations, int lanes, int accumulator_bits = 0,
                RtlScale scale = RtlScale::none, bool float_result = false) {
  return checked({.weights = rtl_operand(weights),
                  .activations = rtl_operand(activations),
                  .lanes = lanes,
                  .accumulator_bits = accumulator_bits,
                  .scale = scale,
                  .float_result = float_result});
}

PricedUnit parse_row(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream row(line);
  for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
  if (cells.size() != 9) throw InternalError("data/rtl/dot_units.csv: '" + line + "' has not nine columns");
  const auto* scale =
      std::ranges::find(kScales, std::string_view(cells[4]), &std::pair<RtlScale, std::string_view>::second);
  if (scale == kScales.end()) throw InternalError("data/rtl/dot_units.csv: unknown scale in '" + line + "'");
  return {.unit = unit_of(cells[0], cells[1], std::stoi(cells[2]), std::stoi(cells[3]), scale->first,
                          cells[5] == "float32"),
          .transistors = std::stoll(cells[6]),
          .flip_flops = std::stoll(cells[7]),
          .tool = cells[8]};
}

bool same_unit(const DotUnit& left, const DotUnit& right) {
  const auto key = [](const DotUnit& unit) {
    const bool fixed = unit.scale == RtlScale::none;  // with scales the accumulator is a float32
    return std::tuple(unit.weights.format, unit.activations.format, unit.lanes, fixed ? unit.accumulator_bits : 0,
                      unit.adders, unit.scale, unit.float_result);
  };
  return key(left) == key(right);
}

// Where the point of an integer is and which of its codes are used is nothing to the hardware.
std::string element_of(const Format& format) {
  const std::string& name = format.grid->name;
  return name.substr(0, std::min(name.find(":fraction="), name.find(":clip=")));
}

struct StoredTransistors {
  std::optional<double> count = {};
  std::string source = {};
};

const PricedUnit* stored(const DotUnit& unit) {
  const auto found =
      std::ranges::find_if(priced_units(), [&](const PricedUnit& row) { return same_unit(row.unit, unit); });
  return found == priced_units().end() ? nullptr : &*found;
}

// Of that unit. With other lanes than the stored one: each lane more at what a lane costs without scales.
StoredTransistors stored_transistors(const DotUnit& unit) {
  if (const PricedUnit* row = stored(unit)) {
    return {.count = static_cast<double>(row->transistors),
            .source = fmt::format("dot unit of {} lanes, synthesized by {}", unit.lanes, row->tool)};
  }
  DotUnit base = unit;
  base.lanes = kLanes;
  DotUnit lane = base;
  lane.scale = RtlScale::none;
  lane.float_result = false;
  if (unit.scale != RtlScale::none) lane.accumulator_bits = 0;
  const PricedUnit *row = stored(base), *lanes = stored(checked(lane));
  if (!row || !lanes) return {};
  return {
      .count = static_cast<double>(row->transistors) +
               static_cast<double>(lanes->transistors) / kLanes * (unit.lanes - kLanes),
      .source = fmt::format("dot unit of {} lanes, from units of {} synthesized by {}", unit.lanes, kLanes, row->tool)};
}

double price_of_int8() {
  const DotUnit int8 = unit_of("int8", "int8", kLanes, kInt8Accumulator);
  return stored_transistors(int8).count.value_or(counted_transistors(int8)) / int8.lanes;
}

}  // namespace

const std::vector<PricedUnit>& priced_units() {
  static const std::vector<PricedUnit> kUnits = [] {
    std::vector<PricedUnit> units;
    std::istringstream lines{std::string(rtl_data::csv)};
    for (std::string line; std::getline(lines, line);)
      if (!line.empty() && line != kHeader) units.push_back(parse_row(line));
    return units;
  }();
  return kUnits;
}

std::vector<DotUnit> units_to_price() {
  std::vector<DotUnit> units = {unit_of("int8", "int8", kLanes, kInt8Accumulator)};
  for (const char* format : {"int2", "int3", "int4", "int5", "int6", "int8", "int10", "int12", "int16", "fp8_e2m5",
                             "fp8_e3m4", "fp8_e4m3", "fp8_e5m2", "fp6_e2m3", "fp6_e3m2", "fp4_e2m1", "fp16_e5m10"})
    units.push_back(unit_of(format, format, kLanes));
  for (const auto& [weights, activations] :
       std::initializer_list<std::pair<const char*, const char*>>{{"binary", "binary"},
                                                                  {"binary", "int8"},
                                                                  {"ternary", "ternary"},
                                                                  {"ternary", "int8"},
                                                                  {"pow2:3", "int8"},
                                                                  {"pow2:4", "int8"},
                                                                  {"pow2:3", "int16"},
                                                                  {"int2", "int8"},
                                                                  {"int4", "int8"},
                                                                  {"int8", "int16"},
                                                                  {"int4", "int16"},
                                                                  {"int4", "fp8_e4m3"},
                                                                  {"fp4_e2m1", "fp8_e4m3"},
                                                                  {"fp8_e4m3", "fp8_e5m2"}})
    units.push_back(unit_of(weights, activations, 4));
  for (const char* format : {"int8", "fp8_e4m3", "fp8_e5m2"})
    units.push_back(unit_of(format, format, 4, format == std::string_view("int8") ? 32 : 0, RtlScale::none, true));
  // Blocks: larger ones follow from these and from the units without scales (mac_price).
  for (const char* format : {"int8", "int6", "int4", "fp8_e4m3", "fp8_e5m2", "fp6_e2m3", "fp6_e3m2", "fp4_e2m1"})
    units.push_back(unit_of(format, format, kLanes, 0, RtlScale::e8m0));
  for (const char* format : {"int4", "fp4_e2m1"}) units.push_back(unit_of(format, format, kLanes, 0, RtlScale::e4m3));
  return units;
}

std::string priced_units_csv(std::span<const PricedUnit> units) {
  std::string text = std::string(kHeader) + "\n";
  for (const PricedUnit& row : units) {
    const DotUnit& unit = row.unit;
    const auto* scale = std::ranges::find(kScales, unit.scale, &std::pair<RtlScale, std::string_view>::first);
    text += fmt::format("{},{},{},{},{},{},{},{},{}\n", unit.weights.format, unit.activations.format, unit.lanes,
                        unit.accumulator_bits, scale->second, unit.float_result ? "float32" : "fixed", row.transistors,
                        row.flip_flops, row.tool);
  }
  return text;
}

double counted_transistors(const DotUnit& unit) {
  const GateCounts counts = dot_unit_gates(unit);
  const auto times = [](int64_t count, double each) { return static_cast<double>(count) * each; };
  return times(counts.and_gates, kAnd) + times(counts.xor_gates, kXor) + times(counts.full_adders, kFullAdder) +
         times(counts.half_adders, kHalfAdder) + times(counts.adder_bits, kAdderBit) +
         times(counts.multiplexers, kMultiplexer);
}

MacPrice mac_price(const DotUnit& unit) {
  const DotUnit design = checked(unit);
  MacPrice price;
  price.lanes = design.lanes;
  const StoredTransistors stored = stored_transistors(design);
  price.counted = !stored.count;
  price.transistors = stored.count.value_or(counted_transistors(design)) / design.lanes;
  price.relative = price.transistors / price_of_int8();
  price.source = price.counted ? std::string("gates of the netlist, counted") : stored.source;
  return price;
}

std::optional<DotUnit> dot_unit_of_formats(const std::string& formats) {
  const size_t star = formats.find('*');
  const std::string weights = formats.substr(0, star);
  const std::string activations = star == std::string::npos ? weights : formats.substr(star + 1);
  try {
    const Format weight = parse_format(weights), activation = parse_format(activations);
    if (weight.family != activation.family) return std::nullopt;
    const bool scaled = !weight.family.empty();
    const bool int8 = element_of(weight) == "int8" && element_of(activation) == "int8";
    return unit_of(element_of(weight), element_of(activation),
                   weight.family == "mx"   ? kMxBlock
                   : weight.family == "nv" ? kNvBlock
                                           : kLanes,
                   int8 && !scaled ? kInt8Accumulator : 0,
                   weight.family == "mx"   ? RtlScale::e8m0
                   : weight.family == "nv" ? RtlScale::e4m3
                                           : RtlScale::none);
  } catch (const UserError&) {
    return std::nullopt;
  }
}

}  // namespace nacre
