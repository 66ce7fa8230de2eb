// `scaled_networks`: whether what is good in a small network is good in a large one (Zoph et al., arXiv 1707.07012, section 3). The
// same decisions, drawn at random, are trained at two sizes of their space; the best of the small ones against the others at full
// size.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "nacre/base/rank_correlation.hpp"
#include "nacre/bench/probe.hpp"
#include "nacre/bench/searched_study.hpp"
#include "nacre/bench/significance.hpp"

namespace nacre {
namespace {

std::map<Hash128, double> values_by_decisions(const SearchedStudy& searched, const std::string& metric) {
  std::map<Hash128, double> values;
  for (const Trial& trial : searched.ok())
    if (const auto value = metric_value(trial.metrics, metric))
      values.emplace(trial.candidate.decisions.hash(), *value);
  return values;
}

Json measure_scaled(const Options& options, const ProbeContext& context) {
  const auto at_size = [&](const char* size) {
    std::vector<std::string> changes = options.texts("set");
    changes.push_back(fmt::format("search={{strategy: random, trials: {}, workers: 1}}", options.integer("networks")));
    for (const std::string& change : options.texts(size)) changes.push_back(change);
    return values_by_decisions(run_search_in(context.output / size, options.text("configuration"), changes, context),
                               options.text("metric"));
  };
  const std::map<Hash128, double> small = at_size("small"), large = at_size("large");
  std::vector<double> first, second;
  for (const auto& [decisions, value] : small) {
    const auto found = large.find(decisions);
    if (found == large.end()) continue;  // failed at one of the sizes
    first.push_back(value);
    second.push_back(found->second);
  }
  if (first.size() < 3)
    throw UserError(
        fmt::format("only {} networks have the metric '{}' at both sizes", first.size(), options.text("metric")));
  const bool more = options.boolean("maximize");
  const auto place = (more ? std::ranges::max_element(first) : std::ranges::min_element(first)) - first.begin();
  const double top = second[static_cast<size_t>(place)], median = quantile_of(second, 0.5);
  return {{"networks", first.size()}, {"spearman", spearman(first, second)},          {"top", top},
          {"median", median},         {"gained", more ? top - median : median - top}, {"small", first},
          {"large", second}};
}

}  // namespace

void add_scaled_networks_probe(Registry<ProbeFactory>& registry) {
  registry.add(
      {.name = "scaled_networks",
       .summary =
           "random networks trained at two sizes of their space: rank correlation, and the small ones' best scaled",
       .source = "Zoph et al., Learning transferable architectures for scalable image recognition, arXiv 1707.07012",
       .parameters = {{.name = "configuration",
                       .type = ParameterType::text,
                       .description = "file of a search; {seed}, {root} and {experiment} are put in",
                       .required = true},
                      {.name = "set",
                       .type = ParameterType::text_list,
                       .description = "keys that differ from it, as with --set; its section search is replaced",
                       .default_value = Json::array()},
                      {.name = "small",
                       .type = ParameterType::text_list,
                       .description = "keys of the small size",
                       .required = true},
                      {.name = "large",
                       .type = ParameterType::text_list,
                       .description = "keys of the large size; they leave the decisions as they are",
                       .required = true},
                      {.name = "networks",
                       .type = ParameterType::integer,
                       .description = "drawn at random",
                       .default_value = 20,
                       .minimum = 3,
                       .maximum = 1e5},
                      {.name = "metric",
                       .type = ParameterType::text,
                       .description = "by which they are judged",
                       .default_value = "accuracy"},
                      {.name = "maximize",
                       .type = ParameterType::boolean,
                       .description = "more of it is better",
                       .default_value = true}},
       .example = "probe: scaled_networks\nconfiguration: \"{root}/examples/rnn_controller.yaml\"\nnetworks: 8\n"
                  "small: [space.channels=4]\nlarge: [space.channels=8, space.repeats=2]\n"},
      measure_scaled);
}

}  // namespace nacre
