#include "nacre/run/search_run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>

#include "nacre/base/count.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/log.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/nn/throughput_probe.hpp"
#include "nacre/nn/torch_compat.hpp"
#include "nacre/nn/trainer.hpp"
#include "nacre/run/device_cost.hpp"
#include "nacre/run/evaluator_registry.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/run/supernet_stage.hpp"
#include "nacre/run/worker_process.hpp"
#include "nacre/space/trace.hpp"
#include "nacre/study/file_lock.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre {
namespace {

// Keys that may change between sittings: they say how long and with how many hands, not what is searched.
const std::vector<std::string> kFreeKeys = {"output_dir",
                                            "targets",
                                            "search.trials",
                                            "search.time_s",
                                            "search.workers",
                                            "search.timeout_s",
                                            "search.resume",
                                            "target.timeout_s",
                                            "target.retries",
                                            "target.failures_in_a_row",
                                            "evaluator.timeout_s",
                                            "evaluator.retries",
                                            "final",
                                            "search.random_baseline"};

// The first key whose values differ, "" when all agree; `path` is the key of the two maps.
std::string first_difference(const Json& stored, const Json& given, const std::string& path) {
  if (std::ranges::find(kFreeKeys, path) != kFreeKeys.end()) return "";
  if (!stored.is_object() || !given.is_object()) return stored == given ? "" : path;
  for (const auto& [key, value] : given.items()) {
    const std::string below = path.empty() ? key : path + "." + key;
    if (std::ranges::find(kFreeKeys, below) != kFreeKeys.end()) continue;
    if (!stored.contains(key)) return below;
    std::string difference = first_difference(stored[key], value, below);
    if (!difference.empty()) return difference;
  }
  for (const auto& [key, value] : stored.items()) {
    const std::string below = path.empty() ? key : path + "." + key;
    if (std::ranges::find(kFreeKeys, below) != kFreeKeys.end()) continue;
    if (!given.contains(key)) return path.empty() ? key : path + "." + key;
  }
  return "";
}

const Json& at_path(const Json& json, const std::string& path) {
  static const Json kNothing;
  const Json* node = &json;
  size_t start = 0;
  while (start <= path.size()) {
    const size_t dot = std::min(path.find('.', start), path.size());
    const std::string key = path.substr(start, dot - start);
    if (!node->is_object() || !node->contains(key)) return kNothing;
    node = &(*node)[key];
    start = dot + 1;
  }
  return *node;
}

// The configuration of a study made before there was a choice of evaluators.
Json with_evaluator(Json configuration) {
  if (!configuration.contains("evaluator")) configuration["evaluator"] = {{"kind", "trained"}};
  return configuration;
}

void check_same_configuration(const Json& given, const Plan& plan) {
  const Json stored = with_evaluator(given);
  const std::string key = first_difference(stored, plan.resolved, "");
  if (key.empty()) return;
  throw UserError(
      fmt::format("the study in '{}' was made with {} = {}, the configuration says {}; take the same value, or another "
                  "output_dir for a new study",
                  plan.output_dir.string(), key, at_path(stored, key).dump(), at_path(plan.resolved, key).dump()));
}

// A comparison with networks that were searched or trained otherwise would be none.
void check_baseline(Store& baseline, const Json& configuration, const std::filesystem::path& output_dir) {
  if (!baseline.study()) return;  // stopped before it was begun
  const Json stored = read_stored_study(baseline, output_dir).configuration;
  const std::string key = first_difference(with_evaluator(stored), with_evaluator(configuration), "");
  if (key.empty()) return;
  throw UserError(fmt::format("the random search in '{}' belongs to another study: its {} differs; remove the file",
                              baseline_file(output_dir).string(), key));
}

MachineFacts current_machine(const Numerics& numerics) {
  MachineFacts facts = read_machine_facts();
  facts.numerics["libtorch"] = torch_version();
  facts.numerics["device"] = device_description(numerics.device);
  facts.numerics["class"] = numerics_class(numerics);
  return facts;
}

Fidelity trial_fidelity(const Plan& plan) { return plan.search.fidelity; }

TrialHandler make_trial_handler(const std::shared_ptr<const Plan>& plan, const Numerics& numerics,
                                const std::filesystem::path& folder) {
  const std::shared_ptr<Evaluator> evaluator = make_evaluator(*plan, numerics);
  return [plan, folder, evaluator](const Trial& trial, EvaluationContext context) {
    WorkerResult result{trial, {}};
    context.artifacts = folder;
    const Design design = plan->space->build(trial.candidate.decisions);
    evaluator->evaluate(design, result.trial, context);
    if (!result.trial.weights.empty()) {
      const char* kind = result.trial.weights.ends_with(".onnx") ? "model" : "weights";
      result.artifacts.push_back({result.trial.weights, kind, trial.number,
                                  static_cast<uint64_t>(std::filesystem::file_size(folder / result.trial.weights))});
    }
    return result;
  };
}

class SearchRun {
 public:
  SearchRun(const Plan& plan, const SearchRunOptions& options) : plan_(plan), options_(options) {}

  SearchRunResult run() {
    if (options_.must_exist && !std::filesystem::exists(study_file(plan_.output_dir))) {
      throw UserError("there is no study in '" + plan_.output_dir.string() + "'");
    }
    if (!std::filesystem::exists(study_file(plan_.output_dir))) check_supernet(plan_);
    std::filesystem::create_directories(artifacts_folder(plan_.output_dir));
    const FileLock lock = lock_study_folder(plan_.output_dir);
    store_ = open_sqlite_store(study_file(plan_.output_dir), StoreMode::open_or_create);
    settle();
    const auto executor = plan_.evaluator.looks_up() ? look_up_here() : make_worker_processes(worker_options());
    if (plan_.search.trains_supernet || plan_.evaluator.shares_weights()) {
      // One network alone has all processors; as many as when the study was begun, for threads are part of the result.
      Numerics numerics = numerics_;
      if (numerics.device == Device::cpu)
        numerics.threads *= static_cast<int>(std::max<int64_t>(1, machine_.decisions.at("workers").get<int64_t>()));
      supernet_ = std::make_unique<SupernetStage>(plan_, numerics, options_.interrupted);
      supernet_->run();
    }
    SearchRunResult result;
    result.drive = drive(drive_settings(), drive_parts(*executor));
    if (result.drive.reason == StopReason::interrupted) throw Interrupted();
    store_->flush();
    result.front = extract_front(store_->trials(), plan_.objectives);
    if (supernet_) {
      if (const auto quality = supernet_->judge(store_->trials())) {
        log_info("shared weights rank {} networks as their own training does with Kendall {:.2f}, Spearman {:.2f}",
                 quality->networks, quality->kendall, quality->spearman);
        store_->record_followup(
            {"supernet ranking",
             -1,
             {{"networks", quality->networks}, {"kendall", quality->kendall}, {"spearman", quality->spearman}}});
      }
    }
    const FinalParts parts{plan_,
                           *store_,
                           ArtifactFolder(artifacts_folder(plan_.output_dir)),
                           *executor,
                           numerics_,
                           options_.interrupted,
                           options_.final_progress};
    result.networks = finalize(result.front, parts);
    write_front(plan_, result.front, result.networks);
    store_->record_followup({"stop reason", -1, stop_reason_text(result.drive.reason)});
    store_->record_followup({"strategy statistics", -1, result.drive.strategy_statistics});
    for (const FinalNetwork& network : result.networks) {
      store_->record_followup(
          {fmt::format("network of trial {}", network.trial.number), network.trial.number, to_json(network)});
    }
    store_->flush();
    options_.found(result);
    if (plan_.search.random_baseline) run_baseline(result.drive.progress.evaluated, *executor);
    return result;
  }

 private:
  // Random search of as many evaluations, beside the study: same space, limits, recipe and seeds of training; streams of its
  // own. Its trials tell the study nothing. A record of its own, driven like the study: killed, it goes on where it was.
  void run_baseline(int64_t evaluations, TrialExecutor& executor) {
    if (evaluations < 1) return;
    const auto baseline = open_sqlite_store(baseline_file(plan_.output_dir), StoreMode::open_or_create);
    if (!baseline->study()) {
      const Json config = {{"configuration", plan_.resolved},
                           {"base_folder", std::filesystem::absolute(plan_.base_folder).string()}};
      baseline->create_study({config, to_json(machine_), NACRE_VERSION, 0});
    }
    log_info("random search of {} evaluations, for comparison", evaluations);
    DriveSettings settings = drive_settings();
    settings.seed = mix_seed(settings.seed, 0x72616e646f6dULL);
    settings.trials = evaluations;
    settings.time_s = 0;
    DriveParts parts = drive_parts(executor);
    const DriveParts random_parts{*baseline,
                                  [this] {
                                    const auto& entry = strategy_registry().get("random");
                                    return entry.make(default_options(entry.parameters, "strategy random"),
                                                      {plan_.space->trace(), plan_.objectives, plan_.search.trials});
                                  },
                                  parts.complete,
                                  parts.build,
                                  parts.costs,
                                  executor,
                                  parts.interrupted,
                                  options_.baseline_progress,
                                  parts.machine};
    if (drive(settings, random_parts).reason == StopReason::interrupted) throw Interrupted();
    drop_weights_of(*baseline);
  }

  // Nobody trains, exports or inherits from the baseline's networks: their weights go, but for those the study has too.
  void drop_weights_of(Store& baseline) const {
    const std::vector<Artifact> kept = store_->artifacts();
    for (const Artifact& artifact : baseline.artifacts()) {
      if (std::ranges::find(kept, artifact.name, &Artifact::name) != kept.end()) continue;
      std::error_code ignored;
      std::filesystem::remove(artifacts_folder(plan_.output_dir) / artifact.name, ignored);
    }
  }

  // New: measures how to compute and records it. Resumed: checks that configuration and machine are those of before.
  void settle() {
    if (const auto study = store_->study()) {
      const StoredStudy stored = read_stored_study(*store_, plan_.output_dir);
      check_same_configuration(stored.configuration, plan_);
      const auto decided = stored.machine.decisions.find("numerics");
      if (decided == stored.machine.decisions.end())
        throw UserError("the study in '" + plan_.output_dir.string() + "' lacks the decision 'numerics'");
      numerics_ = numerics_from_json(decided->second);
      workers_ =
          plan_.search.workers > 0 ? plan_.search.workers : stored.machine.decisions.at("workers").get<int64_t>();
      machine_ = current_machine(numerics_);
      machine_.decisions = stored.machine.decisions;
      check_same_machine(stored.machine, machine_, options_.allow_other_machine);
      log_info("resuming the study in '{}': {} trials so far", plan_.output_dir.string(), store_->trial_count());
    } else {
      const ComputeDecision decision = decide_compute(plan_);
      numerics_ = decision.numerics;
      workers_ = decision.workers;
      machine_ = current_machine(numerics_);
      machine_.decisions["numerics"] = to_json(numerics_);
      machine_.decisions["workers"] = workers_;
      machine_.decisions["reason"] = decision.reason;
      log_info("{} workers; {} ({})", workers_, numerics_text(numerics_), decision.reason);
      const Json config = {{"configuration", plan_.resolved},
                           {"base_folder", std::filesystem::absolute(plan_.base_folder).string()}};
      store_->create_study({config, to_json(machine_), NACRE_VERSION, 0});
    }
    if (plan_.search.random_baseline && std::filesystem::exists(baseline_file(plan_.output_dir)))
      check_baseline(*open_sqlite_store(baseline_file(plan_.output_dir), StoreMode::read_only), plan_.resolved,
                     plan_.output_dir);
    write_file_atomically(configuration_file(plan_.output_dir), yaml_text(plan_.resolved));
  }

  std::unique_ptr<TrialExecutor> look_up_here() const {
    const TrialHandler handler =
        make_trial_handler(std::make_shared<const Plan>(plan_), numerics_, artifacts_folder(plan_.output_dir));
    return make_inline_executor([handler, interrupted = options_.interrupted](const Trial& trial, const Json&) {
      EvaluationContext context;
      context.interrupted = interrupted;
      WorkerResult result = handler(trial, std::move(context));
      return TrialOutcome{trial.number, std::move(result.trial), "", std::move(result.artifacts)};
    });
  }

  WorkerProcessOptions worker_options() const {
    WorkerProcessOptions options;
    options.count = workers_;
    const std::string threads = std::to_string(numerics_.threads);
    options.environment = {"OMP_NUM_THREADS=" + threads, "OPENBLAS_NUM_THREADS=" + threads,
                           "MKL_NUM_THREADS=" + threads};
    options.setup = {{"configuration", plan_.resolved},
                     {"base_folder", std::filesystem::absolute(plan_.base_folder).string()},
                     {"artifacts", std::filesystem::absolute(artifacts_folder(plan_.output_dir)).string()},
                     {"numerics", to_json(numerics_)}};
    return options;
  }

  DriveSettings drive_settings() const {
    DriveSettings settings;
    settings.seed = plan_.search.seed;
    settings.order = plan_.search.strict_order ? DriveOrder::strict : DriveOrder::fast;
    settings.lookahead = plan_.search.lookahead;
    settings.trials = plan_.search.trials;
    settings.time_s = plan_.search.time_s;
    settings.request.fidelity = trial_fidelity(plan_);
    settings.request.seed = plan_.search.seed;
    settings.objectives = plan_.objectives;
    settings.stop = plan_.search.stop;
    const std::shared_ptr<Evaluator> evaluator = make_evaluator(plan_, numerics_);
    settings.reuse = {.task_identity = plan_.task->identity(),
                      .evaluator_identity = evaluator->identity(),
                      .target_identities = {},
                      .identity_of = [evaluator](const Design& design) { return evaluator->identity_of(design); }};
    return settings;
  }

  DriveParts drive_parts(TrialExecutor& executor) const {
    DriveParts parts{*store_,
                     [this] {
                       return plan_.search.trains_supernet ? supernet_->strategy()
                                                           : plan_.make_strategy(options_.interrupted);
                     },
                     nullptr,
                     nullptr,
                     {},
                     executor,
                     options_.interrupted,
                     options_.progress,
                     to_json(machine_)};
    parts.complete = [this](const Candidate& candidate, Random& random) {
      Candidate complete = candidate;
      complete.decisions = plan_.space->trace().complete(candidate.decisions, random);
      return complete;
    };
    parts.build = [this](const Candidate& candidate) { return plan_.space->build(candidate.decisions); };
    parts.costs = {{plan_.target, plan_.deployment}};
    return parts;
  }

  const Plan& plan_;
  const SearchRunOptions& options_;
  std::unique_ptr<Store> store_;
  MachineFacts machine_;
  Numerics numerics_;
  int64_t workers_ = 1;
  std::unique_ptr<SupernetStage> supernet_;  // where the strategy trains one
};

// Seconds to train `graph` for `epochs` over `share` of the training split, by its speed on random data.
double training_seconds(const Plan& plan, const Graph& graph, const Numerics& numerics, double epochs, double share) {
  const double images_per_s =
      measure_training(graph, plan.task->signature(), plan.task->loss(), plan.recipe, numerics, 2, 8);
  return static_cast<double>(plan.task->size(Split::train)) * share * epochs / std::max(images_per_s, 1e-9);
}

bool final_training_expected(const Plan& plan) {
  if (plan.final_settings.train != "auto") return plan.final_settings.train == "always";
  const Fidelity& fidelity = plan.search.fidelity;
  return (fidelity.epochs > 0 && fidelity.epochs < plan.recipe.epochs) || fidelity.data_share < 1 ||
         plan.final_settings.seeds > 1;
}

}  // namespace

SearchRunResult run_search(const Plan& plan, const SearchRunOptions& options) { return SearchRun(plan, options).run(); }

ComputeDecision decide_compute(const Plan& plan) {
  if (!plan.evaluator.trains_here()) {
    const auto processors = read_machine_facts().logical_cpus;
    const int64_t workers = plan.search.workers > 0 ? plan.search.workers : 1;
    Numerics numerics;
    numerics.threads = static_cast<int>(std::max<int64_t>(1, processors / workers));
    return {numerics, workers, "evaluator " + plan.evaluator.kind + ": search.workers, or one, with all processors"};
  }
  // A network of middle size stands for all.
  Random random = Random::stream(plan.search.seed, "probe");
  std::vector<std::pair<int64_t, Design>> designs;
  for (int i = 0; i < 9; ++i) {
    Design design = plan.space->build(plan.space->trace().sample(random));
    Graph bound = design.graph();
    bound.bind_symbols({{"batch", 1}});
    designs.emplace_back(count_graph(bound).macs, std::move(design));
  }
  std::ranges::sort(designs, {}, [](const auto& entry) { return entry.first; });
  const ProbeDecision decision = probe_throughput({.graph = designs[designs.size() / 2].second.graph(),
                                                   .signature = plan.task->signature(),
                                                   .loss = plan.task->loss(),
                                                   .recipe = plan.recipe,
                                                   .precision = plan.precision,
                                                   .device = plan.device,
                                                   .workers = static_cast<int>(plan.search.workers),
                                                   .cores = static_cast<int>(read_machine_facts().logical_cpus)});
  return {decision.numerics, decision.workers, decision.reason};
}

Forecast forecast(const Plan& plan) {
  constexpr int kDrawn = 32;
  Forecast outlook;
  outlook.networks = count_text(plan.space->trace().count());
  outlook.compute = decide_compute(plan);
  Random random = Random::stream(plan.search.seed, "forecast");
  std::vector<std::pair<double, Design>> designs;  // by the main cost
  std::map<std::string, std::vector<double>> values;
  for (int i = 0; i < kDrawn; ++i) {
    Design design = plan.space->build(plan.space->trace().sample(random));
    const Metrics totals = cost_on_device(*plan.target, design, plan.deployment).totals;
    ObjectiveSet cost_limits = plan.objectives;
    std::erase_if(cost_limits.limits, [&](const Limit& limit) { return !totals.contains(limit.metric); });
    ++outlook.drawn;
    if (cost_limits.violation(totals) <= 0) ++outlook.within_limits;
    for (const auto& [name, metric] : totals) {
      if (metric.value.has_value()) values[name].push_back(*metric.value);
    }
    designs.emplace_back(metric_value(totals, plan.target->metrics().at(0).name).value_or(0), std::move(design));
  }
  for (const MetricSpec& spec : plan.target->metrics()) {
    auto found = values.find(spec.name);
    if (found == values.end()) continue;
    std::ranges::sort(found->second);
    outlook.costs.push_back(
        {spec, {found->second.front(), found->second[found->second.size() / 2], found->second.back()}});
  }
  std::ranges::sort(designs, {}, [](const auto& entry) { return entry.first; });
  if (!plan.evaluator.trains_here()) return outlook;  // nobody knows how long the program takes
  const Graph& median = designs[designs.size() / 2].second.graph();
  const double trial_epochs = plan.search.fidelity.epochs > 0 ? plan.search.fidelity.epochs : plan.recipe.epochs;
  outlook.seconds_per_trial =
      training_seconds(plan, median, outlook.compute.numerics, trial_epochs, plan.search.fidelity.data_share);
  const auto workers = static_cast<double>(outlook.compute.workers);
  outlook.search_s = plan.search.trials > 0
                         ? static_cast<double>(plan.search.trials) * outlook.seconds_per_trial / workers
                         : plan.search.time_s;
  if (plan.search.time_s > 0) outlook.search_s = std::min(outlook.search_s, plan.search.time_s);
  if (plan.search.random_baseline) outlook.search_s *= 2;
  if (final_training_expected(plan)) {
    const double full = outlook.seconds_per_trial * plan.recipe.epochs / trial_epochs / plan.search.fidelity.data_share;
    outlook.final_s = full * static_cast<double>(plan.final_settings.networks * plan.final_settings.seeds) / workers;
  }
  return outlook;
}

StoredStudy read_stored_study(Store& store, const std::filesystem::path& output_dir) {
  const std::optional<StudyRecord> study = store.study();
  if (!study.has_value())
    throw UserError("the study in '" + output_dir.string() + "' holds no configuration; it was never begun");
  try {
    return {study->config.at("configuration"), study->config.at("base_folder").get<std::string>(),
            machine_facts_from_json(study->machine)};
  } catch (const Json::exception&) {
    throw UserError("the study in '" + output_dir.string() + "' holds no readable configuration");
  }
}

std::vector<Trial> read_baseline(const std::filesystem::path& output_dir, const StoredStudy& study) {
  std::vector<Trial> trials;
  if (!std::filesystem::exists(baseline_file(output_dir))) return trials;
  const auto store = open_sqlite_store(baseline_file(output_dir), StoreMode::read_only);
  check_baseline(*store, study.configuration, output_dir);
  for (Trial& trial : store->trials()) {
    if (trial.is_complete()) trials.push_back(std::move(trial));
  }
  return trials;
}

std::unique_ptr<Evaluator> make_evaluator(const Plan& plan, const Numerics& numerics) {
  return evaluator_registry()
      .get(plan.evaluator.kind)
      .make(plan.evaluator.options, {plan.task, numerics, plan.base_folder, plan.space, plan.recipe, plan.search.seed});
}

int run_worker() {
  return serve_trials([](const Json& setup) -> TrialHandler {
    const auto plan = std::make_shared<const Plan>(
        make_plan_from_json(setup.at("configuration"), setup.at("base_folder").get<std::string>()));
    return make_trial_handler(plan, numerics_from_json(setup.at("numerics")), setup.at("artifacts").get<std::string>());
  });
}

}  // namespace nacre
