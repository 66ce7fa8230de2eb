// What is built: graphs by task name and the recipe that trains them. Number formats are annotations on the graphs' values.
#pragma once

#include <map>
#include <string>

#include "nacre/design/candidate.hpp"
#include "nacre/design/recipe.hpp"
#include "nacre/ir/graph.hpp"

namespace nacre {

struct Design {
  std::map<std::string, Graph, std::less<>> graphs;  // by task name; most designs have one
  Recipe recipe;
  Decisions decisions;  // of the space that it was built from; empty for what comes from elsewhere

  // The only graph. InternalError when there are several.
  const Graph& graph() const;
  Graph& graph();
};

// structure hash of all graphs and the recipe's fields.
std::string design_identity(const Design& design);

}  // namespace nacre
