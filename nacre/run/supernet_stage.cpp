#include "nacre/run/supernet_stage.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nacre/base/file.hpp"
#include "nacre/base/log.hpp"
#include "nacre/base/rank_correlation.hpp"
#include "nacre/design/decisions_json.hpp"
#include "nacre/ir/weights_file.hpp"
#include "nacre/nn/trained_evaluator.hpp"
#include "nacre/nn/trainer.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/run/search_run.hpp"
#include "nacre/run/supernet_evaluator.hpp"
#include "nacre/study/sqlite_store.hpp"
#include "nacre/supernet/block_training.hpp"
#include "nacre/supernet/method.hpp"

namespace nacre {
namespace {

// Networks are proposed beyond those asked for: some may break a limit.
constexpr int64_t kSpareNetworks = 4;
constexpr int64_t kNetworksWithoutCount = 64;  // where the search is bounded by time alone

class ListedNetworks : public Strategy {
 public:
  ListedNetworks(std::vector<Decisions> networks, std::string first, std::string others)
      : networks_(std::move(networks)), first_(std::move(first)), others_(std::move(others)) {}

  std::optional<Proposal> ask(int64_t number, Random&) override {
    if (number < 0 || number >= static_cast<int64_t>(networks_.size())) return std::nullopt;
    Candidate candidate;
    candidate.decisions = networks_[static_cast<size_t>(number)];
    candidate.made_by = number == 0 ? first_ : others_;
    return candidate;
  }
  void tell(const Trial&) override {}

 private:
  std::vector<Decisions> networks_;
  std::string first_, others_;  // how they were made
};

std::string epoch_text(const SupernetEpoch& epoch, const std::string& unit, bool learns) {
  std::string text = fmt::format("supernet, epoch {}: loss {:.4f}", epoch.epoch, epoch.weight_loss);
  if (epoch.architecture_loss) text += fmt::format(", of the architecture {:.4f}", *epoch.architecture_loss);
  if (epoch.expected_cost)
    text += fmt::format(", expected cost {:.4g}{}{}", *epoch.expected_cost, unit.empty() ? "" : " ", unit);
  if (learns) text += fmt::format(", entropy {:.3f}", epoch.entropy);
  return text + fmt::format(", {:.1f} s", epoch.time_s);
}

// block,choice,score,params,macs; a choice is the indices of the path's decisions, digits side by side where one suffices.
std::string block_scores_text(const std::vector<BlockTraining::RatedBlock>& blocks) {
  std::string text = "block,choice,score,params,macs\n";
  for (size_t block = 0; block < blocks.size(); ++block) {
    for (const BlockTraining::RatedPath& path : blocks[block].paths) {
      const std::vector<Decision>& items = path.decisions.items();
      const bool digits = std::ranges::all_of(items, [](const Decision& one) { return one.index < 10; });
      std::string choice;
      for (const Decision& one : items) {
        if (!digits && !choice.empty()) choice += '_';
        choice += std::to_string(one.index);
      }
      text += fmt::format("{},{},{:.9g},{},{}\n", block, choice, path.score, path.params, path.macs);
    }
  }
  return text;
}

std::filesystem::path folder_of_shared_weights(const Plan& plan) {
  const std::filesystem::path folder = plan.evaluator.options.text("from");
  return folder.is_relative() ? plan.base_folder / folder : folder;
}

SupernetSettings settings_of(const Plan& plan) {
  if (!plan.search.trains_supernet) return shared_weight_settings(plan.evaluator.options, plan.recipe, *plan.space);
  if (plan.evaluator.shares_weights())
    throw UserError("evaluator supernet: strategy " + plan.search.strategy +
                    " trains a supernet of its own; take evaluator: {kind: trained}, or another strategy");
  return supernet_method_registry().get(plan.search.strategy).make(plan.search.strategy_options, plan.recipe);
}

// Its task, space, recipe and plan must be those of this study.
void check_source_of_weights(const Plan& plan) {
  const std::string from = plan.evaluator.options.text("from");
  const std::filesystem::path other = folder_of_shared_weights(plan);
  const auto store = open_sqlite_store(study_file(other), StoreMode::read_only);
  const Json configuration = read_stored_study(*store, other).configuration;
  const auto relevant = [](Json section) {
    for (const char* key : {"from", "ranking_networks", "calibration_samples"}) section.erase(key);
    return section;
  };
  for (const char* key : {"task", "space", "train", "evaluator"}) {
    if (relevant(configuration.at(key)) == relevant(plan.resolved.at(key))) continue;
    throw UserError(fmt::format(
        "evaluator.from: the study in '{}' has another {}: its shared weights are of other networks", from, key));
  }
  if (!std::filesystem::exists(supernet_folder(other) / "supernet.json"))
    throw UserError("evaluator.from: the supernet of the study in '" + from + "' is not finished");
}

// A size is no branch: a method that does not learn sizes leaves them as the candidate's first alternative.
void warn_of_unsearched_sizes(const Space& space, const std::vector<OpenDecision>& open, const std::string& strategy) {
  std::vector<std::string> keys;
  for (const TraceDecision& decision : space.trace().decisions()) {
    const bool searched = std::ranges::find(open, decision.key, &OpenDecision::key) != open.end();
    if (decision.kind == DecisionKind::number && !searched) keys.push_back(decision.key);
  }
  if (keys.empty()) return;
  constexpr size_t kNamed = 6;
  const std::string more = keys.size() > kNamed ? fmt::format(" and {} more", keys.size() - kNamed) : "";
  keys.resize(std::min(keys.size(), kNamed));
  log_warning(
      "strategy {} does not search sizes: {}{} stay at their first alternative (single_path, rarts and ofa search "
      "them)",
      strategy, fmt::join(keys, ", "), more);
}

}  // namespace

void check_supernet(const Plan& plan) {
  if (!plan.search.trains_supernet && !plan.evaluator.shares_weights()) return;
  if (plan.evaluator.shares_weights() && plan.evaluator.options.has("from")) check_source_of_weights(plan);
  SupernetOptions options;
  options.target = plan.target.get();
  options.deployment = plan.deployment;
  const SupernetSettings settings = settings_of(plan);
  if (settings.blockwise)
    BlockTraining(plan.space, plan.task, settings, options);
  else
    SupernetTraining(plan.space, plan.task, settings, options);
}

SupernetStage::SupernetStage(const Plan& plan, const Numerics& numerics, std::function<bool()> interrupted)
    : plan_(plan), numerics_(numerics), interrupted_(std::move(interrupted)), folder_(plan.output_dir / "supernet") {
  numerics_.arithmetic = Arithmetic::fp32;  // small differences between alternatives count
}

void SupernetStage::run() {
  const std::filesystem::path file = folder_ / "supernet.json";
  const bool taken = plan_.evaluator.shares_weights() && plan_.evaluator.options.has("from");
  if (!std::filesystem::exists(file)) {
    if (taken)
      take_over(plan_.evaluator.options.text("from"));
    else
      train();
  }
  try {
    record_ = Json::parse(read_file(file));
    for (const Json& network : record_.at("networks")) networks_.push_back(decisions_of(network.at("decisions")));
  } catch (const Json::exception& error) {
    throw UserError("'" + file.string() + "' is not readable (" + error.what() +
                    "); remove the folder to train the supernet anew");
  }
}

void SupernetStage::take_over(const std::string& from) const {
  check_source_of_weights(plan_);
  const std::filesystem::path other = folder_of_shared_weights(plan_);
  std::filesystem::create_directories(folder_);
  std::filesystem::copy_file(supernet_state_file(other), supernet_state_file(plan_.output_dir),
                             std::filesystem::copy_options::overwrite_existing);
  Json record = Json::parse(read_file(supernet_folder(other) / "supernet.json"));
  record["from"] = from;
  write_file_atomically(folder_ / "supernet.json", record.dump(1) + "\n");
}

void SupernetStage::train() {
  const bool proposes = plan_.search.trains_supernet;
  const SupernetSettings settings = settings_of(plan_);
  if (settings.blockwise) return train_blocks(settings);
  const std::filesystem::path state_file = supernet_state_file(plan_.output_dir);
  Weights state;
  SupernetOptions options;
  options.numerics = numerics_;
  options.seed = plan_.search.seed;
  options.target = plan_.target.get();
  options.deployment = plan_.deployment;
  options.interrupted = interrupted_;
  if (std::filesystem::exists(state_file)) {
    state = read_weights(state_file);
    options.state = &state;
    log_info("the supernet goes on after its last finished epoch");
  }
  const auto spec =
      plan_.metric(settings.cost_metric.empty() ? plan_.target->metrics().at(0).name : settings.cost_metric);
  options.report = [&](const SupernetEpoch& epoch, const std::function<Weights()>& current) {
    log_info("{}", epoch_text(epoch, spec ? spec->unit : "", proposes));
    write_file_atomically(state_file, write_weights_bytes(current()));
  };
  SupernetTraining training(plan_.space, plan_.task, settings, options);
  log_info("supernet of {} open decisions and {} parameters", training.open().size(), training.parameter_count());
  if (proposes) warn_of_unsearched_sizes(*plan_.space, training.open(), plan_.search.strategy);
  training.run();
  const SupernetMemory memory = training.memory();
  log_info("supernet: {:.1f} MB of weights, {:.1f} of the optimizer, {:.1f} of results in its largest step",
           static_cast<double>(memory.weights_bytes) / 1e6, static_cast<double>(memory.optimizer_bytes) / 1e6,
           static_cast<double>(memory.activation_bytes) / 1e6);

  Json record = {{"method", proposes ? plan_.search.strategy : "shared weights"},
                 {"parameters", training.parameter_count()},
                 {"memory", to_json(training.memory())}};
  record["decisions"] = Json::array();
  for (const OpenDecision& decision : training.open())
    record["decisions"].push_back({{"key", decision.key}, {"alternatives", decision.labels}, {"kept", decision.kept}});
  for (const SupernetEpoch& epoch : training.epochs()) record["epochs"].push_back(to_json(epoch));
  record["networks"] = Json::array();
  if (proposes) propose(training, record);
  write_file_atomically(folder_ / "supernet.json", record.dump(1) + "\n");
  if (!proposes) return;
  std::error_code ignored;
  std::filesystem::remove(state_file, ignored);
}

void SupernetStage::train_blocks(const SupernetSettings& settings) {
  const std::filesystem::path state_file = supernet_state_file(plan_.output_dir);
  Weights state;
  SupernetOptions options;
  options.numerics = numerics_;
  options.seed = plan_.search.seed;
  options.interrupted = interrupted_;
  if (std::filesystem::exists(state_file)) {
    state = read_weights(state_file);
    options.state = &state;
    log_info("the supernet goes on after its last finished epoch");
  }
  options.report = [&](const SupernetEpoch& epoch, const std::function<Weights()>& current) {
    log_info("{}", epoch_text(epoch, "", false));
    write_file_atomically(state_file, write_weights_bytes(current()));
  };
  BlockTraining training(plan_.space, plan_.task, settings, options);
  log_info("supernet of {} blocks, trained one after the other without labels", training.block_count());
  training.run();

  Json record = {{"method", plan_.search.strategy}, {"parameters", training.parameter_count()}};
  record["epochs"] = record["blocks"] = record["networks"] = Json::array();
  for (const SupernetEpoch& epoch : training.epochs()) record["epochs"].push_back(to_json(epoch));
  for (const BlockTraining::RatedBlock& block : training.blocks()) {
    record["blocks"].push_back(to_json(block, plan_.space->trace()));
    log_info("block of {} layers: {} paths, best {} with score {:.4f}", block.layers.size(), block.paths.size(),
             path_text(plan_.space->trace(), block.paths[block.best].decisions), block.paths[block.best].score);
  }
  BlockTraining::Limits limits;
  for (const Limit& limit : plan_.objectives.limits) {
    if (limit.at_least) continue;
    if (limit.metric == "params") limits.params = limit.bound;
    if (limit.metric == "macs") limits.macs = limit.bound;
  }
  const int64_t wanted = plan_.search.trials > 0 ? plan_.search.trials * kSpareNetworks : kNetworksWithoutCount;
  for (const BlockTraining::ScoredNetwork& network : training.proposed(wanted, limits))
    record["networks"].push_back({{"decisions", decisions_json(network.decisions)},
                                  {"text", plan_.space->trace().text(network.decisions)},
                                  {"score", network.score}});
  write_file_atomically(folder_ / "block_scores.csv", block_scores_text(training.blocks()));
  write_file_atomically(folder_ / "supernet.json", record.dump(1) + "\n");
  std::error_code ignored;
  std::filesystem::remove(state_file, ignored);
}

void SupernetStage::propose(SupernetTraining& training, Json& record) const {
  const int64_t wanted = plan_.search.trials > 0 ? plan_.search.trials * kSpareNetworks : kNetworksWithoutCount;
  const std::string quality = plan_.task->metrics().at(0).name;
  for (const Decisions& network : proposed_networks(training, wanted, plan_.search.seed)) {
    if (interrupted_()) throw Interrupted();
    Json entry = {{"decisions", decisions_json(network)}, {"text", plan_.space->trace().text(network)}};
    // Those that are trained in the end are judged by shared weights, too: how far these can be trusted is told by both.
    if (plan_.search.trials == 0 || static_cast<int64_t>(record["networks"].size()) < plan_.search.trials) {
      try {
        if (const auto value = metric_value(training.evaluate(network), quality)) entry["shared_" + quality] = *value;
      } catch (const UserError& error) {  // its layers depend on what is chosen
        if (record["networks"].empty())
          log_info("proposed networks are not judged by shared weights: {}", error.what());
      }
    }
    if (const auto cost = training.cost_of(network)) entry["cost"] = *cost;
    record["networks"].push_back(std::move(entry));
  }
}

std::unique_ptr<Strategy> SupernetStage::strategy() const {
  const std::string& method = plan_.search.strategy;
  const bool by_score = record_.contains("blocks");
  return std::make_unique<ListedNetworks>(networks_, method + (by_score ? ", best score" : ", most probable"),
                                          method + (by_score ? ", next score" : ", drawn"));
}

std::optional<RankingQuality> SupernetStage::judge(const std::vector<Trial>& trials) {
  std::vector<double> shared, own;
  if (const auto known = record_.find("ranking"); known != record_.end() && !plan_.search.trains_supernet)
    return RankingQuality{known->at("networks"), known->at("kendall"), known->at("spearman")};
  if (plan_.search.trains_supernet)
    pair_with_trials(trials, shared, own);
  else
    pair_with_trainings(shared, own);
  if (shared.size() < 3) return std::nullopt;
  const RankingQuality result{static_cast<int64_t>(shared.size()), kendall(shared, own), spearman(shared, own)};
  record_["ranking"] = {{"networks", result.networks},
                        {"kendall", result.kendall},
                        {"spearman", result.spearman},
                        {"shared", shared},
                        {"own", own}};
  write_file_atomically(folder_ / "supernet.json", record_.dump(1) + "\n");
  return result;
}

void SupernetStage::pair_with_trials(const std::vector<Trial>& trials, std::vector<double>& shared,
                                     std::vector<double>& own) const {
  const std::string quality = plan_.task->metrics().at(0).name;
  for (const Json& network : record_.at("networks")) {
    const auto value = network.find("shared_" + quality), score = network.find("score");
    if (value == network.end() && score == network.end()) continue;
    const Decisions decisions = decisions_of(network.at("decisions"));
    const auto trial = std::ranges::find_if(trials, [&](const Trial& one) {
      return one.status == TrialStatus::ok && one.candidate.decisions == decisions;
    });
    if (trial == trials.end()) continue;
    const auto trained = metric_value(trial->metrics, quality);
    if (!trained) continue;
    const bool larger_is_better = plan_.task->metrics().at(0).direction == Direction::maximize;
    if (value != network.end())
      shared.push_back(value->get<double>());
    else  // lower scores are better
      shared.push_back(larger_is_better ? -score->get<double>() : score->get<double>());
    own.push_back(*trained);
  }
}

void SupernetStage::pair_with_trainings(std::vector<double>& shared, std::vector<double>& own) {
  const int64_t count = plan_.evaluator.options.integer("ranking_networks");
  if (count < 3) return;
  const std::string quality = plan_.task->metrics().at(0).name;
  const Weights state = read_weights(supernet_state_file(plan_.output_dir));
  SupernetOptions options;
  options.numerics = numerics_;
  options.seed = plan_.search.seed;
  options.state = &state;
  SupernetTraining training(plan_.space, plan_.task,
                            shared_weight_settings(plan_.evaluator.options, plan_.recipe, *plan_.space), options);
  const int64_t samples = plan_.evaluator.options.integer("calibration_samples");
  log_info("training {} drawn networks by themselves, to say how well shared weights rank networks", count);
  for (int64_t i = 0; i < count; ++i) {
    Random random = Random::stream(plan_.search.seed, "ranking network", static_cast<uint64_t>(i));
    const Decisions decisions = plan_.space->trace().sample(random);
    const Design design = plan_.space->build(decisions);
    TrainingOptions alone;
    alone.numerics = numerics_;
    alone.seed = mix_seed(plan_.search.seed, static_cast<uint64_t>(i));
    alone.interrupted = interrupted_;
    const TrainingResult result = train_network(graph_for_task(design, *plan_.task), *plan_.task, design.recipe, alone);
    const auto trained = metric_value(result.metrics, quality),
               by_shared = metric_value(training.evaluate(decisions, samples), quality);
    if (result.status != TrialStatus::ok || !trained || !by_shared) continue;
    shared.push_back(*by_shared);
    own.push_back(*trained);
  }
}

}  // namespace nacre
