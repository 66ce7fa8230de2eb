// The sections of a configuration file and the records behind their keys.
//
//   task:    what is learned        kind + the keys of that task
//   space:   what may be built      kind + the keys of that space (+ `recipe`: fields of `train` that become decisions)
//   target:  where it runs          kind + batch, threads, symbols + the keys of that target
//   limits:  what must hold         metric: bound, or metric: {at_least: bound}
//   search:  how it is searched     strategy, trials, ... + the keys of that strategy
//   train:   how weights are trained   every field of the recipe, precision
//   evaluator: who says how good a network is   trained (the default), or kind: command + its keys
//   final:   what happens to the front: final training, export
//   output_dir: where everything goes
//   targets: further devices, each searched with the same shared weights (evaluator supernet): name: {target, limits, trials}
//
// A section whose only key would be `kind` may be written as the word alone: `space: mbconv`.
#pragma once

#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/design/target.hpp"
#include "nacre/search/objective.hpp"

namespace nacre {

// The strategy of a search that names none: the best mean rank over ten tables that played no part in choosing its settings
// (benchmarks/suites/default_strategy.yaml).
inline constexpr const char* kDefaultStrategy = "bayesian";

const std::vector<std::string>& configuration_sections();
const std::vector<Parameter>& search_parameters();      // without the strategy's own
const std::vector<Parameter>& train_parameters();       // the recipe and precision
const std::vector<Parameter>& deployment_parameters();  // batch, threads, symbols
const std::vector<Parameter>& final_parameters();

// Splits "kind" off: {kind: x, ...} or the bare word x. UserError when there is no kind.
struct KindedSection {
  std::string kind;
  SourcePosition position;  // of the kind
  ConfigNode node;          // the map with the kind left in; empty for a bare word
};
KindedSection kinded_section(const ConfigNode& root, std::string_view section);

Deployment deployment_from_options(const Options& options);
// `known` are the metrics that the target and the task fill; a limit on another is a UserError.
std::vector<Limit> limits_from_config(const ConfigNode& node, const std::vector<MetricSpec>& known);
Json to_json(const std::vector<Limit>& limits);

}  // namespace nacre
