// The file of an accelerator: YAML, every key described and checked, units in the keys (docs/accelerators.md).
//
//   name: small
//   clock_mhz: 500
//   node_nm: 45
//   levels:                                   # outermost first
//     - {name: DRAM, access_bits: 64, shared_bits_per_cycle: 64, estimate: lpddr4}
//     - {name: buffer, capacity_kib: 64, access_bits: 64, estimate: sram, fanout: {x: 16, y: 16}}
//     - {name: register, capacity_bits: 16, access_bits: 16, holds: [outputs], estimate: register_file}
//   compute: {estimate: [int8]}
//
// `estimate` fills the energies and the area that are not given (component_costs.hpp), from published constants or from the
// program under `estimator`. What is read is checked: UserError with position for unknown keys, negative or zero sizes,
// bandwidths of zero, names that stand twice, tensors that nothing holds, buffers that cannot take one access, overflow.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/design/accelerator.hpp"

namespace nacre {

// `base_folder` is where commands run and relative paths begin.
AcceleratorDescription accelerator_from_config(const ConfigNode& node, const std::filesystem::path& base_folder);
AcceleratorDescription read_accelerator(const std::filesystem::path& path);

// YAML that reads back equal; what was estimated is written out, with its source.
std::string accelerator_yaml(const AcceleratorDescription& accelerator);
void write_accelerator(const AcceleratorDescription& accelerator, const std::filesystem::path& path);

// The rules that hold between keys, for descriptions that were made and not read. `position` is for messages.
void check_accelerator(const AcceleratorDescription& accelerator, const SourcePosition& position = {});

// One of the registered accelerators by name (accelerator_registry.hpp), or a file: what ends in .yaml or .yml, holds a '/', or
// exists. UserError with the nearest names otherwise.
AcceleratorDescription load_accelerator(const std::string& name_or_path, const std::filesystem::path& base_folder = {});

// The numbers of a stream of commands by key: read, written and calibrated by this list.
struct CommandConstant {
  std::string key;
  std::string description;
  double& (*place)(CommandStream&);

  double& value(CommandStream& stream) const { return place(stream); }
  double value(const CommandStream& stream) const { return place(const_cast<CommandStream&>(stream)); }
};
const std::vector<CommandConstant>& command_constants();

// The keys of each part, for the reference.
struct AcceleratorKeys {
  std::string part;  // "the accelerator", "levels[]", "levels[].fanout", "compute", "vector_unit"
  std::vector<Parameter> parameters;
};
std::vector<AcceleratorKeys> accelerator_keys();

const char* tensor_role_name(TensorRole role);  // "weights", "inputs", "outputs"

}  // namespace nacre
