// The rewrites of nacre, one function each, and what they share. rewrite.cpp lists them.
#pragma once

#include <functional>
#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre::rewrites {

// Each returns how often it applied. They mark nodes dead and leave renumbering to the driver.
int remove_dead_code(Graph& graph);
int remove_identities(Graph& graph);
int merge_common_subexpressions(Graph& graph);
int fold_constants(Graph& graph);
int fold_batch_norm(Graph& graph);
int affine_into_linear(Graph& graph);
int merge_pointwise(Graph& graph);
int sum_kernels(Graph& graph);

// Applies `rewrite` to every nested graph and returns the sum of its counts. Bodies without a match stay shared.
int rewrite_bodies(Graph& graph, int (*rewrite)(Graph&));

// --- reading

// Whether the values have one known shape; symbols count as known.
bool same_known_shape(const Graph& graph, ValueId a, ValueId b);

// A constant that training never changes: its bytes can be computed with.
const Tensor* fixed_constant(const Graph& graph, ValueId id);

// How often each value is read: inputs of nodes, captures of nested graphs and outputs of the graph count one each.
// Counts are void once a node's inputs change.
std::vector<int32_t> count_uses(const Graph& graph);

// The node that makes `id`, when that is read once, is no output of the graph and carries no format; else kNone.
NodeId private_producer(const Graph& graph, ValueId id, const std::vector<int32_t>& uses);

// A name like `wish` that no value of the graph has.
std::string unused_name(const Graph& graph, const std::string& wish);

// --- changing

// Readers of `result` (the only result of a node that is read) read `source` instead, and the node is gone. An output of the
// graph keeps its name: the source takes it over, which it cannot where it is an input, a parameter or an output itself.
// False, and nothing is done, in that case or where format annotations or known types disagree.
bool replace_result(Graph& graph, ValueId result, ValueId source);

// As above where `source` now is what `result` was: it takes over its name and format, whoever reads it.
// Precondition: nobody but the node that makes `result` reads `source`.
void take_over(Graph& graph, ValueId result, ValueId source);

// Puts `data` in the place of the parameter `old` (kNone for none), under its name where nobody else reads it, else under
// one like `name` or its own. `uses` as from count_uses.
ValueId replaced_parameter(Graph& graph, ValueId old, Tensor data, const std::vector<int32_t>& uses,
                           const std::string& name = "");

}  // namespace nacre::rewrites
