#include "nacre/run/codesign/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nacre/base/file.hpp"
#include "nacre/base/log.hpp"
#include "nacre/nn/torch_compat.hpp"
#include "nacre/run/codesign/bounds.hpp"
#include "nacre/run/front.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/run/search_run.hpp"
#include "nacre/search/sum_budget.hpp"
#include "nacre/study/file_lock.hpp"
#include "nacre/study/machine.hpp"
#include "nacre/study/memory_store.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre {
namespace {

constexpr double kPenaltyWeight = 10;  // rho of the paper, for strategies that know no other

Trace networks_trace(const JointSpace& space) {
  TraceBuilder builder;
  std::vector<int32_t> parts;
  for (const JointSpace::Part& part : space.parts())
    parts.push_back(builder.graft(part.space->trace(), part.name + "/"));
  return builder.finish(builder.all(parts));
}

Trace hardware_trace(const JointSpace& space) {
  TraceBuilder builder;
  const int32_t root = space.hardware().add_to(builder);
  return builder.finish(root);
}

Decisions merged(const Decisions& a, const Decisions& b) {
  std::vector<Decision> all = a.items();
  all.insert(all.end(), b.items().begin(), b.items().end());
  return Decisions(std::move(all));
}

Decisions only(const Decisions& joint, bool hardware) {
  const std::string scope = std::string(JointSpace::kHardwareScope) + "/";
  std::vector<Decision> kept;
  for (const Decision& decision : joint.items())
    if (decision.key.starts_with(scope) == hardware) kept.push_back(decision);
  return Decisions(std::move(kept));
}

// As Space would have it: free of output folders and budgets of effort, which may change between sittings.
Json what_is_searched(Json resolved) {
  resolved.erase("output_dir");
  resolved.erase("baselines");
  return resolved;
}

}  // namespace

std::filesystem::path codesign_file(const std::filesystem::path& output_dir, const std::string& stage) {
  return output_dir / ("codesign_" + stage + ".sqlite");
}

Json to_json(const HeterogeneousAccelerator& accelerator) {
  Json json = Json::array();
  for (const SubAccelerator& instance : accelerator)
    json.push_back(
        {{"dataflow", instance.dataflow}, {"pe", instance.pe}, {"bandwidth_gb_per_s", instance.bandwidth_gb_per_s}});
  return json;
}

CodesignRun::CodesignRun(const CodesignPlan& plan, CodesignRunOptions options)
    : plan_(plan), options_(std::move(options)), costs_(options_.costs) {
  if (costs_ == nullptr)
    costs_ = std::make_shared<CodesignCosts>(
        plan.space, CodesignCosts::Settings{plan.constants, plan.limit("latency_s"), plan.by_shape});
}

std::unique_ptr<Store> CodesignRun::open_store(const std::string& stage) {
  if (options_.in_memory) return make_memory_store();
  return open_sqlite_store(codesign_file(plan_.output_dir, stage), StoreMode::open_or_create);
}

// New: measures how to train and finds the bounds, and records both. Resumed: takes them from the record.
void CodesignRun::settle(Store& store) {
  MachineFacts machine = read_machine_facts();
  machine.numerics["libtorch"] = torch_version();
  std::map<std::string, double> bounds = plan_.search.bounds;
  if (const auto study = store.study()) {
    if (study->config.at("configuration") != what_is_searched(plan_.resolved))
      throw UserError(fmt::format("the study in '{}' was made with another configuration; take another output_dir",
                                  plan_.output_dir.string()));
    const MachineFacts stored = machine_facts_from_json(study->machine);
    check_same_machine(stored, machine, false);
    for (const Json& numerics : study->config.at("numerics")) numerics_.push_back(numerics_from_json(numerics));
    bounds = study->config.at("bounds").get<std::map<std::string, double>>();
    log_info("resuming the study in '{}': {} designs so far", plan_.output_dir.string(), store.trial_count());
  } else {
    const DesignCost found = cost_bounds(*costs_, *plan_.space, plan_.search.bound_designs, plan_.search.seed);
    for (const auto& [metric, value] : metrics_of(found)) bounds.try_emplace(metric, *value.value);
    Json numerics = Json::array();
    for (const CodesignTask& task : plan_.tasks) {
      numerics_.push_back(decide_compute(task.plan).numerics);
      numerics.push_back(to_json(numerics_.back()));
    }
    const Json config = {
        {"configuration", what_is_searched(plan_.resolved)}, {"bounds", bounds}, {"numerics", numerics}};
    std::vector<Spec> check;
    for (const Limit& limit : plan_.limits) check.push_back({limit.metric, limit.bound, bounds.at(limit.metric)});
    (void)SpecPenalty(check);  // refuses before anything is recorded
    store.create_study({config, to_json(machine), NACRE_VERSION, 0});
  }
  std::vector<Spec> specs;
  for (const Limit& limit : plan_.limits) specs.push_back({limit.metric, limit.bound, bounds.at(limit.metric)});
  penalty_ = SpecPenalty(std::move(specs));
}

StageOutcome CodesignRun::staged(const CodesignStage& stage, Store& store) {
  if (!store.study()) store.create_study({{{"stage", stage.name}}, to_json(read_machine_facts()), NACRE_VERSION, 0});
  const CodesignParts parts{.plan = plan_,
                            .store = store,
                            .costs = costs_,
                            .networks = *networks_,
                            .penalty = penalty_,
                            .interrupted = options_.interrupted,
                            .progress = [&](const std::string& name, const Progress& progress) {
                              options_.progress(name, stage.asks, progress);
                            }};
  return run_stage(stage, parts);
}

// What the co-design knows and nobody writes down: bounds and budgets.
Json CodesignRun::with_filled_in(Json options, const std::string& strategy) const {
  if (strategy != "nasaic") return options;
  for (const Spec& spec : penalty_.specs()) options["bounds"][spec.metric] = spec.bound;
  options["budgets"] = to_json(plan_.space->hardware().budgets());
  return options;
}

ObjectiveSet CodesignRun::objectives(bool limited) const {
  ObjectiveSet set;
  set.objectives = {{kCodesignQuality, Direction::maximize}};
  if (!limited) return set;
  set.limits = plan_.limits;
  set.handling = plan_.search.prunes ? LimitHandling::rejection : LimitHandling::penalty;
  set.penalty_weight = kPenaltyWeight;
  return set;
}

CodesignStage CodesignRun::whole_stage() const {
  return {.name = "search",
          .trace = plan_.space->trace(),
          .identity = [space = plan_.space](const Decisions& joint) { return space->identity(joint); },
          .objectives = objectives(true),
          .strategy = plan_.search.strategy,
          .strategy_options = with_filled_in(plan_.search.strategy_options, plan_.search.strategy),
          .asks = plan_.search.cost_evaluations};
}

CodesignMethod CodesignRun::method(const std::string& name, const Decisions& joint, std::vector<StageOutcome> stages) {
  CodesignMethod method;
  method.name = name;
  method.design = joint;
  for (size_t i = 0; i < plan_.tasks.size(); ++i) method.networks.push_back(plan_.space->network(joint, i));
  method.accelerator = HardwareDecisions::canonical(plan_.space->accelerator(joint));
  method.metrics = metrics_of(costs_->cost(joint));
  method.metrics["penalty"] = {
      .value = penalty_(method.metrics), .unit = "", .origin = Origin::modelled, .source = "limits"};
  method.within_limits = penalty_(method.metrics) == 0;
  Trial judged;
  networks_->evaluate(joint, judged);
  method.metrics.merge(judged.metrics);
  for (const StageOutcome& stage : stages) {
    method.cost_evaluations += stage.cost_evaluations;
    method.network_evaluations += stage.network_evaluations;
    method.statistics = stage.statistics;
  }
  return method;
}

CodesignMethod CodesignRun::search(CodesignResult& result, Store& store) {
  const CodesignStage stage = whole_stage();
  StageOutcome outcome = staged(stage, store);
  const Trial* best = best_trial(outcome.trials, stage.objectives);
  if (best == nullptr)
    throw UserError("no design could be evaluated: " +
                    (outcome.trials.empty() ? "none was proposed" : outcome.trials.back().reason));
  ObjectiveSet all = stage.objectives;
  for (const MetricSpec& spec : codesign_cost_metrics()) all.objectives.push_back({spec.name, spec.direction});
  const Front front = extract_front(outcome.trials, all);
  if (front.limits_met) result.front = front.members;
  result.trials = outcome.trials;
  const Decisions design = best->candidate.decisions;
  return method(plan_.search.strategy, design, {std::move(outcome)});
}

// The best networks whatever they cost, then the accelerator that comes nearest to the limits with them.
CodesignMethod CodesignRun::nas_then_asic() {
  const Trace networks = networks_trace(*plan_.space), hardware = hardware_trace(*plan_.space);
  Random random = Random::stream(plan_.search.seed, kNasThenAsic);
  const Decisions any_hardware = hardware.sample(random);
  const auto with_any = [&](const Decisions& own) { return merged(own, any_hardware); };
  const CodesignStage first{.name = std::string(kNasThenAsic) + "_networks",
                            .trace = networks,
                            .joint = with_any,
                            .identity = [&](const Decisions& own) { return plan_.space->identity(with_any(own)); },
                            .costs = false,
                            .objectives = objectives(false),
                            .asks = plan_.search.network_evaluations};
  StageOutcome found = staged(first, *open_store(first.name));
  const Trial* best = best_trial(found.trials, first.objectives);
  if (best == nullptr) throw UserError("nas_then_asic: no network could be evaluated");
  const Decisions chosen = best->candidate.decisions;
  const auto with_chosen = [&](const Decisions& own) { return merged(chosen, own); };
  ObjectiveSet nearest;
  nearest.objectives = {{"penalty", Direction::minimize}};
  nearest.limits = plan_.limits;  // for the controller's own penalty
  nearest.handling = LimitHandling::none;
  const CodesignStage second{.name = std::string(kNasThenAsic) + "_hardware",
                             .trace = hardware,
                             .joint = with_chosen,
                             .identity = [&](const Decisions& own) { return plan_.space->identity(with_chosen(own)); },
                             .judges = false,
                             .objectives = nearest,
                             .strategy_options = with_filled_in(Json::object(), "nasaic"),
                             .asks = plan_.search.cost_evaluations};
  StageOutcome fitted = staged(second, *open_store(second.name));
  ObjectiveSet least = nearest;
  least.limits.clear();
  const Trial* nearest_trial = best_trial(fitted.trials, least);
  if (nearest_trial == nullptr) throw UserError("nas_then_asic: no accelerator could be costed");
  const Decisions design = with_chosen(nearest_trial->candidate.decisions);
  return method(kNasThenAsic, design, {std::move(found), std::move(fitted)});
}

// The accelerator whose design, of many drawn with random networks, keeps the limits and uses most of them; then the best networks
// within the limits on it.
CodesignMethod CodesignRun::asic_then_nas() {
  CodesignStage first = whole_stage();
  first.name = std::string(kAsicThenNas) + "_hardware";
  first.judges = false;
  first.strategy = "random";
  first.strategy_options = Json::object();
  first.objectives = objectives(true);
  first.objectives.objectives = {{"penalty", Direction::minimize}};
  StageOutcome drawn = staged(first, *open_store(first.name));
  const Trial* closest = nullptr;
  double closest_distance = HUGE_VAL;
  for (const Trial& trial : drawn.trials) {
    const std::optional<double> penalty = metric_value(trial.metrics, "penalty");
    if (!penalty) continue;
    double distance = 0;
    for (const Limit& limit : plan_.limits)
      distance += std::abs(limit.relative_distance(trial.metrics).value_or(HUGE_VAL));
    if (*penalty > 0) distance += 1e6 * (1 + *penalty);  // only where nothing keeps the limits
    if (distance >= closest_distance) continue;
    closest_distance = distance;
    closest = &trial;
  }
  if (closest == nullptr) throw UserError("asic_then_nas: no accelerator could be costed");
  const Decisions chosen = only(closest->candidate.decisions, true);
  const Decisions its_networks = only(closest->candidate.decisions, false);
  const Trace networks = networks_trace(*plan_.space);
  const auto with_chosen = [&](const Decisions& own) { return merged(own, chosen); };
  const CodesignStage second{.name = std::string(kAsicThenNas) + "_networks",
                             .trace = networks,
                             .joint = with_chosen,
                             .identity = [&](const Decisions& own) { return plan_.space->identity(with_chosen(own)); },
                             .objectives = objectives(true),
                             .strategy_options = with_filled_in(Json::object(), "nasaic"),
                             .asks = plan_.search.network_evaluations};
  StageOutcome found = staged(second, *open_store(second.name));
  const Trial* best = best_trial(found.trials, second.objectives);
  const Decisions design = with_chosen(best == nullptr ? its_networks : best->candidate.decisions);
  return method(kAsicThenNas, design, {std::move(drawn), std::move(found)});
}

CodesignResult CodesignRun::run() {
  if (!options_.in_memory) std::filesystem::create_directories(artifacts_folder(plan_.output_dir));
  std::optional<FileLock> lock;
  if (!options_.in_memory) lock.emplace(lock_study_folder(plan_.output_dir));
  store_ = open_store("search");
  settle(*store_);
  networks_ = std::make_unique<CodesignNetworks>(plan_, numerics_, artifacts_folder(plan_.output_dir), *store_,
                                                 options_.interrupted);
  CodesignResult result;
  result.specs = penalty_.specs();
  result.methods.push_back(search(result, *store_));
  for (const std::string& baseline : plan_.baselines)
    result.methods.push_back(baseline == kNasThenAsic ? nas_then_asic() : asic_then_nas());
  store_->flush();
  return result;
}

}  // namespace nacre
