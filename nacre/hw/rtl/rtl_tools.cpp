#include "nacre/hw/rtl/rtl_tools.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <sstream>
#include <vector>

#include "nacre/base/error.hpp"
#include "nacre/base/subprocess.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

constexpr double kSimulationLimit_s = 3600;
constexpr double kSynthesisLimit_s = 3600;

FinishedProcess run_tool(const std::vector<std::string>& arguments, const fs::path& folder, double limit_s,
                         const char* package) {
  FinishedProcess done;
  try {
    done = run_subprocess({.arguments = arguments, .folder = folder}, limit_s);
  } catch (const UserError&) {
    throw UserError(fmt::format("cannot start '{}'; install the Debian package {}", arguments.front(), package));
  }
  if (!done.succeeded()) throw UserError(fmt::format("'{}' {}", fmt::join(arguments, " "), done.failure_text(limit_s)));
  return done;
}

bool starts(const std::vector<std::string>& arguments) {
  try {
    return run_subprocess({.arguments = arguments}, 30).succeeded();
  } catch (const UserError&) {
    return false;
  }
}

// The last table of `stat`: lines "     $_AND_     12".
std::map<std::string, int64_t> counted_cells(const std::string& output) {
  static const std::regex cell("^ +([$A-Za-z_][A-Za-z0-9_$]*) +([0-9]+)$");
  std::map<std::string, int64_t> cells;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("Number of cells:") != std::string::npos) cells.clear();
    std::smatch match;
    if (std::regex_match(line, match, cell)) cells[match[1]] = std::stoll(match[2]);
  }
  return cells;
}

int64_t sum_where(const std::map<std::string, int64_t>& cells, const std::string& pattern) {
  const std::regex name(pattern);
  int64_t sum = 0;
  for (const auto& [cell, count] : cells)
    if (std::regex_match(cell, name)) sum += count;
  return sum;
}

}  // namespace

RtlSimulation simulate_rtl(const fs::path& folder, const std::vector<std::string>& sources) {
  std::vector<std::string> compile = {"iverilog", "-g2005", "-s", "testbench", "-o", "testbench.vvp"};
  compile.insert(compile.end(), sources.begin(), sources.end());
  run_tool(compile, folder, kSimulationLimit_s, "iverilog");
  RtlSimulation simulation;
  simulation.output = run_tool({"vvp", "testbench.vvp"}, folder, kSimulationLimit_s, "iverilog").output;
  static const std::regex verdict("([0-9]+) vectors, ([0-9]+) mismatches");
  std::smatch match;
  if (!std::regex_search(simulation.output, match, verdict))
    throw UserError(
        fmt::format("the simulation in {} ended without a verdict: {}", folder.string(), simulation.output));
  simulation.vectors = std::stoll(match[1]);
  simulation.mismatches = std::stoll(match[2]);
  return simulation;
}

RtlSynthesis synthesize_rtl(const fs::path& file, const std::string& top, RtlTechnology technology, bool use_dsp) {
  const bool generic = technology == RtlTechnology::generic;
  const std::string steps =
      generic
          ? fmt::format(
                "synth -noshare -flatten -top {}; abc -g AND,OR,XOR,NAND,NOR,XNOR,MUX; opt_clean; stat -tech cmos", top)
          : fmt::format("synth_xilinx -family xcup -flatten {}-top {}; stat", use_dsp ? "" : "-nodsp ", top);
  const std::string script = fmt::format("read_verilog {}; {}", file.string(), steps);
  const FinishedProcess done = run_tool({"yosys", "-p", script}, {}, kSynthesisLimit_s, "yosys");
  RtlSynthesis synthesis;
  synthesis.cells = counted_cells(done.output);
  synthesis.flip_flops = sum_where(synthesis.cells, generic ? R"(\$_S?DFF.*)" : "FD.*");
  synthesis.look_up_tables = sum_where(synthesis.cells, "LUT[1-6]");
  synthesis.dsp_slices = sum_where(synthesis.cells, "DSP.*");
  synthesis.command = fmt::format("yosys -p 'read_verilog {}; {}'", file.filename().string(), steps);
  static const std::regex transistors("Estimated number of transistors: +([0-9]+)"), version("Yosys ([0-9.]+)");
  std::smatch match;
  for (std::string rest = done.output; generic && std::regex_search(rest, match, transistors); rest = match.suffix())
    synthesis.transistors = std::stoll(match[1]);
  if (std::regex_search(done.output, match, version)) synthesis.tool = "Yosys " + match[1].str();
  if (generic && !synthesis.transistors)
    throw UserError(fmt::format("yosys gave no number of transistors for {}", file.string()));
  return synthesis;
}

bool rtl_simulator_present() { return starts({"iverilog", "-V"}); }
bool rtl_synthesizer_present() { return starts({"yosys", "-V"}); }

}  // namespace nacre
