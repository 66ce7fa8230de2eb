// Early exit: candidates whose cost is beyond a bound are thrown away and drawn again before anything is spent on them
// (Termritthikun et al., EEEA-Net: an early exit evolutionary neural architecture search, Engineering Applications of Artificial
// Intelligence 104, 2021, arXiv 2108.06156, section 3.2: early exit population initialization).
//
// The cost may be any that is known without training (params, macs, model_bytes, what a target looks up), of the network in
// question or of the same decisions at another size: `exit_space` holds the space's options that differ, e.g. the number of cells
// of the network that is trained in the end. `exit_filter: init` filters the first population only, as the paper does, so the
// bound says where the search begins; `always` filters children too, which is another search (a limit). Children that cannot keep it are
// replaced by random candidates that do.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nacre/search/strategy.hpp"

namespace nacre {

class EarlyExit {
 public:
  // Reads exit_bound, exit_metric, exit_filter and exit_redraws. UserError when costs are not known in this search. Whoever makes
  // the context lets `build` follow exit_space (run/plan.cpp).
  EarlyExit(const Options& options, const StrategyContext& context);
  static std::vector<Parameter> parameters();
  // True where the cost counts at another size: options of a strategy, of any kind.
  static bool asks_for_size(const Options& options);

  bool filters_first() const { return bound_.has_value(); }
  bool filters_children() const { return bound_.has_value() && always_; }
  // The first of draw's results that keeps the bound; nothing when none of `draws` in a row does.
  std::optional<Decisions> attempt(const std::function<Decisions(Random&)>& draw, int64_t draws, Random& random);
  // The same. UserError, naming the smallest cost seen, when none of exit_redraws in
  // a row does.
  Decisions accepted(const std::function<Decisions(Random&)>& draw, Random& random);

  int64_t exits() const { return exits_; }
  // early_exits, and exit_cost_avoided: summed over them, in the metric's unit.
  void add_statistics(Json& statistics) const;

 private:
  double cost(const Decisions& decisions) const;

  std::optional<double> bound_;
  std::string metric_;
  bool always_ = false;
  int64_t redraws_ = 0;
  SourcePosition position_;
  std::function<Design(const Decisions&)> build_;
  std::function<Metrics(const Design&)> costs_;
  int64_t exits_ = 0;
  double avoided_ = 0;
  std::optional<double> least_;  // cost thrown away
};

}  // namespace nacre
