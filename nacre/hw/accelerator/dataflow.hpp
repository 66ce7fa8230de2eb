// Dataflows as data: which dimensions an array works on side by side, in which order the rest follows, what stays in the
// registers. A template becomes a Mapping of any workload on any accelerator, without a search.
//
//   spread:                                      # inner axis of the array first
//     - {dimensions: [C], at_most: cluster}      # where several share one axis, `at_most` is this one's width: a number, a
//     - {dimensions: [K]}                        #   parameter, or square_root
//   order: [N, G, K, C, R, S, P, Q]              # temporal loops, outer to inner; what is not named stands outermost
//   registers: [weights]                         # what the innermost memory keeps; left out: all that it may
//
// The axes of an accelerator, inner first: y and x of the innermost fan-out, y and x of the one above it, ... An axis takes the
// next entry of `spread`; the last axis takes all that are left, the last entry all axes that are left. An entry takes its
// first dimension as far as the axis goes, its next dimensions while children are left. Factors are uneven: an axis of 16 takes
// 13 of 13, and 16 of 50 in ceil(50 / 16) steps. Compute cycles are the product of the steps, whatever the memories.
//
// Temporal loops go as far in as their tiles fit, the innermost of `order` first. Source of the templates: MAESTRO's mapping
// files; sheet of NASAIC (dla, shi, rs); V. Sze et al., Proc. IEEE 2017 (stationarities).
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/config.hpp"
#include "nacre/base/registry.hpp"
#include "nacre/design/accelerator.hpp"
#include "nacre/hw/loopnest/mapping.hpp"
#include "nacre/hw/loopnest/workload.hpp"

namespace nacre {

struct DataflowSpread {
  std::vector<std::string> dimensions;
  std::string at_most;  // "": as far as it goes
};

struct Dataflow {
  std::string name;
  std::string summary;
  std::string source;
  std::map<std::string, int64_t, std::less<>> parameters;
  std::vector<DataflowSpread> spread;
  std::vector<std::string> order;
  std::optional<std::vector<TensorRole>> registers;
};

using DataflowFactory = std::function<Dataflow()>;
// Those of data/dataflows, built in.
const Registry<DataflowFactory>& dataflow_registry();

// UserError with position for unknown keys, parameters that do not exist, widths below one, names that stand twice.
Dataflow dataflow_from_config(const ConfigNode& node);
// YAML that reads back equal.
std::string dataflow_yaml(const Dataflow& dataflow);
// A registered name or a file, as load_accelerator.
Dataflow load_dataflow(const std::string& name_or_path, const std::filesystem::path& base_folder = {});
// With other values of its parameters. UserError for unknown names and values below one.
Dataflow with_parameters(Dataflow dataflow, const std::map<std::string, int64_t, std::less<>>& values);

// Covers the workload. Whether the tiles fit is mapping_misfit's to say: only the least tile that the array itself asks for can
// be too large. UserError when the accelerator has no levels.
Mapping fixed_dataflow_mapping(const Workload& workload, const AcceleratorDescription& accelerator,
                               const Dataflow& dataflow);

// The simplest machine of a dataflow: a shared memory (L2) over one axis of elements with a register file (L1) each, both of
// unlimited size; for first estimates, as in NASAIC.
struct FlatArray {
  int64_t elements = 256;
  std::optional<double> bits_per_cycle = {};  // from L2 to all elements together
  int64_t word_bits = 16;
};
AcceleratorDescription flat_array(const FlatArray& array);

}  // namespace nacre
