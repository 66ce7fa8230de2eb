// `block_ranking`: how well scores of blocks that were trained without labels rank networks (BossNAS, Li et al., arXiv 2103.12424,
// section 4.3): random networks are trained by themselves, and their accuracies compared with the sums of the scores of their
// blocks, for several ways to train the blocks; beside them the number of parameters, which ranks sizes by itself.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nacre/base/file.hpp"
#include "nacre/base/rank_correlation.hpp"
#include "nacre/bench/probe.hpp"
#include "nacre/bench/searched_study.hpp"

namespace nacre {
namespace {

struct TrainedNetworks {
  std::vector<Decisions> decisions;
  std::vector<double> values, params, macs;
};

TrainedNetworks trained_networks(const Options& options, const ProbeContext& context) {
  std::vector<std::string> changes = options.texts("set");
  changes.push_back(fmt::format("search={{strategy: random, trials: {}, workers: 1}}", options.integer("networks")));
  const SearchedStudy searched =
      run_search_in(context.output / "networks", options.text("configuration"), changes, context);
  TrainedNetworks networks;
  for (const Trial& trial : searched.ok()) {
    const auto value = metric_value(trial.metrics, options.text("metric"));
    const auto params = metric_value(trial.metrics, "params"), macs = metric_value(trial.metrics, "macs");
    if (!value || !params || !macs) continue;
    networks.decisions.push_back(trial.candidate.decisions);
    networks.values.push_back(*value);
    networks.params.push_back(*params);
    networks.macs.push_back(*macs);
  }
  if (networks.values.size() < 3)
    throw UserError(
        fmt::format("only {} networks have {}, params and macs", networks.values.size(), options.text("metric")));
  return networks;
}

// The sum of the scores of the paths that make the network, from a study's supernet.json.
double score_in(const Json& record, const Decisions& network) {
  double sum = 0;
  for (const Json& block : record.at("blocks")) {
    const Json& paths = block.at("paths");
    const auto found = std::ranges::find_if(paths, [&](const Json& path) {
      return std::ranges::all_of(path.at("decisions").items(), [&](const auto& one) {
        const int64_t* index = network.find(one.key());
        return index != nullptr && *index == one.value().template get<int64_t>();
      });
    });
    if (found == paths.end()) throw UserError("a drawn network goes along paths that were not rated");
    sum += found->at("score").get<double>();
  }
  return sum;
}

// Of x and y, what z explains of both taken out; by ranks.
double partial(std::span<const double> x, std::span<const double> y, std::span<const double> z) {
  const double xy = spearman(x, y), xz = spearman(x, z), yz = spearman(y, z);
  const double norm = std::sqrt((1 - xz * xz) * (1 - yz * yz));
  return norm > 0 ? (xy - xz * yz) / norm : 0;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Json measure_block_ranking(const Options& options, const ProbeContext& context) {
  const TrainedNetworks networks = trained_networks(options, context);
  Json json = {
      {"networks", networks.values.size()},
      {"least", std::ranges::min(networks.values)},
      {"most", std::ranges::max(networks.values)},
      {"params",
       {{"spearman", spearman(networks.params, networks.values)},
        {"kendall", kendall(networks.params, networks.values)}}},
      {"macs",
       {{"spearman", spearman(networks.macs, networks.values)}, {"kendall", kendall(networks.macs, networks.values)}}}};
  const ConfigNode& variants = options.node("variants");
  if (!variants.is_map()) throw UserError(variants.position, "variants: expected a map of names and lists of keys");
  for (const auto& [name, node] : variants.entries) {
    std::vector<double> spearmans, kendalls, partials;
    for (const int64_t seed : options.integers("search_seeds")) {
      std::vector<std::string> changes = options.texts("set");
      changes.push_back("search.trials=1");
      changes.push_back("search.workers=1");
      changes.push_back("train.epochs=1");  // the one network that is trained in the end does not matter here
      for (const ConfigNode& change : node.items) changes.push_back(change.as_text("variants." + name));
      const std::filesystem::path folder = context.output / fmt::format("{}_{}", name, seed);
      ProbeContext own = context;
      own.seed = static_cast<uint64_t>(seed);
      run_search_in(folder, options.text("configuration"), changes, own);
      const Json record = parse_json(read_file(folder / "supernet" / "supernet.json"), folder.string());
      std::vector<double> goodness;  // lower scores are better
      for (const Decisions& network : networks.decisions) goodness.push_back(-score_in(record, network));
      spearmans.push_back(spearman(goodness, networks.values));
      kendalls.push_back(kendall(goodness, networks.values));
      partials.push_back(partial(goodness, networks.values, networks.params));
    }
    json["variants"][name] = {{"spearman", mean_of(spearmans)},
                              {"kendall", mean_of(kendalls)},
                              {"beside_params", mean_of(partials)},
                              {"spearman_each", spearmans}};
  }
  return json;
}

}  // namespace

void add_block_ranking_probe(Registry<ProbeFactory>& registry) {
  registry.add(
      {.name = "block_ranking",
       .summary = "random networks trained by themselves against the scores of their blocks, trained without labels",
       .source = "BossNAS, Li et al., arXiv 2103.12424, section 4.3",
       .parameters = {{.name = "configuration",
                       .type = ParameterType::text,
                       .description = "file of a search by bossnas; {seed}, {root} and {experiment} are put in",
                       .required = true},
                      {.name = "set",
                       .type = ParameterType::text_list,
                       .description = "keys that differ from it, as with --set",
                       .default_value = Json::array()},
                      {.name = "networks",
                       .type = ParameterType::integer,
                       .description = "drawn at random and trained by the configuration's recipe",
                       .default_value = 30,
                       .minimum = 3,
                       .maximum = 1e5},
                      {.name = "metric",
                       .type = ParameterType::text,
                       .description = "by which they are judged; more is better",
                       .default_value = "accuracy"},
                      {.name = "variants",
                       .type = ParameterType::any,
                       .description = "name: keys of the search that differ, as with --set",
                       .required = true},
                      {.name = "search_seeds",
                       .type = ParameterType::integer_list,
                       .description = "of the trainings of blocks; the networks are the same for all",
                       .default_value = Json::array({0, 1, 2}),
                       .minimum = 0}},
       .example = "probe: block_ranking\nconfiguration: \"{experiment}/digits.yaml\"\nnetworks: 12\n"
                  "variants: {ensemble: [], byol: [search.target=own]}\n"},
      measure_block_ranking);
}

}  // namespace nacre
