// How the products of a network are mapped to an accelerator, and the keys that say so: of target `accelerator`, of `nacre map` and of
// `nacre explore`.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/hw/accelerator/dataflow.hpp"
#include "nacre/hw/accelerator/network_cost.hpp"
#include "nacre/hw/mapper/mapping_cache.hpp"

namespace nacre {

struct MappingPlan {
  std::string method = "dataflow";  // or one of mapper_registry()
  Dataflow dataflow = {};           // of method dataflow
  MapperOptions mapper = {};        // of the others
  NetworkWorkOptions work = {};
  bool fuse_layers = false;  // hw/fusion/layer_fusion.hpp

  bool searches() const { return method != "dataflow"; }
  std::string text() const;      // "dataflow dla", "mapped for edp by exact"
  std::string identity() const;  // all that the mappings depend on beside accelerator and workload
};

// method, dataflow, objective, factors, evaluations, time_s, seed, weights, activations, partial_sums, fuse_elementwise, fuse_layers.
std::vector<Parameter> mapping_parameters(const std::string& default_method);
// UserError with position for settings of another method and unknown formats; `owner` names the section ("target").
MappingPlan mapping_plan(const Options& options, const std::string& owner, const std::filesystem::path& base_folder);

// Maps one product after the other; a search asks the cache first. UserError (NoMappingError where nothing fits). The cache outlives
// the mapper; not for several threads at once.
ProductMapper product_mapper(const AcceleratorDescription& accelerator, const MappingPlan& plan, MappingCache& cache);

// Searches, on several threads, the mappings of all products of the graphs that the cache does not have, so that product_mapper finds
// them there. What does not fit is left out: product_mapper says so of the layer.
struct MapAheadOptions {
  int64_t threads = 1;
  std::function<bool()> interrupted = [] { return false; };  // asked ten times a second; true: throws Interrupted
  std::function<void(int64_t done, int64_t all)> progress = [](int64_t, int64_t) {};
};
struct MappedAhead {
  int64_t layers = 0;    // products
  int64_t shapes = 0;    // different ones
  int64_t searched = 0;  // of them, now; the others were in the cache or do not fit
};
MappedAhead map_ahead(const std::vector<const Graph*>& graphs, const AcceleratorDescription& accelerator,
                      const MappingPlan& plan, MappingCache& cache, const MapAheadOptions& options);

}  // namespace nacre
