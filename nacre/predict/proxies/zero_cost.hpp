// Zero-cost proxies: what one batch says of an untrained network. Free of libtorch; what they compute with is only named.
//
// Each proxy is one number, of which larger is meant to be better (grad_norm, l2_norm and the counts by habit). They are
// computed on the graph that would be trained, with weights drawn as its training would draw them unless the proxy has a rule
// of its own (synflow, zen). Literature: Abdelfattah et al., Zero-cost proxies for lightweight NAS, ICLR 2021; Krishnakumar
// et al., NAS-Bench-Suite-Zero, NeurIPS 2022.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/registry.hpp"
#include "nacre/design/task.hpp"
#include "nacre/ir/graph.hpp"
#include "nacre/nn/arithmetic.hpp"

namespace nacre {

class ProxyNetwork;

// Nothing where the proxy has no meaning for the network (nwot without a rectifier) or is not finite.
using ZeroCostProxy = std::function<std::optional<double>(ProxyNetwork& network)>;
const Registry<ZeroCostProxy>& zero_cost_registry();

// What the network is shown.
struct ProxyBatch {
  NamedTensors inputs;  // by the names of the graph's inputs
  Tensor target;
  LossSpec loss;
};

// `size` samples of the training split, drawn with `seed`.
ProxyBatch task_batch(const Task& task, int64_t size, uint64_t seed);
// Normal noise and random classes, for a model without a task: one floating input with fixed extents behind the batch, one
// output [batch, classes]. UserError for others.
ProxyBatch noise_batch(const Graph& graph, int64_t size, uint64_t seed);

struct ZeroCostOptions {
  std::vector<std::string> proxies;  // names; empty: all
  int64_t repeats = 1;               // with other weights; the mean counts
  uint64_t seed = 0;
  Numerics numerics = {};  // device and threads; arithmetic and memory order are the proxies' own
};

struct ZeroCostScore {
  std::optional<double> value;
  double time_s = 0;
  std::string reason;  // where there is no value
};

// By name. UserError for unknown names and for networks that cannot be run.
std::map<std::string, ZeroCostScore> zero_cost_scores(const Graph& graph, const ProxyBatch& batch,
                                                      const ZeroCostOptions& options);

}  // namespace nacre
