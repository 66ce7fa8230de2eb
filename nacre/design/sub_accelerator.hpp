// An accelerator made of several instances of known templates that share a chip: plain values (Yang et al., "Co-Exploration of
// Neural Architectures and Heterogeneous ASIC Accelerator Designs Targeting Multiple Tasks", DAC 2020, section 3).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nacre {

struct SubAccelerator {
  std::string dataflow;           // name of a template: "dla", "shi", "rs"
  int64_t pe = 0;                 // processing elements; 0: the instance is left out
  double bandwidth_gb_per_s = 0;  // its share of the network on chip

  bool used() const { return pe > 0 && bandwidth_gb_per_s > 0; }
  bool operator==(const SubAccelerator&) const = default;
};

using HeterogeneousAccelerator = std::vector<SubAccelerator>;

}  // namespace nacre
