// Exact rewrites of a Graph and the one driver through which all run: interruptible, timed, switched off by name, and
// verified afterwards (shapes and types always; numerical equality on random inputs where the rewrite claims it).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre {

struct Rewrite {
  std::string name;
  std::string summary;
  std::string source;
  bool preserves_values = true;   // outputs equal within `tolerance` for any input
  double tolerance = 1e-4;        // relative to the largest output
  // Applies the rewrite wherever it matches; returns how often.
  int (*apply)(Graph& graph) = nullptr;
};

struct RewriteOptions {
  std::vector<std::string> disabled;           // names
  bool verify_values = false;                  // run before and after on random inputs (reference executor)
  std::function<bool()> interrupted;           // asked between rewrites
  int maximum_rounds = 10;
};

struct RewriteRecord {
  std::string name;
  int count = 0;
  double time_s = 0;
};

const std::vector<Rewrite>& all_rewrites();
const Rewrite& get_rewrite(std::string_view name);  // UserError with nearest names

// Runs the named rewrites in order until nothing changes. Throws InternalError naming the rewrite when verification fails;
// the graph is then as it was before that rewrite.
std::vector<RewriteRecord> run_rewrites(Graph& graph, std::span<const std::string> names, const RewriteOptions& options = {});
// dead code, identity, constants, batch-norm folding: what a deployed model gets.
std::vector<RewriteRecord> simplify_for_deployment(Graph& graph, const RewriteOptions& options = {});

}  // namespace nacre
