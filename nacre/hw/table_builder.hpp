// Fills a cost table by measuring: plans what has to be known for a set of networks, measures it on any target, fits the
// residual and says how good the table is.
//
//   pairs    for each pair of neighbouring operators, producer, consumer and both together, at the two largest places
//            (not where the table is one of blocks)
//   groups   every distinct group of all networks, alone
//   whole    some of the networks end to end: most for the residual, the rest kept aside for the error
//
// A machine may be slower for some seconds (other tenants, its clock, heat). So each value is measured once per pass, the passes
// lie apart in time, and the lowest is kept. Where that is not enough a reference, the first network, is measured before and
// after each value; the value counts when both agree, and is divided by how much slower the reference was than at its fastest.
//
// All of it is kept in the table as it is measured, so that building goes on where it was stopped.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "nacre/hw/cost_table.hpp"

namespace nacre {

struct TableProgress {
  int64_t done = 0;
  int64_t planned = 0;
  std::string what;  // "operator pairs", "groups", "networks"
};

struct TableWork {
  Target& target;        // that measures
  Target& probe_target;  // the same, with settings for small quick probes; may be `target`
  std::vector<std::string> metrics;
  // Networks in the form that is deployed (hw/command_target.hpp: graph_to_measure). Groups come from all; the first
  // `whole` of them are measured end to end, the last `kept_aside` of those are left out of the fit.
  std::vector<Graph> networks;
  int64_t whole = 0;
  int64_t kept_aside = 0;
  int64_t passes = 1;
  bool steady = false;  // bracket every value by the reference: twice the measurements
  std::function<void(const CostTable&)> save = [](const CostTable&) {};  // now and then, and at the end
  std::function<bool()> interrupted = [] { return false; };
  std::function<void(const TableProgress&)> progress = [](const TableProgress&) {};
};

// `table` holds the head (target, identity, deployment, metrics) and whatever was measured before. UserError when nothing of
// the networks can be measured; Interrupted after saving.
void build_cost_table(CostTable& table, const TableWork& work);

// The metrics of a target that a table can add up: measured ones in seconds or joules.
std::vector<std::string> additive_metrics(const Target& target);

}  // namespace nacre
