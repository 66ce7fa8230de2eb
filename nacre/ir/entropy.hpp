// How expressive and how effective a network can be, from its structure alone: no weights, no data (DeepMAD, Shen et al., CVPR
// 2023, arXiv 2303.02165).
//
//   width of a layer     w = c k^2 / g            c input channels, k x k kernel, g groups; a linear layer: its inputs
//   entropy of a prefix  H = log(r^2 C) * sum of log sqrt(w)      of its layers; r x r x C is what the prefix puts out
//   effectiveness        rho = L / (geometric mean of w)          L layers; too deep for its width, information is lost
//
// A scale is the prefix that ends where the next block halves the image; the last one is the whole network. The sum over
// scales, weighted 1, 1, 1, 1, 8, is the score. The half (sqrt) is that of the released scoring code; the paper's formula
// has log w, twice as much. Layers are the convolutions and linear layers on the longest path from input to output;
// projections of shortcuts, squeeze-and-excitation, normalization and the classifier do not count.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre {

// What one scale adds to the one before.
struct EntropyScale {
  double log_widths = 0;  // sum of the natural logarithms of its layers' widths
  int64_t layers = 0;
  int64_t channels = 0;  // of what the scale puts out
  int64_t area = 0;      // height x width of that; 1 for features

  bool operator==(const EntropyScale&) const = default;
};

struct EntropySettings {
  std::vector<double> weights = {1, 1, 1, 1, 8};  // of the scales, the last for the whole network; where there are more
      // scales the first weight is repeated, where fewer the first are left out
  bool half = true;  // log sqrt(w), as in the released code
};

struct Entropy {
  std::vector<double> per_scale;      // H, not weighted
  std::vector<double> effectiveness;  // rho of each prefix
  double weighted = 0;                // the score
  double largest_effectiveness = 0;   // what a limit on rho is about
};

// The scales of a network, one at least. UserError when no convolution or linear layer leads to the first output, or when an
// extent is not fixed (bind the symbols first).
std::vector<EntropyScale> entropy_scales(const Graph& graph);

Entropy entropy_of(std::span<const EntropyScale> scales, const EntropySettings& settings = {});

}  // namespace nacre
