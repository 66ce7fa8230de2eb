// nacre explain: which decisions of a study's networks help and which hurt, by boosted trees and their Shapley values.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "nacre/app/plan_source.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/predict/judgement.hpp"
#include "nacre/predict/tree_shap.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/search/pruning.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre {
namespace {

struct ExplainOptions {
  std::string folder, metric;
  int64_t limit = 20, pairs = 10;
};

struct Row {
  std::string text;
  double effect = 0;
  int64_t networks = 0;  // that have it
};

// What trees say of a study's networks.
struct Explanation {
  std::string metric;
  bool larger_is_better = true;
  int64_t networks = 0;
  double mean = 0;
  double kendall = 0;  // of answers to networks that were not learned from, in five parts
  std::vector<Row> alternatives, pairs;
};

// Each network is answered by trees that did not see it.
double cross_validated_kendall(const FeatureMatrix& features, const std::vector<double>& values) {
  constexpr size_t kParts = 5;
  Random random(0);
  const std::vector<int64_t> order = random.permutation(static_cast<int64_t>(values.size()));
  std::vector<Prediction> answers(values.size());
  for (size_t part = 0; part < kParts; ++part) {
    std::vector<size_t> known, asked;
    std::vector<double> known_values;
    for (size_t i = 0; i < order.size(); ++i)
      (i % kParts == part ? asked : known).push_back(static_cast<size_t>(order[i]));
    for (const size_t i : known) known_values.push_back(values[i]);
    BoostedTrees trees;
    trees.fit(features.pick(known), known_values, random);
    for (const size_t i : asked) answers[i].mean = trees.predict(features.row(i));
  }
  return judge_answers(answers, values, false).kendall;
}

Explanation explain_study(const ExplainOptions& options) {
  const Plan plan = plan_from({.configuration = "", .study = options.folder, .overrides = {}});
  const auto store = open_sqlite_store(study_file(options.folder), StoreMode::read_only);
  Explanation result;
  result.metric = options.metric.empty() ? plan.objectives.objectives.front().metric : options.metric;
  const auto spec = plan.metric(result.metric);
  if (!spec) {
    std::vector<std::string> names;
    for (const MetricSpec& known : plan.metrics()) names.push_back(known.name);
    throw UserError(unknown_name_message("metric", result.metric, names));
  }
  result.larger_is_better = spec->direction == Direction::maximize;
  const Trace& trace = plan.space->trace();
  FeatureMatrix features;
  std::vector<double> values;
  for (const Trial& trial : store->trials()) {
    const std::optional<double> value = metric_value(trial.metrics, result.metric);
    if (!value || !std::isfinite(*value) || !trace.is_complete(trial.candidate.decisions)) continue;
    features.add(trace.encode_one_hot(trial.candidate.decisions));
    values.push_back(*value);
  }
  if (values.size() < 10 || trace.one_hot_length() == 0) {
    throw UserError(fmt::format("'{}' has {} networks of the space with a known {}; expected at least 10",
                                options.folder, values.size(), result.metric));
  }
  result.networks = static_cast<int64_t>(values.size());
  for (const double value : values) result.mean += value / static_cast<double>(values.size());
  result.kendall = cross_validated_kendall(features, values);
  BoostedTrees trees;
  Random random(0);
  trees.fit(features, values, random);
  const TreeExplainer explainer(trees);
  const FeatureEffects effects = feature_effects(explainer, features);
  const std::vector<OneHotFeature> names = one_hot_features(trace);
  for (size_t f = 0; f < names.size(); ++f) {
    if (!effects.present[f]) continue;
    Row row{feature_text(trace, names[f]), *effects.present[f], 0};
    for (size_t i = 0; i < features.rows(); ++i) row.networks += features.row(i)[f] > 0.5F;
    result.alternatives.push_back(std::move(row));
  }
  for (const PairEffect& pair : pair_effects(explainer, features)) {
    if (!pair.both || names[pair.first].decision == names[pair.second].decision) continue;
    Row row{feature_text(trace, names[pair.first]) + " with " + feature_text(trace, names[pair.second]), 2 * *pair.both,
            0};
    for (size_t i = 0; i < features.rows(); ++i)
      row.networks += features.row(i)[pair.first] > 0.5F && features.row(i)[pair.second] > 0.5F;
    result.pairs.push_back(std::move(row));
  }
  const double sign = result.larger_is_better ? -1 : 1;
  std::ranges::stable_sort(result.alternatives, {}, [&](const Row& row) { return sign * row.effect; });
  std::ranges::stable_sort(result.pairs, std::ranges::greater{}, [](const Row& row) { return std::abs(row.effect); });
  return result;
}

Json rows_json(const std::vector<Row>& rows) {
  Json json = Json::array();
  for (const Row& row : rows) json.push_back({{"what", row.text}, {"effect", row.effect}, {"networks", row.networks}});
  return json;
}

void print_rows(const std::vector<Row>& rows, size_t limit, const std::string& what) {
  TextTable table({">effect", ">networks", what});
  for (size_t i = 0; i < rows.size(); ++i) {
    // The middle of a long list says least.
    if (limit > 0 && rows.size() > limit && i >= (limit + 1) / 2 && i < rows.size() - limit / 2) continue;
    table.add({fmt::format("{:+.4g}", rows[i].effect), std::to_string(rows[i].networks), rows[i].text});
  }
  std::cout << table.text();
}

void explain(const ExplainOptions& options, const Session& session) {
  Explanation found = explain_study(options);
  if (session.json) {
    const Json json = {{"metric", found.metric},
                       {"networks", found.networks},
                       {"mean", found.mean},
                       {"kendall_unseen", found.kendall},
                       {"alternatives", rows_json(found.alternatives)},
                       {"pairs", rows_json(found.pairs)}};
    std::cout << json.dump(2) << "\n";
    return;
  }
  std::cout << fmt::format(
      "{} of {} networks, mean {:.4g}; trees rank networks that they have not seen with Kendall {:.2f}\n"
      "effect: how far the alternative moves the prediction from the mean, over the networks that have it ({} is "
      "better)\n\n",
      found.metric, found.networks, found.mean, found.kendall, found.larger_is_better ? "more" : "less");
  print_rows(found.alternatives, static_cast<size_t>(options.limit), "alternative, from what helps to what hurts");
  if (options.pairs == 0 || found.pairs.empty()) return;
  found.pairs.resize(std::min(found.pairs.size(), static_cast<size_t>(options.pairs)));
  std::cout << "\n";
  print_rows(found.pairs, 0, "what two alternatives do together beyond each alone");
}

}  // namespace

void add_explain(Command& program, Session& session) {
  Command verb = program.add_verb("explain", "which decisions of a study's networks help and which hurt");
  auto options = std::make_shared<ExplainOptions>();
  verb.add_option("folder", options->folder, "output folder of a search").required();
  verb.add_option("--metric", options->metric, "the metric that is explained (the first objective unless given)");
  verb.add_option("--limit", options->limit, "alternatives shown, from both ends; 0 for all").non_negative();
  verb.add_option("--pairs", options->pairs, "pairs shown").non_negative();
  verb.on_run([options, &session] { explain(*options, session); });
}

}  // namespace nacre
