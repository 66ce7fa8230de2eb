// --method, --objective and what else says how layers are mapped, on the command line: the keys of mapping_parameters() by name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/app/command.hpp"
#include "nacre/hw/mapper/mapping_plan.hpp"

namespace nacre {

struct MappingArguments {
  std::string method, dataflow, objective, factors, evaluations, time_s, seed, weights, activations, partial_sums;
  bool no_fuse_elementwise = false;
  bool fuse = false;  // layers
};

// Those of a search: --method, --factors, --evaluations, --time-s, --seed.
void add_search_arguments(Command& verb, MappingArguments& arguments);
// --objective, --dataflow, the number formats, --no-fuse-elementwise, --fuse.
void add_network_arguments(Command& verb, MappingArguments& arguments);
// UserError that names the option.
MappingPlan read_mapping_arguments(const MappingArguments& arguments);

}  // namespace nacre
