// A look-up table of costs: what groups of operators take on a device, measured one by one, and how their sum becomes the
// cost of a whole network.
//
//   network ── deployed form ── groups of nodes that the runtime fuses ── look up each ── sum ── residual ── cost
//
// What a group is can be chosen: chains of operators that the runtime fuses, or whole blocks of the network, which is exacter
// where a runtime rearranges more than neighbors (FBNet's table is of that kind), and needs more entries.
//
// Keys are operators with attributes, shapes and formats (the structure hash of the group as a graph of its own), so one
// table serves every network whose groups it holds. Which operators are fused is found by measuring pairs: A and B are one
// group when together they take clearly less than one after the other (nn-Meter, Zhang et al., MobiSys 2021, section 4). The
// residual is linear in the sum, the number of groups and the bytes moved, fitted on whole networks; what a group takes inside
// a network, where it differs from what it takes alone (a runtime that keeps a layout of its own between groups), is learned
// from the same networks. Networks kept aside from the fit say how good it is.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nacre/base/hash.hpp"
#include "nacre/base/json.hpp"
#include "nacre/design/target.hpp"
#include "nacre/ir/graph.hpp"

namespace nacre {

// Neighbours by operator name, first producer, then consumer, that the runtime runs as one.
using FusedPairs = std::set<std::pair<std::string, std::string>>;

// The nodes of a graph in groups, each in topological order: chains of fused pairs whose inner results nobody else reads.
// Nodes that cannot stand alone (opaque, with bodies, of unknown shape) are in no group.
std::vector<std::vector<NodeId>> node_groups(const Graph& graph, const FusedPairs& fused);

// The same by blocks: nodes that follow one another in one block. A block is what lies below the first numbered scope
// ("stage1/0/..."), without numbers below the first scope ("stem"); nodes without scope are alone.
std::vector<std::vector<NodeId>> block_groups(const Graph& graph);

// A group or a pair cut out, with what is looked up and what an estimate goes by.
struct Probe {
  std::string key;   // structure hash
  std::string text;  // "Conv+Relu 1x16x14x14, 32x16x3x3 -> 1x32x14x14", for people
  std::string ops;   // "Conv+Relu"
  double flops = 0;
  double bytes = 0;  // read and written: activations and weights
};
Probe describe_probe(const Graph& group, const std::string& ops);
std::string ops_text(const Graph& graph, const std::vector<NodeId>& group);

// What was measured of one group or network: by metric (latency_s, energy_j, ...) the lowest of several passes.
struct MeasuredValues {
  std::map<std::string, double, std::less<>> values;
  int64_t passes = 0;

  // One more pass. A neighbour on the machine or a slower clock only ever adds: the lower value stays.
  void add(const std::map<std::string, double, std::less<>>& pass);
};

struct TableEntry {
  Probe probe;
  MeasuredValues measured;
};

// cost = a * sum of groups (without the fixed part of a call) + b * groups + c * bytes + d, all but a often 0.
struct Residual {
  double sum = 1;
  double groups = 0;
  double bytes = 0;
  double constant = 0;
  double call = 0;  // the fixed part of one call that every entry carries

  double apply(double sum_of_groups, double group_count, double total_bytes) const;
};

// How the prediction did on networks that the fit did not see.
struct TableError {
  int64_t networks = 0;
  double mean_relative = 0;
  double largest_relative = 0;
  double spearman = 0;
};

struct CostTable {
  Json target;              // of the measured target: kind and options, as in a configuration
  std::string base_folder;  // where its relative paths start
  std::string identity;     // of that target when it was measured
  Deployment deployment;    // batch, threads, symbols
  std::string built_with;   // version of nacre
  bool complete = false;    // building was finished
  std::vector<std::string> metrics;
  bool by_blocks = false;  // groups are blocks; else fused operators
  FusedPairs fused;
  std::map<std::string, TableEntry> entries;               // by key
  std::map<std::string, MeasuredValues> networks;          // whole: by structure hash
  std::map<std::string, Residual, std::less<>> residuals;  // by metric
  // By metric and entry: what the group takes inside a network over what it takes alone. Without an entry: 1.
  std::map<std::string, std::map<std::string, double>, std::less<>> corrections;
  std::map<std::string, TableError, std::less<>> errors;  // by metric
};

// UserError for a file that is no table of this form.
CostTable read_cost_table(const std::filesystem::path& path);
void write_cost_table(const CostTable& table, const std::filesystem::path& path);

// As the table has it.
std::vector<std::vector<NodeId>> groups_of(const CostTable& table, const Graph& graph);

// What the table says of one network in its deployed form.
struct TableAnswer {
  struct Group {
    std::vector<NodeId> nodes;
    Probe probe;
    bool known = false;  // else estimated
    std::map<std::string, double, std::less<>> values;
  };
  std::vector<Group> groups;
  double bytes = 0;
  int64_t estimated = 0;                 // groups without an entry
  std::vector<std::string> not_covered;  // operators that cannot stand alone, or of which the table holds nothing alike
};
TableAnswer look_up(const CostTable& table, const Graph& deployed);
// By the residual; nothing for a metric that the table does not hold.
std::optional<double> predicted(const CostTable& table, const TableAnswer& answer, const std::string& metric);

// Fits the residual of one metric: rows are (sum of groups, group count, bytes, measured). Forms with more terms are taken
// only where they are better on rows left out one at a time. InternalError for fewer than four rows.
struct ResidualRow {
  double sum = 0;
  double groups = 0;
  double bytes = 0;
  double measured = 0;
};
Residual fit_residual(const std::vector<ResidualRow>& rows, double call);

// Fits the corrections: each row is a network with the share of its measured cost that the table puts on each entry, and the
// share that the table leaves over (negative: too much). Ridge regression, corrections being near 1 unless networks say
// otherwise; how near is chosen by the error on rows left out one at a time. Empty when no correction is better than that.
struct CorrectionRow {
  std::map<std::string, double> shares;
  double left_over = 0;
};
std::map<std::string, double> fit_corrections(const std::vector<CorrectionRow>& rows);
TableError table_error(const std::vector<double>& predicted, const std::vector<double>& measured);

}  // namespace nacre
