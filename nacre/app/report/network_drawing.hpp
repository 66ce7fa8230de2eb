// A network as a row of layers, for the small drawings of a report.
//
// Layers are what one would name when telling of the network: convolutions, linear layers, pooling, recurrent and opaque
// operators, and the places where several paths join. Norms, activations and reshapes belong to the layer before them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/base/json.hpp"
#include "nacre/ir/graph.hpp"

namespace nacre {

struct DrawnLayer {
  enum class Kind { convolution, depthwise, pointwise, linear, pool, join, other };

  Kind kind = Kind::other;
  std::string op;     // the operator, for what has no better word
  std::string place;  // scope path
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t channels = 0;  // of the result; 0: not known
  int64_t side = 0;      // of a square image; 0: none
  int64_t macs = 0;
  int64_t params = 0;         // with those of the norm behind it
  std::vector<int32_t> from;  // layers it reads; -1: the input
};

struct NetworkDrawing {
  std::vector<DrawnLayer> layers;
  bool empty() const { return layers.empty(); }
};

// Batch 1 is assumed for symbolic batches; sizes that stay unknown are left out. Bodies of If, Loop and Scan are one layer.
NetworkDrawing draw_network(const Graph& graph);

// For the page: {"layers": [[kind, kernel, stride, channels, side, macs, params], ...], "from": {"4": [1, 3]} where it is not
// just the layer before, "places": [...], "ops": {"5": "LSTM"} of other ones}.
Json to_json(const NetworkDrawing& drawing);

}  // namespace nacre
