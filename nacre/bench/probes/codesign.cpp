// `codesign`: a co-design of networks and accelerator, with what is found one after the other, at random and by exhaustion beside it.
#include <fmt/format.h>

#include <algorithm>

#include "nacre/bench/codesign_optimum.hpp"
#include "nacre/bench/probe.hpp"
#include "nacre/run/codesign/run.hpp"

namespace nacre {
namespace {

CodesignPlan plan_of(const Options& options, const ProbeContext& context, const std::vector<std::string>& more) {
  const std::map<std::string, std::string> places = {{"seed", std::to_string(context.seed)},
                                                     {"output", context.output.string()},
                                                     {"root", context.root.string()},
                                                     {"experiment", context.folder.string()}};
  const std::filesystem::path file = with_places(options.text("configuration"), places);
  ConfigNode root = load_config(file);
  for (const std::string& assignment : options.texts("set")) override_config(root, with_places(assignment, places));
  override_config(root, fmt::format("search.seed={}", context.seed));
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

Json probe_codesign(const Options& options, const ProbeContext& context) {
  std::vector<std::string> more;
  CodesignPlan plan = plan_of(options, context, more);
  Json json = Json::object();
  if (options.has("limits_factor")) {
    const std::vector<Limit> limits = limits_below_the_best(plan, options.real("limits_factor"));
    more.push_back(limits_text(limits));
    plan = plan_of(options, context, more);
  }
  for (const Limit& limit : plan.limits) json["limits"][limit.metric] = limit.bound;
  const auto costs = std::make_shared<CodesignCosts>(
      plan.space, CodesignCosts::Settings{plan.constants, plan.limit("latency_s"), plan.by_shape});
  if (options.boolean("optimum")) {
    std::vector<TableNetworks> tables;
    for (const CodesignTask& task : plan.tasks) tables.push_back(table_networks(task));
    const auto optimum = codesign_optimum(plan, *costs, tables, context.interrupted);
    if (!optimum) throw UserError("no design keeps the limits");
    json["optimum"] = {{"quality", optimum->quality},          {"accelerator", to_json(optimum->accelerator)},
                       {"latency_s", optimum->cost.latency_s}, {"energy_j", optimum->cost.energy_j},
                       {"area_mm2", optimum->cost.area_mm2},   {"pairs", optimum->pairs},
                       {"scheduled", optimum->scheduled}};
    return json;
  }
  const CodesignRunOptions run_options{.interrupted = context.interrupted, .in_memory = true, .costs = costs};
  const CodesignResult result = CodesignRun(plan, run_options).run();
  for (const CodesignMethod& method : result.methods) json["methods"][method.name] = method_json(method);
  const CodesignMethod& found = result.methods.front();
  const double quality = *metric_value(found.metrics, kCodesignQuality);
  for (const CodesignMethod& method : result.methods)
    if (method.name != found.name)
      json["methods"][method.name]["worse"] =
          !method.within_limits || *metric_value(method.metrics, kCodesignQuality) < quality ? 1 : 0;
  if (const int64_t factor = options.integer("random_factor"); factor > 0) {
    std::vector<std::string> random = more;
    random.insert(random.end(),
                  {"search.strategy=random", "search.episodes=null", "search.hardware_steps=null", "baselines=[]",
                   fmt::format("search.cost_evaluations={}", factor * plan.search.cost_evaluations)});
    const CodesignPlan other = plan_of(options, context, random);
    const CodesignResult drawn = CodesignRun(other, run_options).run();
    const auto at = [&](int64_t designs) {
      const auto best = best_after(drawn.trials, designs);
      return best ? Json(*best) : Json(0);
    };
    json["random"] = {{"quality", at(plan.search.cost_evaluations)},
                      {"quality_after_all", at(other.search.cost_evaluations)},
                      {"cost_evaluations", drawn.methods.front().cost_evaluations}};
    json["random"]["not_yet_as_good"] = json["random"]["quality_after_all"].get<double>() < quality ? 1 : 0;
  }
  if (options.boolean("unpruned")) {
    std::vector<std::string> all = more;
    all.insert(all.end(), {"search.prune_before_training=false", "baselines=[]"});
    const CodesignPlan other = plan_of(options, context, all);
    json["unpruned"] = method_json(CodesignRun(other, run_options).run().methods.front());
  }
  return json;
}

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
      probe_codesign);
}

}  // namespace nacre
