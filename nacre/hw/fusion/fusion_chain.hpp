// Chains of products that can run depth first, and which rows they make when.
//
//   input ──first──> between ──second──> output          rows of a tensor: its positions along the first spatial axis, or the
//                                                       rows of a matrix
//
// A tile is as many rows of the last output as asked for; every layer before makes the rows that the tile needs and that are not
// there yet. The rows of a window that the next tile needs again (the halo) stay, so that each row is made once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/hw/loopnest/network_workloads.hpp"

namespace nacre {

struct FusibleLayer {
  NodeId node = kNone;
  Workload workload;
  int row_dimension = 0;                                  // of the workload: output rows
  int64_t rows_in = 1;                                    // of the input that exist, without padding
  int64_t stride = 1, dilation = 1, kernel = 1, pad = 0;  // along rows; pad above the first

  int64_t rows() const;
  // Input rows that the first `count` output rows need, from the first on.
  int64_t needed(int64_t count) const;
  // The first input row that output rows from `first` on need.
  int64_t first_needed(int64_t first) const;
};

// Convolutions and products with weights of which each reads the results of the one before and nobody else does; element-wise nodes
// that run inside one (NodeWork::fused_into) may stand between. Chains of two and more, as long as they go.
std::vector<std::vector<FusibleLayer>> fusible_chains(const Graph& graph, const NetworkWork& work);

struct RowPlan {
  std::vector<std::vector<int64_t>> made;  // rows by layer and tile
  std::vector<int64_t> fetched;            // rows of the chain's input by tile
  std::vector<int64_t> held;               // rows of each layer's input that are there at a time, at most
};
RowPlan plan_rows(std::span<const FusibleLayer> layers, int64_t tile_rows);

// Elements of one row of a tensor of the workload; of inputs with padding to the sides.
int64_t row_elements(const Workload& workload, TensorRole role, int row_dimension);
// The same layer with fewer output rows.
Workload with_rows(const FusibleLayer& layer, int64_t rows);

}  // namespace nacre
