// `untrained`: what is known of the networks of a published table without training any, and what that is worth.
//
//   scores      rank correlation of multiply-accumulates, parameters and entropy (DeepMAD, arXiv 2303.02165) with the published
//               quality, over all networks and within groups of equal cost
//   pretraining the predictor of FBNetV3 (arXiv 2006.02049): an encoder that has learned the free statistics first, beside
//               one that has not, by the number of trained networks known
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "nacre/base/rank_correlation.hpp"
#include "nacre/bench/probe.hpp"
#include "nacre/ir/entropy.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/predict/pretrained_perceptron.hpp"
#include "nacre/tables/open_benchmark.hpp"

namespace nacre {
namespace {

constexpr size_t kGroups = 10;

struct Networks {
  std::vector<double> quality, macs, params, entropy;
  FeatureMatrix codes;  // one-hot decisions
};

double entropy_score(const Graph& graph, const std::vector<double>& weights) {
  try {
    return entropy_of(entropy_scales(graph), {.weights = weights}).weighted;
  } catch (const UserError&) {
    return 0;  // no layer leads to the output
  }
}

std::shared_ptr<const TabularBenchmark> opened(const Options& options, const ProbeContext& context) {
  return open_benchmark(options, {.data_folder = {}, .base_folder = context.folder});
}

size_t column_of(const TabularBenchmark& table, const Options& options) {
  const std::string metric = options.text("metric");
  const std::optional<size_t> column = table.find_column(metric);
  if (!column)
    throw UserError(options.position("metric"), fmt::format("metric: {} has no column {}", table.name(), metric));
  return *column;
}

// Every network of the table whose quality is known, built and counted.
Networks read_networks(const Options& options, const ProbeContext& context, bool with_entropy) {
  const auto table = opened(options, context);
  const size_t column = column_of(*table, options);
  const Trace& trace = table->space().trace();
  Networks networks;
  for (int64_t row = 0; row < table->rows(); ++row) {
    if (row % 64 == 0 && context.interrupted()) throw Interrupted();
    const std::optional<double> quality = table->value(row, column);
    if (!quality) continue;
    const Decisions decisions = table->decisions_of(row);
    Graph graph = table->space().build(decisions).graph();
    graph.bind_symbols({{"batch", 1}});
    const GraphStatistics counted = count_graph(graph);
    networks.quality.push_back(*quality);
    networks.macs.push_back(static_cast<double>(counted.macs));
    networks.params.push_back(static_cast<double>(counted.parameters));
    if (with_entropy) networks.entropy.push_back(entropy_score(graph, options.reals("weights")));
    networks.codes.add(trace.encode_one_hot(decisions));
  }
  if (networks.quality.size() < 10 * kGroups)
    throw UserError(options.position("benchmark"), "fewer than 100 networks have a value");
  return networks;
}

std::vector<double> pick(const std::vector<double>& values, std::span<const size_t> rows) {
  std::vector<double> picked;
  for (const size_t row : rows) picked.push_back(values[row]);
  return picked;
}

// Multiple correlation of the ranks of `target` with the ranks of two others.
double multiple_rank_correlation(const std::vector<double>& target, const std::vector<double>& a,
                                 const std::vector<double>& b) {
  const double r_a = spearman(target, a), r_b = spearman(target, b), between = spearman(a, b);
  const double square = (r_a * r_a + r_b * r_b - 2 * r_a * r_b * between) / (1 - between * between);
  return std::sqrt(std::clamp(square, 0.0, 1.0));
}

Json scores(const Options& options, const ProbeContext& context) {
  const Networks networks = read_networks(options, context, true);
  const std::map<std::string, const std::vector<double>*> columns = {
      {"entropy", &networks.entropy}, {"macs", &networks.macs}, {"params", &networks.params}};
  std::vector<size_t> order(networks.quality.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t row) { return networks.macs[row]; });
  Json json = {{"networks", networks.quality.size()}};
  for (const auto& [name, values] : columns) {
    json["spearman"][name] = spearman(networks.quality, *values);
    Json& within = json["within_equal_macs"][name] = Json::array();
    for (size_t group = 0; group < kGroups; ++group) {
      const size_t begin = group * order.size() / kGroups, end = (group + 1) * order.size() / kGroups;
      const std::span<const size_t> rows = std::span(order).subspan(begin, end - begin);
      within.push_back(spearman(pick(networks.quality, rows), pick(*values, rows)));
    }
    const auto [low, high] = std::minmax_element(within.begin(), within.end());
    json["lowest_within"][name] = *low;
    json["highest_within"][name] = *high;
  }
  json["entropy_beside_macs"] = multiple_rank_correlation(networks.quality, networks.macs, networks.entropy);
  return json;
}

Json pretraining(const Options& options, const ProbeContext& context) {
  const Networks networks = read_networks(options, context, false);
  const auto total = static_cast<int64_t>(networks.quality.size());
  const int64_t free = std::min(options.integer("pretrained_on"), total);
  Json json = {{"networks", total}};
  std::map<int64_t, std::vector<double>> fresh, pretrained;
  for (int64_t run = 0; run < options.integer("runs"); ++run) {
    Random random = Random::stream(context.seed, "pretraining", static_cast<uint64_t>(run));
    const std::vector<int64_t> order = random.permutation(total);
    const std::vector<size_t> rows(order.begin(), order.end());
    const std::span<const size_t> known_for_free = std::span(rows).first(static_cast<size_t>(free));
    std::vector<double> proxies;
    for (const size_t row : known_for_free) {
      proxies.push_back(networks.macs[row]);
      proxies.push_back(networks.params[row]);
    }
    const auto inputs = static_cast<int64_t>(networks.codes.columns);
    for (const int64_t size : options.integers("sizes")) {
      if (size < 2 || size + 2 > total)
        throw UserError(options.position("sizes"), "sizes: expected 2 to the number of networks, less two");
      const std::span<const size_t> known = std::span(rows).first(static_cast<size_t>(size));
      const std::span<const size_t> others = std::span(rows).subspan(static_cast<size_t>(size));
      for (const bool first : {false, true}) {
        if (context.interrupted()) throw Interrupted();
        PretrainedPerceptron predictor(inputs, 0, 2, {}, random);
        if (first) predictor.pretrain(networks.codes.pick(known_for_free), proxies, random);
        predictor.fit(networks.codes.pick(known), {}, pick(networks.quality, known), random);
        const std::vector<double> said = predictor.predict(networks.codes.pick(others), {});
        (first ? pretrained : fresh)[size].push_back(kendall(said, pick(networks.quality, others)));
      }
    }
  }
  const auto mean = [](const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  };
  for (const auto& [size, values] : fresh) {
    Json& of_size = json[std::to_string(size)] = Json::object();
    of_size["fresh"] = mean(values);
    of_size["pretrained"] = mean(pretrained.at(size));
    of_size["gained"] = mean(pretrained.at(size)) - mean(values);
  }
  return json;
}

Json measure_untrained(const Options& options, const ProbeContext& context) {
  return options.text("measure") == "scores" ? scores(options, context) : pretraining(options, context);
}

std::vector<Parameter> untrained_parameters() {
  std::vector<Parameter> parameters = benchmark_parameters();
  const std::vector<Parameter> own = {
      {.name = "metric", .type = ParameterType::text, .description = "column of the quality", .required = true},
      {.name = "measure",
       .type = ParameterType::text,
       .description = "what is measured",
       .required = true,
       .choices = {"scores", "pretraining"}},
      {.name = "weights",
       .type = ParameterType::real_list,
       .description = "of scores: weights of the entropy's scales, the last for the whole network",
       .default_value = Json::array({1, 1, 1, 8}),
       .minimum = 0},
      {.name = "sizes",
       .type = ParameterType::integer_list,
       .description = "of pretraining: trained networks known",
       .default_value = Json::array({20, 40, 80, 160, 320}),
       .minimum = 2},
      {.name = "pretrained_on",
       .type = ParameterType::integer,
       .description = "of pretraining: networks whose free statistics are learned first",
       .default_value = 4000,
       .minimum = 10,
       .maximum = 1e6},
      {.name = "runs",
       .type = ParameterType::integer,
       .description = "of pretraining: repetitions with other draws",
       .default_value = 8,
       .minimum = 1,
       .maximum = 1e6}};
  parameters.insert(parameters.end(), own.begin(), own.end());
  return parameters;
}

}  // namespace

void add_untrained_probe(Registry<ProbeFactory>& registry) {
  registry.add({.name = "untrained",
                .summary = "what is known of a published table's networks before training, and what that is worth",
                .source = "Shen et al., DeepMAD, arXiv 2303.02165; Dai et al., FBNetV3, arXiv 2006.02049",
                .parameters = untrained_parameters(),
                .example = "probe: untrained\nbenchmark: nasbench_macro\nmetric: test_accuracy\nmeasure: scores\n"},
               measure_untrained);
}

}  // namespace nacre
