// The best mapping of a layer on an accelerator. Several methods under one interface; `exact` closes the bound where it can and
// otherwise says how far the best mapping may be from the optimum.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/error.hpp"
#include "nacre/base/registry.hpp"
#include "nacre/hw/loopnest/evaluate.hpp"
#include "nacre/hw/mapper/mapspace.hpp"

namespace nacre {

// Seconds and joules are per inference of the layer; latency is counted in cycles.
enum class MappingObjective { latency, energy, edp };
std::string_view mapping_objective_name(MappingObjective objective);
MappingObjective mapping_objective(std::string_view name);  // UserError with the accepted names

struct MapperOptions {
  MappingObjective objective = MappingObjective::edp;
  CountingRules rules = {};
  MappingConstraints constraints = {};
  std::string method = "exact";
  double time_s = 10;                       // budget; the best so far is kept. 0: none
  int64_t evaluations = 20000;              // budget of the guided methods
  uint64_t seed = 0;                        // of the guided methods
  const std::atomic<bool>* stop = nullptr;  // set from elsewhere: ends with the best so far
};

struct MappingResult {
  Mapping mapping;
  MappingCost cost;
  double objective = 0;              // cycles, joules, joules * cycles
  bool proved = false;               // no mapping of the space is better
  std::optional<double> bound = {};  // no mapping of the space is below; nothing where the method gives none
  std::optional<double> gap = {};    // (objective - bound) / objective
  Count mapspace;                    // points of the space: factors, orders, bypasses
  int64_t nodes = 0;                 // partial mappings that were bounded
  int64_t evaluations = 0;           // mappings that were evaluated
  double seconds = 0;
  std::string method;
  bool interrupted = false;  // by the budget of time or by `stop`
};

// Nothing fits, whatever is chosen.
class NoMappingError : public UserError {
 public:
  using UserError::UserError;
};

// NoMappingError when no mapping fits: it says which level lacks how many bytes for which tensors. UserError, before anything is
// searched, when the objective needs an energy that the accelerator does not tell of a level that may be used.
MappingResult find_mapping(const Workload& workload, const AcceleratorDescription& accelerator,
                           const MapperOptions& options = {});

// The objective of a cost.
double mapping_objective_value(MappingObjective objective, double cycles, double energy_j);

// Methods by name, in the order of `mapper_registry()`.
struct MapperContext {
  const Mapspace& space;
  const MapperOptions& options;
};
using MapperMethod = std::function<MappingResult(const MapperContext&)>;
const Registry<MapperMethod>& mapper_registry();

MappingResult exact_search(const MapperContext& context);
MappingResult random_pruned_search(const MapperContext& context);
MappingResult genetic_search(const MapperContext& context);
MappingResult lattice_search(const MapperContext& context);

// Why nothing fits, for the least demanding mapping of the space (every tile of one element where it may be): level, tensors,
// bytes needed and available. Nothing when that mapping fits.
std::optional<Misfit> mapspace_misfit(const Mapspace& space);

}  // namespace nacre
