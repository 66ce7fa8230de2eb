// `codesign`: a co-design of networks and accelerator, with what is found one after the other, at random and by exhaustion beside it.
#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/file.hpp"
#include "nacre/bench/codesign_optimum.hpp"
#include "nacre/bench/probe.hpp"
#include "nacre/run/codesign/run.hpp"

namespace nacre {
namespace {

CodesignPlan plan_of(const Options& options, const ProbeContext& context, uint64_t seed,
                     const std::vector<std::string>& more) {
  const std::map<std::string, std::string> places = {{"seed", std::to_string(seed)},
                                                     {"output", context.output.string()},
                                                     {"root", context.root.string()},
                                                     {"experiment", context.folder.string()}};
  const std::filesystem::path file = with_places(options.text("configuration"), places);
  ConfigNode root = load_config(file);
  for (const std::string& assignment : options.texts("set")) override_config(root, with_places(assignment, places));
  override_config(root, fmt::format("search.seed={}", seed));
  for (const std::string& assignment : more) override_config(root, assignment);
  return make_codesign_plan(root, {.base_folder = file.parent_path()});
}

std::string limits_text(const std::vector<Limit>& limits) {
  std::string text;
  for (const Limit& limit : limits)
    text += fmt::format("{}{}: {:.17g}", text.empty() ? "" : ", ", limit.metric, limit.bound);
  return "limits={" + text + "}";
}

Json method_json(const CodesignMethod& method) {
  Json json = {{"within", method.within_limits ? 1 : 0},
               {"quality", *metric_value(method.metrics, kCodesignQuality)},
               {"accelerator", to_json(method.accelerator)},
               {"cost_evaluations", method.cost_evaluations},
               {"network_evaluations", method.network_evaluations},
               {"statistics", method.statistics}};
  for (const char* name : {"latency_s", "energy_j", "area_mm2", "penalty"})
    json[name] = *metric_value(method.metrics, name);
  return json;
}

// The best quality within the limits among the first designs; nothing before one keeps them.
std::optional<double> best_after(const std::vector<Trial>& trials, int64_t designs) {
  std::optional<double> best;
  for (const Trial& trial : trials) {
    if (trial.number >= designs || trial.status != TrialStatus::ok) continue;
    const std::optional<double> value = metric_value(trial.metrics, kCodesignQuality);
    if (value && metric_value(trial.metrics, "penalty") == 0.0) best = std::max(best.value_or(*value), *value);
  }
  return best;
}

class CodesignProbe {
 public:
  CodesignProbe(const Options& options, const ProbeContext& context) : options_(options), context_(context) {
    if (options.has("limits_factor"))
      limits_ = {limits_text(
          limits_below_the_best(plan_of(options, context, context.seed, {}), options.real("limits_factor")))};
  }

  Json run() {
    const CodesignPlan plan = plan_of(options_, context_, context_.seed, limits_);
    costs_ = std::make_shared<CodesignCosts>(
        plan.space, CodesignCosts::Settings{plan.constants, plan.limit("latency_s"), plan.by_shape});
    Json json = Json::object();
    for (const Limit& limit : plan.limits) json["limits"][limit.metric] = limit.bound;
    if (options_.boolean("optimum")) {
      json["optimum"] = optimum(plan);
      return json;
    }
    json["runs"] = Json::array();
    for (int64_t i = 0; i < options_.integer("runs"); ++i) {
      const uint64_t seed = context_.seed + static_cast<uint64_t>(i);
      const std::filesystem::path kept = context_.output / fmt::format("run_{}.json", seed);
      if (!std::filesystem::exists(kept)) write_file_atomically(kept, one_run(seed).dump(1));
      json["runs"].push_back(parse_json(read_file(kept), kept.string()));
    }
    json["summary"] = summary(json["runs"]);
    return json;
  }

 private:
  Json optimum(const CodesignPlan& plan) const {
    std::vector<TableNetworks> tables;
    for (const CodesignTask& task : plan.tasks) tables.push_back(table_networks(task));
    const auto found = codesign_optimum(plan, *costs_, tables, context_.interrupted);
    if (!found) throw UserError("no design keeps the limits");
    return {{"quality", found->quality},          {"accelerator", to_json(found->accelerator)},
            {"latency_s", found->cost.latency_s}, {"energy_j", found->cost.energy_j},
            {"area_mm2", found->cost.area_mm2},   {"pairs", found->pairs},
            {"scheduled", found->scheduled}};
  }

  CodesignResult searched(const CodesignPlan& plan) const {
    return CodesignRun(plan, {.interrupted = context_.interrupted, .in_memory = true, .costs = costs_}).run();
  }

  std::vector<std::string> with_limits(std::vector<std::string> more) const {
    more.insert(more.begin(), limits_.begin(), limits_.end());
    return more;
  }

  Json one_run(uint64_t seed) const {
    const CodesignPlan plan = plan_of(options_, context_, seed, limits_);
    Json json = {{"seed", seed}};
    const CodesignResult result = searched(plan);
    for (const CodesignMethod& method : result.methods) json["methods"][method.name] = method_json(method);
    const double quality = *metric_value(result.methods.front().metrics, kCodesignQuality);
    for (const CodesignMethod& method : result.methods) {
      const bool worse = !method.within_limits || *metric_value(method.metrics, kCodesignQuality) < quality;
      json["methods"][method.name]["worse"] = worse ? 1 : 0;
    }
    if (options_.integer("random_factor") > 0) json["random"] = random_run(plan, seed, quality);
    if (options_.boolean("unpruned")) {
      const CodesignPlan all =
          plan_of(options_, context_, seed, with_limits({"search.prune_before_training=false", "baselines=[]"}));
      json["unpruned"] = method_json(searched(all).methods.front());
    }
    return json;
  }

  Json random_run(const CodesignPlan& plan, uint64_t seed, double quality) const {
    const int64_t designs = options_.integer("random_factor") * plan.search.cost_evaluations;
    const CodesignPlan other = plan_of(
        options_, context_, seed,
        with_limits({fmt::format("search={{strategy: random, cost_evaluations: {}, seed: {}, bound_designs: {}}}",
                                 designs, seed, plan.search.bound_designs),
                     "baselines=[]"}));
    const CodesignResult drawn = searched(other);
    const double first = best_after(drawn.trials, plan.search.cost_evaluations).value_or(0);
    const double last = best_after(drawn.trials, designs).value_or(0);
    return {{"quality", first},
            {"quality_after_all", last},
            {"cost_evaluations", drawn.methods.front().cost_evaluations},
            {"not_yet_as_good", last < quality ? 1 : 0}};
  }

  // Means over the runs of every number of every method: shares of runs where the number is 0 or 1.
  static Json summary(const Json& runs) {
    Json sums = Json::object();
    const auto add = [&](const std::string& name, const Json& values) {
      for (const auto& [key, value] : values.items())
        if (value.is_number())
          sums[name][key] = sums[name].value(key, 0.0) + value.get<double>() / static_cast<double>(runs.size());
      const auto counters = values.find("statistics");
      if (counters == values.end()) return;
      for (const auto& [key, value] : counters->items())
        if (value.is_number())
          sums[name][key] = sums[name].value(key, 0.0) + value.get<double>() / static_cast<double>(runs.size());
    };
    for (const Json& run : runs) {
      for (const auto& [name, method] : run.at("methods").items()) add(name, method);
      for (const char* name : {"random", "unpruned"})
        if (run.contains(name)) add(name, run.at(name));
    }
    return sums;
  }

  const Options& options_;
  const ProbeContext& context_;
  std::vector<std::string> limits_;       // as an override
  std::shared_ptr<CodesignCosts> costs_;  // shared by all runs: a network of a class is costed once on an accelerator
};

}  // namespace

void add_codesign_probe(Registry<ProbeFactory>& registry) {
  registry.add(
      {.name = "codesign",
       .summary = "networks for several tasks and their accelerator, beside one after the other, random search and the "
                  "optimum",
       .source = "Yang et al., DAC 2020, arXiv 2002.04116",
       .parameters = {{.name = "configuration",
                       .type = ParameterType::text,
                       .description = "file of nacre codesign",
                       .required = true},
                      {.name = "set",
                       .type = ParameterType::text_list,
                       .description = "overrides, as --set",
                       .default_value = Json::array()},
                      {.name = "limits_factor",
                       .type = ParameterType::real,
                       .description =
                           "limits at this share of what the best networks of the tables reach on any accelerator",
                       .minimum = 0.001,
                       .maximum = 100},
                      {.name = "optimum",
                       .type = ParameterType::boolean,
                       .description = "nothing is searched: the best design within the limits, by exhaustion",
                       .default_value = false},
                      {.name = "runs",
                       .type = ParameterType::integer,
                       .description = "searches with seeds one after another, sharing what was costed",
                       .default_value = 1,
                       .minimum = 1,
                       .maximum = 1000},
                      {.name = "random_factor",
                       .type = ParameterType::integer,
                       .description = "random search of so many times the cost evaluations; 0: none",
                       .default_value = 0,
                       .minimum = 0,
                       .maximum = 1000},
                      {.name = "unpruned",
                       .type = ParameterType::boolean,
                       .description = "the search once more with every network evaluated, whatever it costs",
                       .default_value = false}},
       .example = "probe: codesign\nconfiguration: \"{root}/examples/codesign_nasbench201.yaml\""},
      [](const Options& options, const ProbeContext& context) { return CodesignProbe(options, context).run(); });
}

}  // namespace nacre
