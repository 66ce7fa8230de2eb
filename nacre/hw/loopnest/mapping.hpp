// Where and when a workload's iterations happen: for each memory level the loops around the tiles it hands down, and which
// tensors it keeps. Timeloop's notion of a mapping, with uneven factors.
//
// For one dimension let t_i be the product of all factors inside loop i. Loop i steps over the extent it is given from outside in
// steps of t_i; the last step may be shorter. So a chain of factors covers its dimension when the product is at least the size;
// with a product that equals it, all tiles are full. A spatial loop's steps happen at the same time on different children.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/hw/loopnest/workload.hpp"

namespace nacre {

enum class LoopKind { temporal, spatial_x, spatial_y };

struct MappedLoop {
  int dimension = 0;
  int64_t factor = 1;
  LoopKind kind = LoopKind::temporal;
};

struct LevelMapping {
  // From outer to inner; temporal loops before spatial ones. A temporal loop here advances the tile that the next level inside
  // holds; a spatial loop spreads it over the fan-out below this level.
  std::vector<MappedLoop> loops;
  std::vector<bool> keeps;  // by tensor of the workload; the outermost level keeps all
};

struct Mapping {
  std::vector<LevelMapping> levels;  // as the accelerator's, outermost first
};

// The notation of the reference data: "DRAM[WIO] Q7 C4 | GlobalBuffer[IO] K2 P56 Q8:X | ...". Bounds of 1 left out.
std::string mapping_text(const Mapping& mapping, const Workload& workload, const AcceleratorDescription& accelerator);
// A tensor's letter is the first of its name; its number where two names begin alike. UserError with the place in the text.
Mapping parse_mapping(const std::string& text, const Workload& workload, const AcceleratorDescription& accelerator);
// The notation of DOSA's data (Hong et al., MICRO 2023): "L3[WIO] K8 Q28 - L2[WI] N1 K4X - ...". Levels are taken by their place,
// their names are not compared.
Mapping parse_dosa_mapping(const std::string& text, const Workload& workload,
                           const AcceleratorDescription& accelerator);

}  // namespace nacre
