#include "nacre/run/configuration.hpp"

#include <algorithm>
#include <cmath>

#include "nacre/design/recipe.hpp"
#include "nacre/run/formulation.hpp"

namespace nacre {

const std::vector<std::string>& configuration_sections() {
  static const std::vector<std::string> kSections = {"task",  "space",     "target", "limits",     "search",
                                                     "train", "evaluator", "final",  "output_dir", "targets"};
  return kSections;
}

const std::vector<Parameter>& search_parameters() {
  static const std::vector<Parameter> kParameters = [] {
    std::vector<Parameter> parameters = {
        {.name = "strategy",
         .type = ParameterType::text,
         .description = "how candidates are proposed (nacre list strategies)",
         .default_value = kDefaultStrategy},
        {.name = "trials",
         .type = ParameterType::integer,
         .description = "how many candidates are evaluated; needed unless time_s is given",
         .minimum = 1,
         .maximum = 1e9},
        {.name = "time_s",
         .type = ParameterType::real,
         .description = "stop proposing after so long, over all sittings",
         .minimum = 1,
         .maximum = 1e9,
         .unit = "s"},
        {.name = "seed",
         .type = ParameterType::integer,
         .description = "names every random stream of the study",
         .default_value = 0,
         .minimum = 0},
        {.name = "workers",
         .type = ParameterType::integer,
         .description = "trials side by side, each in a process of its own; 0: as many as are fastest here",
         .default_value = 0,
         .minimum = 0,
         .maximum = 1024},
        {.name = "lookahead",
         .type = ParameterType::integer,
         .description = "ask n sees the results of trials 0 .. n - lookahead, whatever the number of workers",
         .default_value = 8,
         .minimum = 1,
         .maximum = 4096},
        {.name = "order",
         .type = ParameterType::text,
         .description =
             "strict: the same history for any number of workers; fast: results count as they come, the order "
             "is recorded",
         .default_value = "strict",
         .choices = {"strict", "fast"}}};
    parameters.insert(parameters.end(), formulation_parameters().begin(), formulation_parameters().end());
    const std::vector<Parameter> fidelity = {
        {.name = "epochs",
         .type = ParameterType::real,
         .description = "epochs of a trial, when fewer than train.epochs are enough to tell candidates apart",
         .minimum = 0.001,
         .maximum = 1e6},
        {.name = "data_share",
         .type = ParameterType::real,
         .description = "share of the training split that a trial uses",
         .default_value = 1.0,
         .minimum = 0.0001,
         .maximum = 1},
        {.name = "stop",
         .type = ParameterType::any,
         .description = "stops trainings that are not worth finishing, by a rule: learning_curve, or {by: "
                        "learning_curve, probability: 0.9} (nacre list stopping_rules)"},
        {.name = "random_baseline",
         .type = ParameterType::boolean,
         .description =
             "afterwards evaluate as many networks drawn at random, in the same way, for a comparison at equal "
             "cost in the report; doubles the time of the search",
         .default_value = false}};
    parameters.insert(parameters.end(), fidelity.begin(), fidelity.end());
    return parameters;
  }();
  return kParameters;
}

const std::vector<Parameter>& train_parameters() {
  static const std::vector<Parameter> kParameters = [] {
    std::vector<Parameter> parameters = recipe_parameters();
    parameters.push_back(
        {.name = "precision",
         .type = ParameterType::text,
         .description = "arithmetic of training; auto: bf16 with channels-last where a probe finds it faster",
         .default_value = "auto",
         .choices = {"auto", "fp32", "bf16"}});
    parameters.push_back({.name = "device",
                          .type = ParameterType::text,
                          .description = "where networks train; auto: cuda when there is one",
                          .default_value = "auto",
                          .choices = {"auto", "cpu", "cuda"}});
    return parameters;
  }();
  return kParameters;
}

const std::vector<Parameter>& deployment_parameters() {
  static const std::vector<Parameter> kParameters = {{.name = "batch",
                                                      .type = ParameterType::integer,
                                                      .description = "samples per run",
                                                      .default_value = 1,
                                                      .minimum = 1,
                                                      .maximum = 65536},
                                                     {.name = "threads",
                                                      .type = ParameterType::integer,
                                                      .description = "threads the target may use",
                                                      .default_value = 1,
                                                      .minimum = 1,
                                                      .maximum = 1024},
                                                     {.name = "symbols",
                                                      .type = ParameterType::any,
                                                      .description = "values of symbolic dimensions, e.g. {past: 1024}",
                                                      .default_value = Json::object()}};
  return kParameters;
}

const std::vector<Parameter>& final_parameters() {
  static const std::vector<Parameter> kParameters = {
      {.name = "networks",
       .type = ParameterType::integer,
       .description =
           "how many networks of the front are trained in full and exported, the best by the main objective first",
       .default_value = 8,
       .minimum = 1,
       .maximum = 10000},
      {.name = "train",
       .type = ParameterType::text,
       .description = "auto: train anew with the whole recipe when trials were shorter than it; never: keep the "
                      "trial's weights; always",
       .default_value = "auto",
       .choices = {"auto", "never", "always"}},
      {.name = "seeds",
       .type = ParameterType::integer,
       .description = "trainings per network with different seeds; the first is exported, mean and spread are reported",
       .default_value = 1,
       .minimum = 1,
       .maximum = 100},
      {.name = "test",
       .type = ParameterType::boolean,
       .description = "evaluate the exported networks on the test split, once, after everything is chosen",
       .default_value = true}};
  return kParameters;
}

KindedSection kinded_section(const ConfigNode& root, std::string_view section) {
  const ConfigNode* node = root.find(section);
  const std::string name(section);
  if (node == nullptr || node->is_null()) throw UserError(root.position, "missing section '" + name + "'");
  if (node->kind == ConfigNode::Kind::scalar) return {node->scalar, node->position, {}};
  if (!node->is_map()) throw UserError(node->position, name + ": expected a word or a map with 'kind'");
  const ConfigNode* kind = node->find("kind");
  if (kind == nullptr) throw UserError(node->position, "missing key " + name + ".kind (nacre list " + name + "s)");
  return {kind->as_text(name + ".kind"), kind->position, *node};
}

Deployment deployment_from_options(const Options& options) {
  Deployment deployment;
  deployment.batch = options.integer("batch");
  deployment.threads = options.integer("threads");
  const ConfigNode& symbols = options.node("symbols");
  if (!symbols.is_null() && !symbols.is_map())
    throw UserError(symbols.position, "target.symbols: expected a map of names and numbers");
  for (const auto& [name, value] : symbols.entries) {
    const int64_t extent = value.as_integer("target.symbols." + name);
    if (extent < 0) throw UserError(value.position, "target.symbols." + name + ": expected a number >= 0");
    deployment.symbols[name] = extent;
  }
  return deployment;
}

std::vector<Limit> limits_from_config(const ConfigNode& node, const std::vector<MetricSpec>& known) {
  std::vector<Limit> limits;
  if (!node.is_null() && !node.is_map()) throw UserError(node.position, "limits: expected a map of metrics and bounds");
  std::vector<std::string> names;
  for (const MetricSpec& spec : known) names.push_back(spec.name);
  for (const auto& [metric, value] : node.entries) {
    if (std::ranges::find(names, metric) == names.end()) {
      throw UserError(value.key_position, unknown_name_message("metric in limits", metric, names));
    }
    const std::string what = "limits." + metric;
    if (value.kind == ConfigNode::Kind::scalar) {
      limits.push_back({metric, value.as_real(what), false});
    } else if (value.is_map() && value.entries.size() == 1 &&
               (value.entries[0].first == "at_least" || value.entries[0].first == "at_most")) {
      limits.push_back({metric, value.entries[0].second.as_real(what), value.entries[0].first == "at_least"});
    } else {
      throw UserError(value.position, what + ": expected a number, {at_most: number} or {at_least: number}");
    }
    if (!std::isfinite(limits.back().bound)) throw UserError(value.position, what + ": expected a finite number");
  }
  return limits;
}

Json to_json(const std::vector<Limit>& limits) {
  Json json = Json::object();
  for (const Limit& limit : limits)
    json[limit.metric] = limit.at_least ? Json{{"at_least", limit.bound}} : Json(limit.bound);
  return json;
}

}  // namespace nacre
