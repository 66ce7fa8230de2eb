// What a space knows of its network that only training needs, kept with the graph as metadata: which paths may be dropped, and
// where an auxiliary head may sit. Places are scopes, which rewrites keep. Nothing of it is computed or counted outside training.
#pragma once

#include <string>
#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre {

struct TrainingTags {
  struct Path {
    std::string scope;  // all nodes of an edge of a cell; the value that leaves it may be dropped
    double depth = 1;   // place of the cell, (its number + 1) / number of cells
    bool operator==(const Path&) const = default;
  };
  std::vector<Path> paths;
  std::string auxiliary;  // scope of the cell whose output feeds the auxiliary head; "": none

  bool operator==(const TrainingTags&) const = default;
};

void set_training_tags(Graph& graph, const TrainingTags& tags);
// Empty ones where the graph has none. UserError when its metadata are malformed.
TrainingTags training_tags_of(const Graph& graph);

// The value of the scope (or of a scope below it) that others read: the last one when there are several. kNone where the scope
// has no nodes (any more).
ValueId value_leaving(const Graph& graph, const std::string& scope);

}  // namespace nacre
