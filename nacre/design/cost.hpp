// What a design costs on a target: totals and the share of each node, each with unit and origin.
#pragma once

#include <string>
#include <vector>

#include "nacre/design/metrics.hpp"
#include "nacre/ir/graph.hpp"

namespace nacre {

struct CostItem {
  NodeId node = kNone;
  std::string name;  // of the node, for tables
  std::string op;
  std::string scope;
  Metrics metrics;  // e.g. latency_s, macs, params; a target gives what it knows
};

struct Cost {
  Metrics totals;
  std::vector<CostItem> items;           // may be empty when a target only knows totals
  std::vector<std::string> not_covered;  // operators the target could not cost: totals are then lower bounds
};

}  // namespace nacre
