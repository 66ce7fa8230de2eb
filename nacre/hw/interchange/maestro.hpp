// MAESTRO's files (H. Kwon et al., IEEE Micro 2020): layers with data-centric dataflows, and its hardware file.
//
// A dataflow is a list of SpatialMap(size, offset) and TemporalMap(size, offset) of dimensions, cut into groups by Cluster(n, P).
// Each group becomes a level: its temporal maps are loops over tiles of `size`, its spatial maps spread over the group's children,
// folded where there are more tiles than children. Y and X are positions of the input: a tile of Sz(R) rows is one output row, and
// what a tile and the next share is the halo. Y with R (X with S) in one group's spatial maps walk along a diagonal, one output:
// R (S) is what spreads. The last group's tile is worked off inside an element.
//
// Nested clusters multiply. Refused, with the layer's name: offsets that skip or repeat work, clusters larger than the array.
// Corrected, and said: tiles larger than their dimension (MAESTRO gives 0 cycles without an error) are the whole. On layers with a stride MAESTRO counts input tiles in steps of one output, so
// that a tile of 10 columns is 8 outputs whatever the stride; it then counts too many multiply-accumulates (1.07 to 3 times). Here
// the outputs are what counts, and a warning says so.
#pragma once

#include <string>

#include "nacre/hw/interchange/imported.hpp"

namespace nacre {

Imported read_maestro(const std::string& text, const std::string& origin, int64_t elements);
Imported read_maestro_hardware(const std::string& text, const std::string& origin);

}  // namespace nacre
