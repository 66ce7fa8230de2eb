#include "nacre/hw/rtl/mac_price.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <string_view>
#include <tuple>
#include <utility>

#include "nacre/base/error.hpp"

namespace nacre {

namespace rtl_data {
extern const std::string_view csv;  // data/rtl/dot_units.csv
}  // namespace rtl_data

namespace {

constexpr int kMxBlock = 32;  // OCP microscaling v1.0
constexpr int kNvBlock = 16;
constexpr const char* kHeader = "weights,activations,lanes,accumulator_bits,scale,result,transistors,flip_flops,tool";

// Transistors of static CMOS by least squares on the table: relative errors, all units.
constexpr double kAnd = 6, kXor = 12, kFullAdder = 36, kHalfAdder = 18, kAdderBit = 40, kMultiplexer = 12;

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

struct StoredTransistors {
  std::optional<double> count = {};
  std::string source = {};
};

// Of that unit, or through two of other numbers of lanes: a part for each lane and a part for all.
StoredTransistors stored_transistors(const DotUnit& unit) {
  std::vector<const PricedUnit*> others;
  for (const PricedUnit& row : priced_units()) {
    if (same_unit(row.unit, unit)) {
      return {.count = static_cast<double>(row.transistors),
              .source = fmt::format("dot unit of {} lanes, synthesized by {}", unit.lanes, row.tool)};
    }
    DotUnit other = row.unit;
    other.lanes = unit.lanes;
    if (same_unit(other, unit)) others.push_back(&row);
  }
  if (others.size() < 2) return {};
  const PricedUnit &few = *others.front(), &many = *others.back();
  const double each =
      static_cast<double>(many.transistors - few.transistors) / static_cast<double>(many.unit.lanes - few.unit.lanes);
  return {.count = static_cast<double>(few.transistors) + each * (unit.lanes - few.unit.lanes),
          .source = fmt::format("dot unit of {} lanes, through {} and {} lanes synthesized by {}", unit.lanes,
                                few.unit.lanes, many.unit.lanes, few.tool)};
}

double price_of_int8() {
  const DotUnit int8 = unit_of("int8", "int8", 4, 32);
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
  std::vector<DotUnit> units = {unit_of("int8", "int8", 4, 32)};
  for (const char* format : {"int2", "int3", "int4", "int5", "int6", "int8", "int10", "int12", "int16", "fp8_e2m5",
                             "fp8_e3m4", "fp8_e4m3", "fp8_e5m2", "fp6_e2m3", "fp6_e3m2", "fp4_e2m1", "fp16_e5m10"})
    units.push_back(unit_of(format, format, 4));
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
  // Blocks at two sizes: what each lane adds and what the scales cost once (mac_price).
  for (const int lanes : {4, 8}) {
    for (const char* format : {"int8", "int6", "int4", "fp8_e4m3", "fp8_e5m2", "fp6_e2m3", "fp6_e3m2", "fp4_e2m1"})
      units.push_back(unit_of(format, format, lanes, 0, RtlScale::e8m0));
    for (const char* format : {"int4", "fp4_e2m1"}) units.push_back(unit_of(format, format, lanes, 0, RtlScale::e4m3));
  }
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
  static const std::map<std::string, std::tuple<std::string, int, RtlScale>, std::less<>> kBlocks = {
      {"mxint8", {"int8", kMxBlock, RtlScale::e8m0}},         {"mxint6", {"int6", kMxBlock, RtlScale::e8m0}},
      {"mxint4", {"int4", kMxBlock, RtlScale::e8m0}},         {"mxfp8_e4m3", {"fp8_e4m3", kMxBlock, RtlScale::e8m0}},
      {"mxfp8_e5m2", {"fp8_e5m2", kMxBlock, RtlScale::e8m0}}, {"mxfp6_e2m3", {"fp6_e2m3", kMxBlock, RtlScale::e8m0}},
      {"mxfp6_e3m2", {"fp6_e3m2", kMxBlock, RtlScale::e8m0}}, {"mxfp4", {"fp4_e2m1", kMxBlock, RtlScale::e8m0}},
      {"mxfp8", {"fp8_e4m3", kMxBlock, RtlScale::e8m0}},      {"mxfp6", {"fp6_e2m3", kMxBlock, RtlScale::e8m0}},
      {"nvint4", {"int4", kNvBlock, RtlScale::e4m3}},         {"nvfp4", {"fp4_e2m1", kNvBlock, RtlScale::e4m3}}};
  if (const auto block = kBlocks.find(formats); block != kBlocks.end()) {
    const auto& [element, lanes, scale] = block->second;
    return unit_of(element, element, lanes, 0, scale);
  }
  const size_t star = formats.find('*');
  const std::string weights = formats.substr(0, star);
  const std::string activations = star == std::string::npos ? weights : formats.substr(star + 1);
  try {
    return unit_of(weights, activations, 4, weights == "int8" && activations == "int8" ? 32 : 0);
  } catch (const UserError&) {
    return std::nullopt;
  }
}

}  // namespace nacre
