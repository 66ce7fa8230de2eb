#include "nacre/hw/accelerator/component_costs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "nacre/base/error.hpp"
#include "nacre/base/json.hpp"
#include "nacre/hw/rtl/mac_price.hpp"

namespace nacre {
namespace {

constexpr double kPico = 1e-12;
constexpr double kEqualVoltage =
    0.8;  // where a supply is not known, nodes are compared at this one, as Accelergy's library does

struct NodeScaling {
  double node_nm;
  double a, b, c;     // e(V) = a V^2 + b V + c
  double area_of_45;  // area there over the area at 45 nm
};

// Stillmaker and Baas 2017, from the largest node to the smallest.
constexpr std::array<NodeScaling, 10> kNodes = {{{130, 7.171, -6.709, 2.904, 6.4},
                                                 {90, 4.762, -4.781, 2.092, 2.8},
                                                 {65, 3.755, -4.398, 1.975, 1.5},
                                                 {45, 1.103, -0.362, 0.2767, 1.0},
                                                 {32, 0.9559, -0.7823, 0.471, 0.46},
                                                 {20, 0.373, -0.1582, 0.04104, 0.21},
                                                 {16, 0.2958, -0.1241, 0.03024, 0.19},
                                                 {14, 0.2363, -0.09675, 0.02239, 0.17},
                                                 {10, 0.2068, -0.09311, 0.02375, 0.10},
                                                 {7, 0.1776, -0.09097, 0.02447, 0.059}}};

// Interpolates log(value) over log(node) between the two published neighbors.
template <class Value>
double at_node(double node_nm, Value value) {
  if (!(node_nm >= kNodes.back().node_nm && node_nm <= kNodes.front().node_nm)) {
    throw UserError(fmt::format("no scaling for a technology of {} nm; expected {} .. {}", node_nm,
                                kNodes.back().node_nm, kNodes.front().node_nm));
  }
  size_t small = 0;
  while (kNodes[small].node_nm > node_nm) ++small;
  if (kNodes[small].node_nm == node_nm) return value(kNodes[small]);
  const NodeScaling& below = kNodes[small];
  const NodeScaling& above = kNodes[small - 1];
  const double share = std::log(node_nm / below.node_nm) / std::log(above.node_nm / below.node_nm);
  return std::exp(std::log(value(below)) * (1 - share) + std::log(value(above)) * share);
}

// scale * size_bytes^size * width_bits^width, in pJ, mW or mm2.
struct PowerLaw {
  double scale, size, width;
  double operator()(double size_bytes, double width_bits) const {
    return scale * std::pow(size_bytes, size) * std::pow(width_bits, width);
  }
};

struct SramFit {
  double node_nm;
  PowerLaw read_pj, write_pj, leakage_mw, area_mm2;
};

// Least squares on the logarithms of CACTI 7.0's results (itrs-lstp, 512 B .. 2 MiB, 32, 64 and 128 bit, 300 K).
constexpr std::array<SramFit, 4> kSram = {
    {{65, {0.007387, 0.589, 0.491}, {0.01619, 0.445, 0.700}, {4.096e-8, 0.958, 0.008}, {7.509e-6, 0.973, 0.045}},
     {45, {0.005308, 0.573, 0.469}, {0.007088, 0.451, 0.727}, {2.970e-8, 0.956, 0.007}, {3.709e-6, 0.975, 0.036}},
     {32, {0.002766, 0.567, 0.498}, {0.003834, 0.455, 0.713}, {3.964e-8, 0.956, 0.006}, {1.969e-6, 0.978, 0.026}},
     {22, {0.001183, 0.562, 0.519}, {0.001437, 0.466, 0.712}, {2.504e-8, 0.957, 0.006}, {8.083e-7, 0.981, 0.060}}}};
constexpr double kSmallestSramBytes = 512;
constexpr double kLargestFittedSramBytes = 2 << 20;

struct DramType {
  const char* name;
  double pj_per_bit;
  const char* source;
};

constexpr std::array<DramType, 6> kDram = {{{"lpddr4", 8.0, "8 pJ/bit, Accelergy CACTI plug-in"},
                                            {"lpddr", 40.0, "40 pJ/bit, Malladi et al., ISCA 2012"},
                                            {"ddr3", 70.0, "70 pJ/bit, Malladi et al., ISCA 2012"},
                                            {"gddr5", 14.0, "14 pJ/bit, Chatterjee et al., MICRO 2017"},
                                            {"hbm2", 3.9, "3.9 pJ/bit, Chatterjee et al., MICRO 2017"},
                                            {"dram", 20.0, "640 pJ for 32 bit, Han et al. (EIE), ISCA 2016"}}};

// Of one operation at 45 nm and 0.9 V.
struct Arithmetic {
  const char* format;
  double multiply_pj, add_pj;
  double multiply_um2, add_um2;
  const char* source;
};

constexpr const char* kHorowitz = "Horowitz, ISSCC 2014 (45 nm, 0.9 V), areas by Sze et al., Proc. IEEE 2017";
constexpr const char* kBetween =
    "power law between the 8 and the 32 bit multiplier of Horowitz, ISSCC 2014, and of Sze et al., Proc. IEEE 2017 (45 "
    "nm)";

// Integers are added in 32 bit (32 bit ones in 64: two adders), floats in fp32.
constexpr std::array<Arithmetic, 6> kArithmetic = {{{"int4", 0.0508, 0.1, 80.1, 137, kBetween},
                                                    {"int8", 0.2, 0.1, 282, 137, kHorowitz},
                                                    {"int16", 0.787, 0.1, 993, 137, kBetween},
                                                    {"int32", 3.1, 0.2, 3495, 274, kHorowitz},
                                                    {"fp16", 1.1, 0.9, 1640, 4184, kHorowitz},
                                                    {"fp32", 3.7, 0.9, 7700, 4184, kHorowitz}}};
constexpr double kArithmeticNode = 45;
constexpr double kArithmeticVoltage = 0.9;

double node_of(const ComponentQuery& query) {
  if (!query.node_nm) {
    throw UserError(fmt::format("'{}' is to be estimated, but the technology is not known; give node_nm",
                                query.name.empty() ? query.component : query.name));
  }
  return *query.node_nm;
}

double scaled_energy(double from_nm, double from_v, const ComponentQuery& query) {
  const double to_nm = node_of(query);
  return query.voltage_v ? energy_scale(from_nm, from_v, to_nm, *query.voltage_v)
                         : energy_scale(from_nm, kEqualVoltage, to_nm, kEqualVoltage);
}

std::string scaled_text(double from_nm, double to_nm) {
  return from_nm == to_nm ? "" : fmt::format("; to {} nm by Stillmaker and Baas 2017", to_nm);
}

int64_t capacity_of(const ComponentQuery& query) {
  if (!query.capacity_bits)
    throw UserError(fmt::format("'{}': the cost of a {} needs its capacity", query.name, query.component));
  return *query.capacity_bits;
}

ComponentCost sram_cost(const ComponentQuery& query) {
  const double node_nm = node_of(query);
  const double bytes = static_cast<double>(capacity_of(query)) / 8.0 / static_cast<double>(query.banks);
  if (bytes < kSmallestSramBytes) {
    throw UserError(fmt::format("'{}': no estimate for an sram bank of {} B (from {} B on); use register_file",
                                query.name, bytes, kSmallestSramBytes));
  }
  const SramFit& fit = *std::ranges::min_element(
      kSram, {}, [&](const SramFit& candidate) { return std::abs(std::log(candidate.node_nm / node_nm)); });
  const auto width = static_cast<double>(query.access_bits);
  // CACTI has its own supply at each node; only the step between nodes is scaled.
  const double energy = fit.node_nm == node_nm ? 1.0 : energy_scale(fit.node_nm, kEqualVoltage, node_nm, kEqualVoltage);
  ComponentCost cost;
  cost.read_energy_j = fit.read_pj(bytes, width) * energy * kPico;
  cost.write_energy_j = fit.write_pj(bytes, width) * energy * kPico;
  cost.area_mm2 = fit.area_mm2(bytes, width) * area_scale(fit.node_nm, node_nm) * static_cast<double>(query.banks);
  if (fit.node_nm == node_nm) cost.leakage_w = fit.leakage_mw(bytes, width) * static_cast<double>(query.banks) * 1e-3;
  cost.source = fmt::format("estimated: power law of CACTI 7.0 at {} nm (lstp){}", fit.node_nm,
                            scaled_text(fit.node_nm, node_nm));
  if (bytes > kLargestFittedSramBytes) cost.source += ", beyond the 2 MiB that were fitted";
  return cost;
}

ComponentCost register_file_cost(const ComponentQuery& query) {
  constexpr double kNode = 65;
  constexpr double kReadBase = 0.0841, kReadEntry = 0.009857;  // pJ of 16 bit
  constexpr double kWriteBase = 0.0630, kWriteEntry = 0.009472;
  constexpr double kBitArea = 5.98, kBitAreaNode = 40;  // um2: register_bit of Aladdin
  const double node_nm = node_of(query);
  const auto bits = static_cast<double>(capacity_of(query));
  const auto width = static_cast<double>(query.access_bits);
  const double entries = bits / width;
  const double energy = energy_scale(kNode, kEqualVoltage, node_nm, kEqualVoltage) * width / 16 * kPico;
  ComponentCost cost;
  cost.read_energy_j = (kReadBase + kReadEntry * entries) * energy;
  cost.write_energy_j = (kWriteBase + kWriteEntry * entries) * energy;
  cost.area_mm2 = kBitArea * bits * area_scale(kBitAreaNode, node_nm) * 1e-6;
  cost.source = fmt::format(
      "estimated: energy through the register files of Accelergy's eyeriss_like tables (65 nm), area of Aladdin's "
      "register bit (40 nm){}",
      scaled_text(kNode, node_nm));
  return cost;
}

ComponentCost mac_cost(const ComponentQuery& query);

// Formats that no constant is published for: the cost of int8 times the ratio of the gates.
ComponentCost priced_mac_cost(const ComponentQuery& query) {
  const std::optional<DotUnit> unit = dot_unit_of_formats(query.format);
  if (!unit) {
    throw UserError(unknown_name_message("format to estimate", query.format, estimated_formats(),
                                         "or one that nacre rtl prices lists, or weights*activations"));
  }
  const MacPrice price = mac_price(*unit);
  ComponentQuery int8 = query;
  int8.format = "int8";
  ComponentCost cost = mac_cost(int8);
  cost.energy_j = *cost.energy_j * price.relative;
  cost.area_mm2 = *cost.area_mm2 * price.relative;
  cost.source += fmt::format("; times {:.3f} for {}: {}", price.relative, query.format,
                             price.counted ? "dot unit, gates counted" : price.source);
  return cost;
}

ComponentCost mac_cost(const ComponentQuery& query) {
  const auto* found = std::ranges::find(kArithmetic, query.format, &Arithmetic::format);
  if (found == kArithmetic.end()) return priced_mac_cost(query);
  const double node_nm = node_of(query);
  ComponentCost cost;
  cost.energy_j =
      (found->multiply_pj + found->add_pj) * scaled_energy(kArithmeticNode, kArithmeticVoltage, query) * kPico;
  cost.area_mm2 = (found->multiply_um2 + found->add_um2) * area_scale(kArithmeticNode, node_nm) * 1e-6;
  cost.source =
      fmt::format("estimated: multiplier and adder, {}{}", found->source, scaled_text(kArithmeticNode, node_nm));
  return cost;
}

std::optional<double> answered(const Json& answer, const char* key, double unit) {
  const auto found = answer.find(key);
  if (found == answer.end() || found->is_null()) return std::nullopt;
  if (!found->is_number()) throw UserError(fmt::format("the answer's {} is no number: {}", key, found->dump()));
  const double value = found->get<double>();
  if (!std::isfinite(value) || value < 0)
    throw UserError(fmt::format("the answer's {} is {}; expected a number >= 0", key, value));
  return value * unit;
}

}  // namespace

double energy_scale(double from_nm, double from_v, double to_nm, double to_v) {
  const auto factor = [](double node_nm, double voltage) {
    return at_node(node_nm,
                   [&](const NodeScaling& node) { return node.a * voltage * voltage + node.b * voltage + node.c; });
  };
  return factor(to_nm, to_v) / factor(from_nm, from_v);
}

double area_scale(double from_nm, double to_nm) {
  const auto factor = [](double node_nm) {
    return at_node(node_nm, [](const NodeScaling& node) { return node.area_of_45; });
  };
  return factor(to_nm) / factor(from_nm);
}

const std::vector<std::string>& estimated_memories() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names = {"sram", "register_file"};
    for (const DramType& type : kDram) names.emplace_back(type.name);
    return names;
  }();
  return kNames;
}

const std::vector<std::string>& estimated_formats() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const Arithmetic& arithmetic : kArithmetic) names.emplace_back(arithmetic.format);
    return names;
  }();
  return kNames;
}

ComponentCost estimate_component(const ComponentQuery& query) {
  if (query.component == "mac") return mac_cost(query);
  if (query.access_bits <= 0 || query.banks <= 0)
    throw UserError(fmt::format("'{}': access_bits and banks must be positive", query.name));
  if (query.component == "sram") return sram_cost(query);
  if (query.component == "register_file") return register_file_cost(query);
  const auto* dram = std::ranges::find(kDram, query.component, &DramType::name);
  if (dram == kDram.end())
    throw UserError(unknown_name_message("component to estimate", query.component, estimated_memories()));
  ComponentCost cost;
  cost.read_energy_j = cost.write_energy_j = dram->pj_per_bit * static_cast<double>(query.access_bits) * kPico;
  cost.area_mm2 = 0.0;  // of this chip
  cost.source = fmt::format("estimated: {}; not on this chip", dram->source);
  return cost;
}

ComponentCost ask_component_cost(const CommandSettings& command, const ComponentQuery& query) {
  const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(); };
  const bool memory = query.component != "mac";
  const Json question = {{"component", query.component},
                         {"name", query.name},
                         {"capacity_bits", or_null(query.capacity_bits)},
                         {"access_bits", memory ? Json(query.access_bits) : Json()},
                         {"banks", memory ? Json(query.banks) : Json()},
                         {"format", query.format.empty() ? Json() : Json(query.format)},
                         {"node_nm", or_null(query.node_nm)},
                         {"voltage_v", or_null(query.voltage_v)}};
  const std::string who = fmt::format("estimator '{}' of '{}'", command.words.front(), query.name);
  const FinishedProcess finished =
      run_subprocess(filled_command(command, {}), command.timeout_s, question.dump() + "\n", 1 << 20);
  if (!finished.succeeded()) throw UserError(fmt::format("{} {}", who, finished.failure_text(command.timeout_s)));
  const Json answer = Json::parse(finished.output, nullptr, false);
  if (!answer.is_object()) {
    throw UserError(fmt::format("{} printed no JSON object but '{}'", who, last_line(finished.output, 120)));
  }
  if (const auto error = answer.find("error"); error != answer.end() && !error->is_null())
    throw UserError(fmt::format("{} refuses: {}", who, error->is_string() ? error->get<std::string>() : error->dump()));
  try {
    ComponentCost cost;
    cost.read_energy_j = answered(answer, "read_energy_pj", kPico);
    cost.write_energy_j = answered(answer, "write_energy_pj", kPico);
    cost.energy_j = answered(answer, "energy_pj", kPico);
    cost.leakage_w = answered(answer, "leakage_mw", 1e-3);
    cost.area_mm2 = answered(answer, "area_mm2", 1.0);
    const auto source = answer.find("source");
    cost.source = fmt::format("estimator '{}'", command.words.front());
    if (source != answer.end() && source->is_string()) cost.source += ": " + source->get<std::string>();
    return cost;
  } catch (const UserError& error) {
    throw UserError(fmt::format("{}: {}", who, error.what()));
  }
}

}  // namespace nacre
