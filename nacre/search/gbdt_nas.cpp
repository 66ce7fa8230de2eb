// `gbdt_nas`: boosted trees say which networks are worth evaluating (Luo, Tan, Wang, Qin, Chen and Liu, Accuracy prediction
// with non-neural model for neural architecture search, arXiv 2007.04785).
//
// The first `initial` asks are uniform samples. Then, again and again: trees are fitted on the one-hot decisions of all told
// networks, all networks of the space (or, of one with more than `enumerate_up_to`, `samples` uniform samples) are ranked by
// their prediction, and the `batch` best unseen are asked. With `prune`, the first `prune_rounds` fits also take alternatives out of the space that the
// trees' Shapley values blame (pruning.hpp; GBDT-NAS-3S). Networks whose known costs miss a limit are passed over. A share
// `exploration` of the asks is a uniform sample all the same. When all that is left is pruned or passed over, it is asked after all.
//
// Differences from the paper: targets are the told values themselves, standardized by nobody's table; a told value below
// `drop_below` does not enter a fit, as the paper does with networks under 85 % on NAS-Bench-101; predictions that are equal,
// which trees give often, are ordered by chance.
#include <algorithm>
#include <numeric>

#include "nacre/predict/boosted_trees.hpp"
#include "nacre/predict/tree_parameters.hpp"
#include "nacre/search/known_limits.hpp"
#include "nacre/search/proposals.hpp"
#include "nacre/search/pruning.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

enum class PruningOrder { none, first, second };

class GbdtNas final : public Strategy {
 public:
  GbdtNas(const Options& options, const StrategyContext& context)
      : trace_(context.trace),
        objectives_(context.objectives),
        limits_(context),
        initial_(options.integer("initial")),
        batch_(static_cast<size_t>(options.integer("batch"))),
        enumerate_up_to_(options.integer("enumerate_up_to")),
        samples_(options.integer("samples")),
        exploration_(options.real("exploration")),
        prune_rounds_(options.integer("prune_rounds")),
        prune_per_round_(options.integer("prune_per_round")),
        proposals_(context),
        pruning_(context.trace) {
    const std::string order = options.text("prune");
    order_ = order == "first" ? PruningOrder::first : order == "second" ? PruningOrder::second : PruningOrder::none;
    if (options.has("drop_below")) drop_below_ = options.real("drop_below");
    const std::vector<Parameter>& tree_parameters = boosted_trees_parameters();
    trees_ =
        boosted_trees_options(options.has("trees") ? resolve_options(options.node("trees"), tree_parameters, "trees")
                                                   : default_options(tree_parameters, "trees"));
  }

  std::optional<Proposal> ask(int64_t, Random& random) override {
    if (asked_++ < initial_ || (exploration_ > 0 && random.bernoulli(exploration_))) return sample(random);
    if (queue_.empty()) rank(random);
    while (!queue_.empty()) {
      Ranked next = std::move(queue_.back());
      queue_.pop_back();
      Candidate candidate;
      candidate.decisions = proposals_.placed(std::move(next.decisions));
      if (!proposals_.remember(candidate.decisions)) continue;  // sampled or told since
      candidate.made_by = "rank " + std::to_string(next.rank) + " of fit " + std::to_string(fits_);
      return candidate;
    }
    return sample(random);
  }

  void tell(const Trial& trial) override {
    proposals_.remember_told(trial.candidate);
    const Fitness fitness = objectives_.fitness(trial);
    if (fitness.tier != Fitness::Tier::good || !trial.candidate.graph_text.empty()) return;
    if (!trace_.is_complete(trial.candidate.decisions)) return;
    if (drop_below_) {
      const Objective& objective = objectives_.objectives.front();
      const std::optional<double> value = metric_value(trial.metrics, objective.metric);
      const bool maximize = objective.direction == Direction::maximize;
      if (!value || (maximize ? *value < *drop_below_ : *value > *drop_below_)) return;
    }
    const std::vector<float> row = trace_.encode_one_hot(trial.candidate.decisions);
    if (row.empty()) return;
    known_.add(row);
    values_.push_back(-fitness.value);
  }

  Json statistics() const override {
    Json json = {{"repeats_avoided", proposals_.repeats_avoided()}, {"fits", fits_}, {"passed_over", passed_over_}};
    if (order_ != PruningOrder::none) json["pruned"] = pruning_.texts();
    return json;
  }

 private:
  struct Ranked {
    Decisions decisions;
    size_t rank;
  };

  std::optional<Proposal> sample(Random& random) {
    if (pruning_.empty()) return proposals_.sample(random);
    return proposals_.draw([&](Random& stream) { return pruning_.sample(stream); }, {"random in the pruned space"},
                           random);
  }

  // Fits, prunes and fills the queue with the best unseen networks, the best last.
  void rank(Random& random) {
    if (values_.size() < 4) return;
    ++fits_;
    BoostedTrees trees(trees_);
    trees.fit(known_, values_, random);
    if (order_ != PruningOrder::none && fits_ <= prune_rounds_) prune(trees);
    const bool whole = trace_.count() <= enumerate_up_to_;
    if (whole && all_.empty()) enumerate();
    std::vector<Decisions> drawn;
    FeatureMatrix drawn_features;
    if (!whole) {
      for (int64_t i = 0; i < samples_; ++i) {
        drawn.push_back(pruning_.empty() ? trace_.sample(random) : pruning_.sample(random));
        drawn_features.add(trace_.encode_one_hot(drawn.back()));
      }
    }
    const std::vector<Decisions>& candidates = whole ? all_ : drawn;
    const FeatureMatrix& features = whole ? all_features_ : drawn_features;
    const std::vector<double> predicted = trees.predict(features);
    std::vector<std::pair<double, uint64_t>> keys;  // equal predictions in an order of chance
    keys.reserve(predicted.size());
    for (const double value : predicted) keys.emplace_back(-value, random.next());
    std::vector<size_t> order(candidates.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto earlier = [&](size_t a, size_t b) { return keys[a] < keys[b]; };
    // Most of the ranking is never looked at: it is sorted by and by.
    const size_t batch = std::max(batch_, values_.size() / 20);
    size_t sorted = 0;
    for (size_t place = 0; place < order.size() && queue_.size() < batch; ++place) {
      if (place == sorted) {
        sorted = std::min(order.size(), std::max<size_t>(sorted * 4, 4 * batch));
        std::partial_sort(order.begin() + static_cast<std::ptrdiff_t>(place),
                          order.begin() + static_cast<std::ptrdiff_t>(sorted), order.end(), earlier);
      }
      const size_t i = order[place];
      if (proposals_.known(candidates[i]) || !pruning_.allows(features.row(i))) continue;
      if (limits_.misses(candidates[i])) {
        ++passed_over_;
        continue;
      }
      queue_.push_back({candidates[i], place + 1});
    }
    std::ranges::reverse(queue_);
  }

  void prune(const BoostedTrees& trees) {
    const TreeExplainer explainer(trees);
    if (order_ == PruningOrder::first) {
      pruning_.prune_first_order(explainer, known_, prune_per_round_);
    } else {
      pruning_.prune_second_order(explainer, known_, prune_per_round_);
    }
  }

  void enumerate() {
    for (Count index = 0; index < trace_.count(); ++index) {
      all_.push_back(trace_.at(index));
      all_features_.add(trace_.encode_one_hot(all_.back()));
    }
  }

  const Trace& trace_;
  const ObjectiveSet objectives_;
  KnownLimits limits_;
  const int64_t initial_;
  const size_t batch_;
  const int64_t enumerate_up_to_;
  const int64_t samples_;
  const double exploration_;
  PruningOrder order_ = PruningOrder::none;
  const int64_t prune_rounds_;
  const int64_t prune_per_round_;
  std::optional<double> drop_below_;
  BoostedTreesOptions trees_;
  Proposals proposals_;
  Pruning pruning_;
  FeatureMatrix known_;         // one-hot rows of told networks
  std::vector<double> values_;  // larger is better
  std::vector<Ranked> queue_;   // best last
  std::vector<Decisions> all_;  // of a space that is enumerated
  FeatureMatrix all_features_;
  int64_t asked_ = 0;
  int64_t fits_ = 0;
  int64_t passed_over_ = 0;
};

}  // namespace

void add_gbdt_nas(Registry<StrategyFactory>& registry) {
  registry.add(
      {.name = "gbdt_nas",
       .summary =
           "boosted trees on decisions rank the space; the best ranked are evaluated; bad alternatives may be pruned",
       .source = "Luo et al., Accuracy prediction with non-neural model for NAS (GBDT-NAS), arXiv 2007.04785",
       .parameters = {{.name = "initial",
                       .type = ParameterType::integer,
                       .description = "uniform samples before the first fit (the paper has 1,000)",
                       .default_value = 40,
                       .minimum = 1,
                       .maximum = 1e7},
                      {.name = "batch",
                       .type = ParameterType::integer,
                       .description =
                           "best ranked networks evaluated between two fits (the paper has 1,000 and 300), but no less "
                           "than a twentieth of the known ones: fits of a long search become rarer",
                       .default_value = 20,
                       .minimum = 1,
                       .maximum = 1e7},
                      {.name = "enumerate_up_to",
                       .type = ParameterType::integer,
                       .description = "networks of a space that is ranked as a whole",
                       .default_value = 20000,
                       .minimum = 0,
                       .maximum = 1e7},
                      {.name = "samples",
                       .type = ParameterType::integer,
                       .description = "uniform samples ranked at each fit in a larger space (the paper has 5,000)",
                       .default_value = 5000,
                       .minimum = 1,
                       .maximum = 1e7},
                      {.name = "exploration",
                       .type = ParameterType::real,
                       .description = "share of asks that are uniform samples all the same",
                       .default_value = 0.0,
                       .minimum = 0,
                       .maximum = 1},
                      {.name = "prune",
                       .type = ParameterType::text,
                       .description = "take alternatives out of the space: by their own Shapley values (first), or "
                                      "by those of pairs (second)",
                       .default_value = "none",
                       .choices = {"none", "first", "second"}},
                      {.name = "prune_rounds",
                       .type = ParameterType::integer,
                       .description = "fits that prune; more than two prune too much",
                       .default_value = 2,
                       .minimum = 1,
                       .maximum = 1e6},
                      {.name = "prune_per_round",
                       .type = ParameterType::integer,
                       .description = "alternatives pruned by a fit at most (the paper has 20 of 147)",
                       .default_value = 4,
                       .minimum = 1,
                       .maximum = 1e6},
                      {.name = "drop_below",
                       .type = ParameterType::real,
                       .description = "networks whose objective is worse do not enter a fit (the paper: 0.85)"},
                      {.name = "trees",
                       .type = ParameterType::any,
                       .description = "parameters of the trees (map; nacre describe predictor gbdt)"}},
       .example = "strategy: gbdt_nas\ninitial: 16\nbatch: 8\nprune: first\ntrees: {rounds: 60}"},
      [](const Options& options, const StrategyContext& context) {
        return std::make_unique<GbdtNas>(options, context);
      });
}

}  // namespace nacre
