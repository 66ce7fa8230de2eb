#include "nacre/app/coverage.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/run/configuration.hpp"
#include "nacre/run/formulation.hpp"

namespace nacre {
namespace {

using Words = std::vector<std::string>;  // "strategy/random"; "benchmark/*": all that stand in no slot before

struct Slot {
  const char* name;
  Words words;
};

struct Cell {
  const char *number, *title, *where;
  std::vector<Slot> slots;
};

const std::vector<Cell>& checklist() {
  static const std::vector<Cell> kCells = {
      {"C1",
       "goals: one target, a target that is designed too, several targets",
       "app",
       {{"one target, fixed", {"verb/search"}},
        {"hardware searched together with the network", {}},
        {"several targets from one search", {}}}},
      {"C2",
       "a space of each kind, and one's own",
       "space",
       {{"hyper-parameters of a family", {"space/mlp", "space/resnet"}},
        {"layer-wise", {"space/mbconv", "space/spikenas", "space/hat", "space/fbnet"}},
        {"cell-based", {"space/nasbench201", "space/nasbench101", "space/darts", "space/nasnet"}},
        {"hierarchical", {"space/einspace", "space/hytra"}},
        {"of a trained network", {"space/elastic_onnx"}},
        {"written by the user", {"space/yaml"}},
        {"others", {"space/*"}}}},
      {"C3",
       "operators that are slow on the target dropped before the search",
       "space, hw",
       {{"reduction by the device", {}}}},
      {"C4", "a hardware space", "hw", {{"by parameters", {}}, {"by templates", {}}}},
      {"C5",
       "targets of each class",
       "hw",
       {{"no device: counts", {"target/macs"}},
        {"server processors", {"target/host", "target/onnxruntime", "target/host_table"}},
        {"mobile devices, through a program of one's own", {"target/command"}},
        {"microcontrollers with their memory limits", {}},
        {"FPGA and ASIC", {}},
        {"others", {"target/*"}}}},
      {"C6",
       "formulations",
       "search",
       {{"two stages: accuracy first, then the device", {"space/elastic_onnx"}},
        {"constraint by rejection", {"key/search.limit_handling=rejection"}},
        {"constraint by penalty", {"key/search.limit_handling=penalty"}},
        {"Lagrangian, dual ascent", {"key/search.limit_handling=lagrangian"}},
        {"epsilon-constraint", {"key/search.limit_handling=epsilon_constraint"}},
        {"weighted sum", {"key/search.scalarization=weighted_sum"}},
        {"weighted product", {"key/search.scalarization=weighted_product"}},
        {"weighted exponential sum", {"key/search.scalarization=exponential_sum"}},
        {"weighted min-max", {"key/search.scalarization=min_max"}},
        {"Pareto", {"strategy/nsga2", "strategy/nsga3", "strategy/eeea", "strategy/bayesian"}},
        {"exact constrained optimum by enumeration", {"verb/bench run"}}}},
      {"C7",
       "a strategy of each family",
       "search, supernet",
       {{"random and enumeration", {"strategy/random", "strategy/grid"}},
        {"local and tree search", {"strategy/local_search", "strategy/mcts"}},
        {"evolution", {"strategy/regularized_evolution", "strategy/nsga2", "strategy/eeea", "strategy/npenas"}},
        {"Bayesian and predictor-guided",
         {"strategy/tpe", "strategy/bayesian", "strategy/gaussian_process", "strategy/tree_ensemble",
          "strategy/bananas", "strategy/gbdt_nas", "strategy/nars"}},
        {"several fidelities", {"strategy/successive_halving", "strategy/asha", "strategy/hyperband", "strategy/bohb"}},
        {"reinforcement learning", {"strategy/rnn_controller"}},
        {"gradient-based", {}},
        {"generative", {"strategy/diffusion_nag"}},
        {"language models", {}},
        {"mathematical, without training", {"strategy/deepmad"}},
        {"a program of one's own", {"strategy/command"}},
        {"others", {"strategy/*"}}}},
      {"C8",
       "accelerations",
       "nn, supernet, predict",
       {{"weight sharing", {}},
        {"shorter trainings, less data",
         {"key/search.epochs", "key/search.data_share", "strategy/successive_halving", "strategy/asha",
          "strategy/hyperband", "strategy/bohb"}},
        {"inherited weights", {"space/elastic_onnx"}},
        {"learning curves", {"stopping_rule/learning_curve", "stopping_rule/median"}},
        {"training-free scores", {"evaluator/zero_cost", "strategy/deepmad"}},
        {"accuracy predictors", {"predictor/*"}},
        {"parallel workers", {"key/search.workers"}}}},
      {"C9",
       "four estimators behind one interface",
       "hw, predict",
       {{"measurement", {"target/host", "target/onnxruntime", "target/command"}},
        {"look-up table per operator", {"target/host_table", "verb/measure"}},
        {"analytical model", {}},
        {"learned model", {"target/transfer"}}}},
      {"C10",
       "metrics of cost",
       "hw",
       {{"operations and size", {"metric/macs", "metric/params", "metric/model_bytes"}},
        {"latency", {"metric/latency_s"}},
        {"energy", {"metric/energy_j"}},
        {"area", {"metric/area_mm2"}},
        {"peak memory", {"metric/peak_memory_bytes"}}}},
      {"C11",
       "choices beyond topology in the same search",
       "quant, space, nn",
       {{"training recipe", {"recipe/learning_rate", "recipe/weight_decay", "recipe/optimizer"}},
        {"distillation", {"recipe/teacher"}},
        {"width and depth of a trained network", {"space/elastic_onnx"}},
        {"precision per layer", {}},
        {"sparsity", {}},
        {"resolution", {}},
        {"early exits", {}}}},
      {"C12", "tabular benchmarks and device tables", "tables", {{"tables", {"benchmark/*"}}}},
      {"C13",
       "reproducibility",
       "study",
       {{"the same history again", {"verb/resume", "key/search.seed", "key/search.order=strict"}},
        {"claims measured again", {"verb/repro run", "verb/bench run"}}}},
      {"C14", "transfer to a new device", "predict, hw", {{"from at most 20 measurements", {"target/transfer"}}}},
      {"C15", "tasks beyond classification, at least five kinds", "tasks", {{"kinds", {"task/*"}}}},
      {"C16",
       "hand-over",
       "deploy, app",
       {{"ONNX, checked", {"verb/verify", "verb/inspect"}},
        {"front and trials as data", {"export format/*", "export_format/*", "verb/export"}},
        {"report", {"verb/report"}},
        {"accelerator files", {}}}},
      {"C17",
       "cost of the search stated",
       "study",
       {{"evaluations and seconds", {"verb/report", "verb/study"}},
        {"evaluations and the strategy's own time on tables", {"verb/bench run"}},
        {"energy", {}},
        {"calls and tokens of language models", {}}}}};
  return kCells;
}

// Keys of the configuration as things of their own: search.trials, search.limit_handling=penalty.
std::vector<CoverageEntry> keys() {
  std::vector<CoverageEntry> entries;
  for (const Parameter& parameter : search_parameters()) {
    const std::string key = "search." + parameter.name;
    entries.push_back({"key", key, parameter.description, ""});
    for (const std::string& choice : parameter.choices) {
      const bool formulation = std::ranges::find(formulation_parameters(), parameter.name, &Parameter::name) !=
                               formulation_parameters().end();
      std::string summary = parameter.description;
      // "rejection: ...; penalty: ...": the part that speaks of this word.
      const size_t begin = summary.find(choice + ": ");
      if (begin != std::string::npos) {
        summary = summary.substr(begin + choice.size() + 2);
        summary = summary.substr(0, summary.find(';'));
      }
      entries.push_back({"key", key + "=" + choice, summary, formulation ? "arXiv 2101.09336, section 5" : ""});
    }
  }
  return entries;
}

class Filler {
 public:
  explicit Filler(const std::vector<CatalogueKind>& kinds) {
    for (const CatalogueKind& kind : kinds) {
      for (const RegistryRecord& record : kind.records)
        all_.push_back({kind.kind, record.name, record.summary, record.source});
    }
    for (CoverageEntry& entry : keys()) all_.push_back(std::move(entry));
    for (const Cell& cell : checklist()) {
      for (const Slot& slot : cell.slots) named_in_[cell.number].insert(slot.words.begin(), slot.words.end());
    }
  }

  CoverageSlot fill(const Cell& cell, const Slot& slot) const {
    CoverageSlot result{slot.name, {}};
    for (const std::string& word : slot.words) {
      const std::string kind = word.substr(0, word.find('/')), name = word.substr(word.find('/') + 1);
      for (const CoverageEntry& entry : all_) {
        const bool named = entry.kind == kind && entry.name == name;
        const bool other =
            name == "*" && entry.kind == kind && !named_in_.at(cell.number).contains(entry.kind + "/" + entry.name);
        if (named || other) result.entries.push_back(entry);
      }
    }
    return result;
  }

 private:
  std::vector<CoverageEntry> all_;
  std::map<std::string, std::set<std::string>> named_in_;
};

// "others" is there for what has no slot of its own: nothing is missing when it is empty.
bool may_be_empty(const CoverageSlot& slot) { return slot.name == "others"; }

}  // namespace

size_t CoverageCell::empty_slots() const {
  return static_cast<size_t>(std::ranges::count_if(
      slots, [](const CoverageSlot& slot) { return slot.entries.empty() && !may_be_empty(slot); }));
}

std::vector<CoverageCell> coverage(const std::vector<CatalogueKind>& kinds) {
  const Filler filler(kinds);
  std::vector<CoverageCell> cells;
  for (const Cell& cell : checklist()) {
    CoverageCell result{cell.number, cell.title, cell.where, {}};
    for (const Slot& slot : cell.slots) {
      CoverageSlot filled = filler.fill(cell, slot);
      if (!filled.entries.empty() || !may_be_empty(filled)) result.slots.push_back(std::move(filled));
    }
    cells.push_back(std::move(result));
  }
  return cells;
}

}  // namespace nacre
