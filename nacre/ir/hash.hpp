// Hashes of graphs.
//
// structure_hash: operators, attributes, wiring, types and shapes; ignores weights, names, scope paths and the order of
// independent nodes. Two graphs of equal hash compute the same function of (inputs, parameters) up to renaming.
// content_hash: also weights, names and metadata.
#pragma once

#include "nacre/base/hash.hpp"
#include "nacre/ir/graph.hpp"

namespace nacre {

Hash128 structure_hash(const Graph& graph);
Hash128 content_hash(const Graph& graph);

}  // namespace nacre
