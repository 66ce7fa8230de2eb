// The order of channels in shared weights. Narrow networks take the first channels: before any is trained, all channels are put in
// the order of their importance, which changes nothing of the largest network (Once-for-All, arXiv 1908.09791, section 3.3).
// No libtorch here.
#pragma once

#include "nacre/ir/graph.hpp"
#include "nacre/ir/weights_file.hpp"

namespace nacre {

// New values for weights whose channels move, by name. `largest` carries its weights. Importance of a channel: the sum of
// magnitudes of the weights by which convolutions and linear layers read it, depthwise ones left out; channels that are tied
// (by sums, normalizations, gates) move together. Inputs, outputs and what is not understood stay.
Weights sorted_channels(const Graph& largest);

}  // namespace nacre
