// What follows a block's features while it is trained without labels: the neck, which makes a projection of fixed width, and
// the predictor of the online side (BossNAS, Li et al., arXiv 2103.12424; BYOL, arXiv 2006.07733, section 3.2).
//
//   features ─ [adapter] ─ average over places ─ linear ─ norm ─ relu ─ linear ─ projection ─ linear ─ norm ─ relu ─ linear ─ prediction
//
// Where the paths of a block end in different shapes, each shape has an adapter of its own to the common one: depthwise convolution
// of the stride, 1x1 convolution, norm. No libtorch here.
#pragma once

#include <optional>
#include <span>

#include "nacre/ir/graph.hpp"

namespace nacre {

struct HeadForm {
  int64_t hidden = 4096;
  int64_t projection = 256;
};

// The shape that all paths are brought to, most channels and least sides; nothing when they have it already. UserError when they
// differ in rank.
std::optional<Shape> common_shape(std::span<const Shape> shapes);

// The graph, of one output, with the heads behind it; its only output is the projection, or with `predicts` the prediction.
Graph with_heads(Graph features, const HeadForm& form, const std::optional<Shape>& common, bool predicts);

}  // namespace nacre
