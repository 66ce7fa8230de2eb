// Hashes of graphs.
//
// structure_hash: operators, attributes, wiring, types, shapes and format annotations; ignores weights, names, scope paths
// and the order in which nodes are stored. Two graphs of equal hash compute the same function of (inputs, parameters) up
// to renaming. What counts as structure:
//   - which parameters are shared: one initializer read twice is not two initializers of equal shape;
//   - the elements of small constants (is_structural): shapes, axes, the limits of Clip;
//   - which parameters are trainable, but neither their bytes nor the distribution they are drawn from;
//   - an attribute at its ONNX default is the same as none; a negative axis is the same as the positive one;
//   - the operands of commutative operators (Add, Mul, Max, ...) have no order;
//   - nodes from which no output can be reached do not count.
// content_hash: also weights, distributions, names, scopes, order of nodes and metadata.
#pragma once

#include "nacre/base/hash.hpp"
#include "nacre/ir/graph.hpp"

namespace nacre {

inline constexpr int64_t kStructuralElements = 64;

// A constant whose values belong to the structure: its bytes are known, it is not trained, it has no distribution to be
// drawn from, and it has at most kStructuralElements elements.
bool is_structural(const Initializer& initializer);

Hash128 structure_hash(const Graph& graph);
Hash128 content_hash(const Graph& graph);

}  // namespace nacre
