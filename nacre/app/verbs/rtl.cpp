// nacre rtl: generated Verilog of arithmetic units, simulated and synthesized, and the prices that come of it.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "nacre/base/log.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/accelerator/component_costs.hpp"
#include "nacre/hw/rtl/dot_unit.hpp"
#include "nacre/hw/rtl/mac_price.hpp"
#include "nacre/hw/rtl/rtl_tools.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

struct RtlVerbOptions {
  std::string kind;
  std::string weights = "int8";
  std::string activations;
  int64_t lanes = 4;
  int64_t accumulator_bits = 0;
  std::string adders = "carry_save";
  std::string scale = "none";
  bool float_result = false;
  int64_t vectors = 10000;
  int64_t seed = 0;
  bool simulate = false;
  std::string synthesize;
  bool no_dsp = false;
  bool measure = false;
  std::string output;
};

template <class Value>
Value chosen(const std::string& text, const char* option, std::initializer_list<std::pair<const char*, Value>> values) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values) {
    if (text == name) return value;
    names.emplace_back(name);
  }
  throw UserError(fmt::format("{}: {}", option, unknown_name_message("value", text, names)));
}

DotUnit unit_of(const RtlVerbOptions& options) {
  const auto whole = [](int64_t value, const char* name) {
    if (value > 1024) throw UserError(fmt::format("{}: {} is too large", name, value));
    return static_cast<int>(value);
  };
  return checked(
      {.weights = rtl_operand(options.weights),
       .activations = rtl_operand(options.activations.empty() ? options.weights : options.activations),
       .lanes = whole(options.lanes, "--lanes"),
       .accumulator_bits = whole(options.accumulator_bits, "--accumulator"),
       .adders = chosen<RtlAdders>(options.adders, "--adders",
                                   {{"carry_save", RtlAdders::carry_save}, {"carry_chain", RtlAdders::carry_chain}}),
       .scale = chosen<RtlScale>(options.scale, "--scale",
                                 {{"none", RtlScale::none}, {"e8m0", RtlScale::e8m0}, {"e4m3", RtlScale::e4m3}}),
       .float_result = options.float_result});
}

Json synthesis_json(const RtlSynthesis& synthesis) {
  Json json = {{"cells", synthesis.cells},
               {"flip_flops", synthesis.flip_flops},
               {"tool", synthesis.tool},
               {"command", synthesis.command}};
  if (synthesis.transistors) {
    json["transistors"] = *synthesis.transistors;
  } else {
    json["look_up_tables"] = synthesis.look_up_tables;
    json["dsp_slices"] = synthesis.dsp_slices;
  }
  return json;
}

void print_dot_unit(const Json& json) {
  std::cout << fmt::format("{} x {}, {} lanes, {} bits a product, accumulator of {} bits\n",
                           json["weights"].get<std::string>(), json["activations"].get<std::string>(),
                           json["lanes"].get<int>(), json["product_bits"].get<int>(),
                           json["accumulator_bits"].get<int>());
  std::cout << fmt::format("price: {:.0f} transistors a multiply-accumulate, {:.2f} of int8 ({})\n",
                           json["price"]["transistors"].get<double>(), json["price"]["relative"].get<double>(),
                           json["price"]["source"].get<std::string>());
  if (json.contains("simulation"))
    std::cout << fmt::format("simulated: {} vectors, {} mismatches\n", json["simulation"]["vectors"].get<int64_t>(),
                             json["simulation"]["mismatches"].get<int64_t>());
  if (json.contains("synthesis")) {
    const Json& synthesis = json["synthesis"];
    std::cout << fmt::format("synthesized by {}: ", synthesis["tool"].get<std::string>());
    if (synthesis.contains("transistors")) {
      std::cout << fmt::format("{} transistors, ", synthesis["transistors"].get<int64_t>());
    } else {
      std::cout << fmt::format("{} look-up tables, {} DSP slices, ", synthesis["look_up_tables"].get<int64_t>(),
                               synthesis["dsp_slices"].get<int64_t>());
    }
    std::cout << fmt::format("{} flip-flops\n  {}\n", synthesis["flip_flops"].get<int64_t>(),
                             synthesis["command"].get<std::string>());
  }
  for (const auto& path : json["written"]) std::cout << path.get<std::string>() << "\n";
}

void run_dot_unit(const RtlVerbOptions& options, Session& session) {
  const DotUnit unit = unit_of(options);
  if (options.vectors < 2) throw UserError("--vectors: expected at least 2");
  const RtlTechnology technology =
      options.synthesize.empty()
          ? RtlTechnology::generic
          : chosen<RtlTechnology>(options.synthesize, "--synthesize",
                                  {{"generic", RtlTechnology::generic}, {"xilinx", RtlTechnology::xilinx}});
  const TemporaryFolder scratch;
  const fs::path folder = options.output.empty() ? scratch.path() : fs::path(options.output);
  const RtlTestBench bench =
      dot_unit_test_bench(unit, dot_unit_inputs(unit, options.vectors, static_cast<uint64_t>(options.seed)));
  const std::vector<std::pair<std::string, std::string>> files = {
      {"dot_unit.v", dot_unit_verilog(unit)}, {"testbench.v", bench.verilog}, {"vectors.hex", bench.vectors}};
  Json written = Json::array();
  for (const auto& [name, text] : files) {
    write_file_atomically(folder / name, text);
    if (!options.output.empty()) written.push_back((folder / name).string());
  }
  const MacPrice price = mac_price(unit);
  Json json = {{"weights", unit.weights.format},
               {"activations", unit.activations.format},
               {"lanes", unit.lanes},
               {"product_bits", product_bits(unit)},
               {"accumulator_bits", unit.scale == RtlScale::none ? unit.accumulator_bits : 32},
               {"price", {{"transistors", price.transistors}, {"relative", price.relative}, {"source", price.source}}},
               {"written", written}};
  if (options.simulate) {
    const RtlSimulation simulation = simulate_rtl(folder, {"dot_unit.v", "testbench.v"});
    json["simulation"] = {{"vectors", simulation.vectors}, {"mismatches", simulation.mismatches}};
    if (simulation.mismatches > 0) {
      log_warning("{}", simulation.output);
      session.exit_code = kExitDiffers;
    }
  }
  if (!options.synthesize.empty())
    json["synthesis"] = synthesis_json(synthesize_rtl(folder / "dot_unit.v", "dot_unit", technology, !options.no_dsp));
  session.json ? void(std::cout << json.dump(2) << "\n") : print_dot_unit(json);
}

std::vector<PricedUnit> measured_prices() {
  const TemporaryFolder scratch;
  std::vector<PricedUnit> rows;
  const std::vector<DotUnit> units = units_to_price();
  for (const DotUnit& unit : units) {
    const fs::path file = scratch.path() / "dot_unit.v";
    write_file_atomically(file, dot_unit_verilog(unit));
    const RtlSynthesis synthesis = synthesize_rtl(file, "dot_unit", RtlTechnology::generic);
    rows.push_back({.unit = unit,
                    .transistors = synthesis.transistors.value(),
                    .flip_flops = synthesis.flip_flops,
                    .tool = synthesis.tool});
    log_info("{} of {}: {} x {}, {} transistors", rows.size(), units.size(), unit.weights.format,
             unit.activations.format, rows.back().transistors);
  }
  return rows;
}

std::string scale_text(const DotUnit& unit) {
  switch (unit.scale) {
    case RtlScale::e8m0: return "E8M0, float32";
    case RtlScale::e4m3: return "E4M3, float32";
    case RtlScale::none: break;
  }
  return unit.float_result ? "float32" : "";
}

void run_prices(const RtlVerbOptions& options, Session& session) {
  const std::vector<PricedUnit> rows = options.measure ? measured_prices() : priced_units();
  if (!options.output.empty()) write_file_atomically(options.output, priced_units_csv(rows));
  const ComponentCost int8 = estimate_component({.component = "mac", .format = "int8", .node_nm = 45});
  const auto first = std::ranges::find_if(rows, [](const PricedUnit& row) {
    return row.unit.weights.format == "int8" && row.unit.accumulator_bits == 32 && !row.unit.float_result;
  });
  if (first == rows.end()) throw InternalError("no int8 unit among the prices");
  const double base = static_cast<double>(first->transistors) / first->unit.lanes;
  Json list = Json::array();
  TextTable table({"weights", "activations", ">lanes", ">accumulator", "scale, result", ">transistors/MAC", ">of int8",
                   ">pJ at 45 nm", ">um2"});
  for (const PricedUnit& row : rows) {
    const double each = static_cast<double>(row.transistors) / row.unit.lanes;
    const double energy_pj = *int8.energy_j * 1e12 * each / base, area_um2 = *int8.area_mm2 * 1e6 * each / base;
    const int accumulator = row.unit.scale == RtlScale::none ? row.unit.accumulator_bits : 32;
    list.push_back({{"weights", row.unit.weights.format},
                    {"activations", row.unit.activations.format},
                    {"lanes", row.unit.lanes},
                    {"accumulator_bits", accumulator},
                    {"scale", scale_text(row.unit)},
                    {"transistors_per_mac", each},
                    {"relative", each / base},
                    {"energy_pj_45nm", energy_pj},
                    {"area_um2_45nm", area_um2},
                    {"tool", row.tool}});
    table.add({row.unit.weights.format, row.unit.activations.format, std::to_string(row.unit.lanes),
               std::to_string(accumulator), scale_text(row.unit), fmt::format("{:.0f}", each),
               fmt::format("{:.2f}", each / base), fmt::format("{:.3f}", energy_pj), fmt::format("{:.0f}", area_um2)});
  }
  session.json ? void(std::cout << list.dump(2) << "\n") : void(std::cout << table.text());
}

}  // namespace

void add_rtl(Command& program, Session& session) {
  Command verb = program.add_verb(
      "rtl", "Verilog of arithmetic units by number format, simulated and synthesized, and their prices");
  auto options = std::make_shared<RtlVerbOptions>();
  verb.add_option("kind", options->kind,
                  "dot_unit: one unit; prices: multiply-accumulates of many formats side by side")
      .required();
  verb.add_option("--weights", options->weights,
                  "int2 .. int16, fp8_e4m3, fp4_e2m1, ..., pow2:3, ternary, binary (int8)");
  verb.add_option("--activations", options->activations, "the other operand's format; left out: that of the weights");
  verb.add_option("--lanes", options->lanes, "products that are added in one clock (4)").non_negative();
  verb.add_option("--accumulator", options->accumulator_bits, "bits of the accumulator; 0: a product's and 8")
      .non_negative();
  verb.add_option("--adders", options->adders, "carry_save for standard cells, carry_chain for FPGAs (carry_save)");
  verb.add_option("--scale", options->scale,
                  "none, e8m0 (MX) or e4m3 (NV): scales of blocks, results in float32 (none)");
  verb.add_flag("--float-result", options->float_result, "the accumulator's value as a float32");
  verb.add_flag("--simulate", options->simulate, "compares the Verilog with exact arithmetic by Icarus Verilog");
  verb.add_option("--vectors", options->vectors, "inputs to compare on, corner codes first (10000)").non_negative();
  verb.add_option("--seed", options->seed, "of the inputs (0)").non_negative();
  verb.add_option("--synthesize", options->synthesize, "generic or xilinx: counts cells by Yosys");
  verb.add_flag("--no-dsp", options->no_dsp, "xilinx: multipliers of look-up tables");
  verb.add_flag("--measure", options->measure, "prices: synthesizes all units again (minutes)");
  verb.add_option("-o,--output", options->output,
                  "dot_unit: folder for Verilog, test bench and vectors; prices: CSV file");
  verb.on_run([options, &session] {
    if (options->kind == "dot_unit") return run_dot_unit(*options, session);
    if (options->kind == "prices") return run_prices(*options, session);
    throw UserError(unknown_name_message("kind", options->kind, std::vector<std::string>{"dot_unit", "prices"}));
  });
}

}  // namespace nacre
