// Exact rewrites of a Graph and the one driver through which all run: interruptible, timed, switched off by name, and
// verified afterwards (shapes and types always; numerical equality on random inputs where the rewrite claims it).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre {

struct Rewrite {
  std::string name;
  std::string summary;
  std::string source;            // paper, section or equation; "" where it is common knowledge
  std::string example = "";      // text form of a graph that it changes
  bool preserves_values = true;  // outputs equal within the tolerance for any finite input
  // Relative to the largest output. What the rewrite does is exact in real numbers; the rest is rounding.
  double tolerance = 1e-4;
  double tolerance_double = 1e-10;  // where all floating-point outputs are float64
  // Applies the rewrite wherever it matches, nested graphs included; returns how often. Dead nodes may remain.
  int (*apply)(Graph& graph) = nullptr;
};

struct RewriteOptions {
  std::vector<std::string> disabled = {};  // names
  bool verify_values = false;              // run before and after on random inputs (reference executor)
  std::function<bool()> interrupted = {};  // asked between rewrites; true throws Interrupted
  int maximum_rounds = 10;
};

struct RewriteRecord {
  std::string name;
  int count = 0;
  double time_s = 0;  // of the rewrite, without verification
  // With verify_values: the values were compared. A graph with opaque operators or an input of unknown rank cannot be run,
  // and its values are not compared.
  bool verified = false;
};

const std::vector<Rewrite>& all_rewrites();
const Rewrite& get_rewrite(std::string_view name);  // UserError with nearest names

// Runs the named rewrites in order until nothing changes. Throws InternalError naming the rewrite when verification fails.
// Whatever is thrown, the graph is as it was after the last rewrite that ended well.
std::vector<RewriteRecord> run_rewrites(Graph& graph, std::span<const std::string> names,
                                        const RewriteOptions& options = {});
// All of them, in the order of all_rewrites: what a deployed model gets.
std::vector<RewriteRecord> simplify_for_deployment(Graph& graph, const RewriteOptions& options = {});

// One rewrite, wherever it stands: also for rewrites that are in no list. Returns how often it applied.
RewriteRecord run_rewrite(Graph& graph, const Rewrite& rewrite, const RewriteOptions& options = {});

// Runs both graphs by the reference executor on the same random inputs, symbols bound to small numbers, absent parameters
// drawn alike. The largest difference relative to the largest output; nothing when `before` cannot be run.
std::optional<double> compare_by_running(const Graph& before, const Graph& after, uint64_t seed);

}  // namespace nacre
