// The runtime behind the target `host`: libtorch, when nacre was built with it (hw/runtime/torch), else none
// (hw/runtime/none). Nothing of libtorch shows here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "nacre/ir/graph.hpp"
#include "nacre/ir/reference_executor.hpp"

namespace nacre {

// Why there is no runtime; "" when there is one.
std::string host_runtime_missing();
// Library and version, for the identity of a measurement: "libtorch 1.13.1, openblas".
std::string host_runtime_text();

// A network made ready to run again and again on the same input.
class HostModel {
 public:
  virtual ~HostModel() = default;
  virtual void run() = 0;
};

struct HostModelOptions {
  int64_t threads = 1;         // set for the whole process while the model lives, and set back afterwards
  bool channels_last = false;  // memory order of images
};

// `graph` has fixed shapes; parameters without data and inputs are drawn. Inputs of whole numbers are drawn from 0 and 1, so
// that they are valid indices. UserError when an operator cannot be run.
std::unique_ptr<HostModel> make_host_model(const Graph& graph, const HostModelOptions& options);

// One run on inputs by name; outputs by name, in the types that the graph declares. Arithmetic is fp32, fp64 for a network
// with float64 inputs or outputs. Symbols may be unbound; absent parameters are drawn with `seed` as the reference executor
// draws them. UserError for a missing input or an operator that cannot be run.
NamedTensors run_on_host(const Graph& graph, const NamedTensors& inputs, uint64_t seed = 0);

}  // namespace nacre
