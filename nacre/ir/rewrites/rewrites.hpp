// The rewrites of nacre, one function each, and what they share. rewrite.cpp lists them.
#pragma once

#include <functional>

#include "nacre/ir/graph.hpp"

namespace nacre::rewrites {

// Each returns how often it applied. They mark nodes dead and leave renumbering to the driver.
int remove_dead_code(Graph& graph);
int remove_identities(Graph& graph);
int fold_constants(Graph& graph);
int fold_batch_norm(Graph& graph);

// Applies `rewrite` to every nested graph and returns the sum of its counts. Bodies without a match stay shared.
int rewrite_bodies(Graph& graph, int (*rewrite)(Graph&));

// Readers of `result` (the only result of a node that is read) read `source` instead, and the node is gone. An output of the
// graph keeps its name: the source takes it over, which it cannot where it is an input, a parameter or an output itself.
// False, and nothing is done, in that case or where format annotations or known types disagree.
bool replace_result(Graph& graph, ValueId result, ValueId source);

// A name like `wish` that no value of the graph has.
std::string unused_name(const Graph& graph, const std::string& wish);

// A constant that training never changes: its bytes can be computed with.
const Tensor* fixed_constant(const Graph& graph, ValueId id);

}  // namespace nacre::rewrites
