// Timeloop's files (A. Parashar et al., ISPASS 2019): architecture, problem, mapping and constraints of v0.3 (a list of storage
// levels, or a tree of subtrees) and v0.4 (!Component, !Container, !Parallel), and back: problem, mapping, architecture.
//
// A container with a mesh becomes a fan-out level inter_<name>_spatial, as Timeloop names it. Widths are bits, bandwidths words a
// cycle, energies picojoules of one access of width (v0.3: word-bits times block-size). Where a file gives no energies (v0.4) they
// are estimated from nacre's constants, and said so. Permutations are innermost first.
#pragma once

#include <string>

#include "nacre/hw/interchange/imported.hpp"
#include "nacre/hw/mapper/mapspace.hpp"

namespace nacre {

Imported read_timeloop(const ConfigNode& root, const std::string& name);

// The mapping that directives state. UserError when a level or a dimension is unknown, or a spatial loop is larger than its fan-out.
Mapping mapping_of_directives(const std::vector<MappingDirective>& directives, const Workload& workload,
                              const AcceleratorDescription& accelerator);

// The same as constraints of the mapper: exact factors, levels keep what they may unless the directives say otherwise. An order that
// leaves out dimensions of more than one step is left free and named in `warnings`. UserError when a level or dimension is unknown.
MappingConstraints constraints_of_directives(const std::vector<MappingDirective>& directives, const Workload& workload,
                                             const AcceleratorDescription& accelerator,
                                             std::vector<std::string>& warnings);

// Text of Timeloop v0.3 files. UserError for what its files cannot hold: factors that do not divide.
std::string timeloop_problem_yaml(const Workload& workload);
std::string timeloop_mapping_yaml(const Mapping& mapping, const Workload& workload,
                                  const AcceleratorDescription& accelerator);
// `word_bits`: of an element; bandwidths and capacities become words of it.
std::string timeloop_architecture_yaml(const AcceleratorDescription& accelerator, int64_t word_bits);

}  // namespace nacre
