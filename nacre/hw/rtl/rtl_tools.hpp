// The programs that judge generated Verilog: Icarus Verilog simulates, Yosys synthesizes. Debian packages iverilog and yosys.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nacre {

struct RtlSimulation {
  int64_t vectors = 0;
  int64_t mismatches = 0;
  std::string output;  // of the simulator
};

// Compiles the files of that folder and runs module `testbench` there. UserError when the program is missing or fails.
RtlSimulation simulate_rtl(const std::filesystem::path& folder, const std::vector<std::string>& sources);

enum class RtlTechnology {
  generic,  // gates with two inputs, inverters and multiplexers
  xilinx,   // UltraScale+: look-up tables, DSP slices, carry chains
};

struct RtlSynthesis {
  std::map<std::string, int64_t> cells;  // by type
  int64_t flip_flops = 0;
  // Of static CMOS without the flip-flops, as Yosys estimates (`stat -tech cmos`); only of generic gates.
  std::optional<int64_t> transistors = {};
  // Look-up tables and DSP slices; only of xilinx.
  int64_t look_up_tables = 0;
  int64_t dsp_slices = 0;
  std::string tool;     // "Yosys 0.23"
  std::string command;  // that anyone can run
};

// Of module `top` of a Verilog file. UserError when the program is missing or fails.
RtlSynthesis synthesize_rtl(const std::filesystem::path& file, const std::string& top, RtlTechnology technology,
                            bool use_dsp = true);

bool rtl_simulator_present();
bool rtl_synthesizer_present();

}  // namespace nacre
