// What a component costs: energy of an access or an operation, leakage and area, from published constants or from a program.
//
// Memories of 512 B and more: power laws of size and width, fitted to CACTI 7.0 (one bank, one port, low standby power) at 65,
// 45, 32 and 22 nm; the root mean square error of a read is 13 to 18 %, and at 45 nm it stays within a factor of 1.9 of M. Horowitz,
// ISSCC 2014. Register files: affine in the number of entries, through the three of Accelergy's eyeriss_like tables (65 nm).
// Arithmetic: Horowitz, ISSCC 2014 and V. Sze et al., Proc. IEEE 2017 (45 nm, 0.9 V); a width between two published ones by the
// power law through them. DRAM: energy of a bit by type, whatever the node. Other nodes (130 to 7 nm): A. Stillmaker, B. Baas,
// Integration 58, 2017: E_y = E_x e_y(V) / e_x(V) with e(V) = a V^2 + b V + c, and a factor for area; between two published nodes
// by interpolation of the logarithms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/command.hpp"

namespace nacre {

struct ComponentQuery {
  std::string component;  // "sram", "register_file", "lpddr4", ..., "mac"; a program may know others
  std::optional<int64_t> capacity_bits = {};  // of a memory
  int64_t access_bits = 0;                    // of a memory
  int64_t banks = 1;                          // of a memory, each of capacity / banks
  std::string format = "";                    // of "mac": "int8", "fp16", ...
  std::optional<double> node_nm = {};
  std::optional<double> voltage_v = {};
  std::string name = "";  // of the level, for messages
};

// Nothing where it is not known.
struct ComponentCost {
  std::optional<double> read_energy_j = {};   // of one access
  std::optional<double> write_energy_j = {};  // of one access
  std::optional<double> energy_j = {};        // of one operation
  std::optional<double> leakage_w = {};
  std::optional<double> area_mm2 = {};
  std::string source;
};

// From the published constants. UserError for an unknown component or format, a missing or impossible node or size.
ComponentCost estimate_component(const ComponentQuery& query);
// Names that estimate_component knows.
const std::vector<std::string>& estimated_memories();
const std::vector<std::string>& estimated_formats();

// Asked of the user's program: one JSON object on its standard input ({"component": "sram", "capacity_bits": 65536,
// "access_bits": 64, "banks": 1, "node_nm": 45, "voltage_v": null, "format": null, "name": "buffer"}), one on its standard output
// ({"read_energy_pj": 6.1, "write_energy_pj": 7.9, "leakage_mw": null, "area_mm2": 0.026, "source": "measured"}; "energy_pj" of a
// "mac"; {"error": "..."} refuses). UserError when it fails, refuses or answers nonsense.
ComponentCost ask_component_cost(const CommandSettings& command, const ComponentQuery& query);

// Energy at (to_nm, to_v) over energy at (from_nm, from_v), and area at to_nm over area at from_nm. UserError outside 7 .. 130 nm.
double energy_scale(double from_nm, double from_v, double to_nm, double to_v);
double area_scale(double from_nm, double to_nm);

}  // namespace nacre
