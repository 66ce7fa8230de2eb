// `nars`: joint search of architecture and training recipe by a predictor that is pre-trained on what costs nothing to know
// (FBNetV3, Dai et al., CVPR 2021, arXiv 2006.02049, section 3 and algorithm 1).
//
//   pre-training   encoder and proxy head learn MACs, parameters, memory of random architectures of the space
//   iterative      a pool of decision sets, spread evenly (Sobol, scrambled), within the limits; in each of `rounds` rounds the
//                  predictor is fitted on what was evaluated and the best of the pool not yet tried are evaluated; the
//                  first round takes them in the order of the sequence
//   evolution      the remaining trials: from the best evaluated and random ones, children by mutation and crossover within the
//                  limits, the best by the predictor kept, until the best gains less than 1e-6; the best that were not
//                  tried are evaluated; when an eighth more are known the predictor learns from them and evolution starts again
//
// With `budgets` the evolution is run once for each, on the same predictor, from the smallest up, the members of a smaller budget
// going on in the next: so what is predicted never falls with the budget. Their best are evaluated in turn.
//
// Recipe decisions are those below "recipe/" (key `recipe` of a space). Limits that are known without a measurement are kept in
// pool and children; others are left to the study. Several objectives: the first counts, the others only as limits.
#include <fmt/format.h>

#include <algorithm>
#include <boost/random/sobol.hpp>
#include <cmath>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

#include "nacre/base/error.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/predict/pretrained_perceptron.hpp"
#include "nacre/search/proposals.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

constexpr double kLeastGain = 1e-6;
constexpr int64_t kMostGenerations = 60;

// A budget on something that no network tells: unlike a network that cannot be built this ends the search.
class InvalidBudget : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Splits the one-hot encoding of a trace into architecture and recipe; numbers additionally as a share of their range.
class SplitEncoding {
 public:
  explicit SplitEncoding(const Trace& trace) : trace_(trace) {
    for (const TraceDecision& decision : trace.decisions()) {
      is_recipe_.push_back(decision.key.starts_with("recipe/"));
      const size_t width = decision.alternatives.size() + (decision.ordered ? 1 : 0);
      (is_recipe_.back() ? recipe_width_ : architecture_width_) += width;
    }
  }

  // A constant stands for a side without decisions, so that there is always something to read.
  size_t architecture_width() const { return std::max<size_t>(1, architecture_width_); }
  size_t recipe_width() const { return recipe_width_; }

  void add(const Decisions& decisions, FeatureMatrix& architectures, FeatureMatrix& recipes) const {
    std::vector<float> architecture, recipe;
    const std::vector<int64_t> indices = trace_.encode_indices(decisions);
    for (size_t d = 0; d < indices.size(); ++d) {
      const TraceDecision& decision = trace_.decisions()[d];
      std::vector<float>& side = is_recipe_[d] ? recipe : architecture;
      for (int64_t i = 0; i < std::ssize(decision.alternatives); ++i) side.push_back(i == indices[d] ? 1.0F : 0.0F);
      if (decision.ordered) side.push_back(share_of(decision, indices[d]));
    }
    if (architecture.empty()) architecture.push_back(1);
    architectures.add(architecture);
    if (!recipe.empty()) recipes.add(recipe);
  }

 private:
  static float share_of(const TraceDecision& decision, int64_t index) {
    if (index < 0) return 0;
    const auto [low, high] = std::ranges::minmax(decision.numbers);
    if (high <= low) return 0;
    return static_cast<float>((decision.numbers[static_cast<size_t>(index)] - low) / (high - low));
  }

  const Trace& trace_;
  std::vector<char> is_recipe_;
  size_t architecture_width_ = 0, recipe_width_ = 0;
};

// Points of a scrambled Sobol sequence as decision sets: each coordinate chooses among one decision's alternatives.
class DecisionSequence {
 public:
  DecisionSequence(const Trace& trace, Random& random)
      : trace_(trace), sequence_(std::max<size_t>(1, trace.decisions().size())) {
    for (size_t d = 0; d < sequence_.dimension(); ++d) shift_.push_back(random.next());
  }

  Decisions next(Random& random) {
    std::vector<Decision> items;
    for (size_t d = 0; d < sequence_.dimension(); ++d) {
      const uint64_t coordinate = sequence_() ^ shift_[d];
      if (d >= trace_.decisions().size()) continue;
      const TraceDecision& decision = trace_.decisions()[d];
      const auto index =
          static_cast<int64_t>((static_cast<unsigned __int128>(coordinate) * decision.alternatives.size()) >> 64);
      items.push_back({decision.key, index});
    }
    return trace_.complete(Decisions(std::move(items)), random);
  }

 private:
  const Trace& trace_;
  boost::random::sobol sequence_;
  std::vector<uint64_t> shift_;
};

class Nars final : public Strategy {
 public:
  Nars(const Options& options, const StrategyContext& context)
      : trace_(context.trace),
        objectives_(context.objectives),
        build_(context.build),
        costs_(context.costs),
        interrupted_(context.interrupted),
        encoding_(context.trace),
        proposals_(context),
        rounds_(options.integer("rounds")),
        batch_(options.integer("batch")),
        pool_size_(options.integer("pool")),
        pretraining_(options.integer("pretraining")),
        population_(options.integer("population")),
        budgets_(options.reals("budgets")),
        budget_metric_(options.text("budget_metric")) {
    std::ranges::sort(budgets_);
    if (!budgets_.empty() && (!build_ || !costs_))
      throw UserError(options.position("budgets"),
                      "search.budgets: the networks of this space cannot be costed before training");
    budgets_position_ = options.position("budgets");
    if (batch_ == 0) batch_ = std::max<int64_t>(1, (context.trials > 0 ? context.trials * 3 / 4 : 60) / rounds_);
    settings_.hidden = options.integer("hidden");
  }

  std::optional<Proposal> ask(int64_t, Random& random) override {
    if (asked_ == 0) prepare(random);
    const int64_t turn = asked_++;
    if (turn > 0 && !told_.empty() && turn >= batch_) {
      if (turn < rounds_ * batch_) {
        if (turn % batch_ == 0) rank_pool(random);
      } else if (turn == rounds_ * batch_ || told_.size() >= fitted_on_ + refit_after()) {
        evolve(random);
      }
    }
    while (next_ < queue_.size()) {
      const Queued& queued = queue_[next_++];
      Candidate candidate;
      candidate.decisions = proposals_.placed(queued.decisions);
      if (!proposals_.remember(candidate.decisions)) continue;
      candidate.made_by = queued.made_by;
      return candidate;
    }
    return proposals_.sample(random);
  }

  void tell(const Trial& trial) override {
    proposals_.remember_told(trial.candidate);
    const Fitness fitness = objectives_.fitness(trial);
    if (fitness.tier != Fitness::Tier::good || !trial.candidate.graph_text.empty()) return;
    told_.push_back({trial.candidate.decisions, fitness.value});
  }

  Json statistics() const override {
    return {{"repeats_avoided", proposals_.repeats_avoided()},
            {"pool", pool_.size()},
            {"fits", fits_},
            {"generations", generations_},
            {"budgets", answers_}};
  }

 private:
  struct Told {
    Decisions decisions;
    double value;  // smaller is better
  };
  // Of one evolution, the best predicted first.
  struct Evolved {
    std::vector<Decisions> members;
    std::vector<double> values;
  };
  struct Queued {
    Decisions decisions;
    std::string made_by;
  };

  void check_interrupted() const {
    if (interrupted_ && interrupted_()) throw Interrupted();
  }

  // --- pool and pre-training

  void prepare(Random& random) {
    DecisionSequence sequence(trace_, random);
    std::unordered_set<Hash128> drawn;
    for (int64_t tries = 0; std::ssize(pool_) < pool_size_ && tries < 4 * pool_size_; ++tries) {
      check_interrupted();
      Decisions decisions = sequence.next(random);
      if (!drawn.insert(decisions.hash()).second || !within_limits(decisions)) continue;
      queue_.push_back({decisions, fmt::format("pool {}", pool_.size())});
      pool_.push_back(std::move(decisions));
    }
    pretrain(random);
  }

  bool within_limits(const Decisions& decisions) const {
    if (objectives_.limits.empty() || !build_ || !costs_) return true;
    try {
      const Design design = build_(decisions);
      if (design.graphs.size() != 1) return true;
      const Metrics known = costs_(design);
      return std::ranges::all_of(objectives_.limits, [&](const Limit& limit) {
        return !metric_value(known, limit.metric) || limit.relative_excess(known) == 0;
      });
    } catch (const UserError&) {
      return false;  // it cannot be built
    }
  }

  void pretrain(Random& random) {
    constexpr int64_t kProxies = 3;
    FeatureMatrix architectures, recipes;
    std::vector<double> proxies;
    for (int64_t i = 0; build_ && i < pretraining_; ++i) {
      check_interrupted();
      const Decisions decisions = trace_.sample(random);
      try {
        const Design design = build_(decisions);
        if (design.graphs.size() != 1) break;  // decisions alone, as some tables have them
        Graph graph = design.graph();
        graph.bind_symbols({{"batch", 1}});
        const GraphStatistics counted = count_graph(graph);
        encoding_.add(decisions, architectures, recipes);
        for (const int64_t statistic : {counted.macs, counted.parameters, counted.peak_activation_bytes})
          proxies.push_back(std::log1p(static_cast<double>(statistic)));
      } catch (const UserError&) {
        continue;
      }
    }
    predictor_.emplace(static_cast<int64_t>(encoding_.architecture_width()),
                       static_cast<int64_t>(encoding_.recipe_width()), proxies.empty() ? 0 : kProxies, settings_,
                       random);
    if (!proxies.empty()) predictor_->pretrain(architectures, proxies, random);
  }

  // --- the predictor

  // One more evaluation among hundreds tells little.
  size_t refit_after() const { return std::max<size_t>(1, fitted_on_ / 8); }

  void fit(Random& random) {
    FeatureMatrix architectures, recipes;
    std::vector<double> values;
    for (const Told& told : told_) {
      encoding_.add(told.decisions, architectures, recipes);
      values.push_back(told.value);
    }
    predictor_->fit(architectures, recipes, values, random);
    fitted_on_ = told_.size();
    ++fits_;
  }

  std::vector<double> predict(const std::vector<Decisions>& candidates) const {
    FeatureMatrix architectures, recipes;
    for (const Decisions& decisions : candidates) encoding_.add(decisions, architectures, recipes);
    return predictor_->predict(architectures, recipes);
  }

  static std::vector<size_t> order_of(const std::vector<double>& values) {
    std::vector<size_t> order(values.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(order, {}, [&](size_t i) { return values[i]; });
    return order;
  }

  // --- rounds

  void rank_pool(Random& random) {
    fit(random);
    const std::vector<double> predicted = predict(pool_);
    queue_.clear();
    next_ = 0;
    for (const size_t i : order_of(predicted))
      queue_.push_back({pool_[i], fmt::format("pool {}, predicted {:.5g}", i, signed_value(predicted[i]))});
  }

  // As people know the metric.
  double signed_value(double minimized) const {
    return objectives_.objectives[0].direction == Direction::maximize ? -minimized : minimized;
  }

  // --- evolution on the predictor

  void evolve(Random& random) {
    fit(random);
    if (budgets_.empty()) {
      const Evolved evolved = evolve_within(std::nullopt, {}, random);
      if (evolved.members.empty()) return;  // the pool goes on
      queue_.clear();
      next_ = 0;
      for (size_t i = 0; i < evolved.members.size(); ++i)
        queue_.push_back(
            {evolved.members[i], fmt::format("evolved, predicted {:.5g}", signed_value(evolved.values[i]))});
      return;
    }
    queue_.clear();
    next_ = 0;
    answers_ = Json::array();
    std::vector<Evolved> of_budget;
    for (const double budget : budgets_) {
      of_budget.push_back(evolve_within(budget, of_budget.empty() ? Evolved{} : of_budget.back(), random));
      const Evolved& evolved = of_budget.back();
      Json answer = {{"budget", budget}, {"cost", nullptr}, {"predicted", nullptr}};
      if (!evolved.members.empty()) {
        answer["cost"] = *cost_of(evolved.members[0]);
        answer["predicted"] = signed_value(evolved.values[0]);
      }
      answers_.push_back(std::move(answer));
    }
    for (size_t rank = 0; rank < static_cast<size_t>(population_); ++rank) {
      for (size_t b = 0; b < budgets_.size(); ++b) {
        if (rank >= of_budget[b].members.size()) continue;
        queue_.push_back(
            {of_budget[b].members[rank], fmt::format("evolved for {} <= {:.6g}, predicted {:.5g}", budget_metric_,
                                                     budgets_[b], signed_value(of_budget[b].values[rank]))});
      }
    }
  }

  // The cost that budgets are about; nothing for a network that cannot be built.
  std::optional<double> cost_of(const Decisions& decisions) {
    const auto [entry, fresh] = costs_known_.try_emplace(decisions.hash());
    if (!fresh) return entry->second;
    try {
      const Metrics known = costs_(build_(decisions));
      entry->second = metric_value(known, budget_metric_);
      if (!entry->second) {
        std::vector<std::string> names;
        for (const auto& [name, metric] : known) names.push_back(name);
        throw InvalidBudget(unknown_name_message("cost that is known before training", budget_metric_, names));
      }
    } catch (const InvalidBudget& error) {
      throw UserError(budgets_position_, fmt::format("search.budget_metric: {}", error.what()));
    } catch (const UserError&) {  // it cannot be built
    }
    return entry->second;
  }

  bool fits(const Decisions& decisions, std::optional<double> budget) {
    if (budget) {
      const std::optional<double> cost = cost_of(decisions);
      if (!cost || *cost > *budget) return false;
    }
    return within_limits(decisions);
  }

  Evolved evolve_within(std::optional<double> budget, Evolved smaller, Random& random) {
    std::vector<Told> best = told_;
    std::ranges::stable_sort(best, {}, &Told::value);
    const auto size = static_cast<size_t>(population_);
    std::vector<Decisions> members = std::move(smaller.members);
    if (members.size() > size / 2) members.resize(size / 2);
    std::unordered_set<Hash128> begun;
    for (const Decisions& member : members) begun.insert(member.hash());
    const size_t known_until = std::min(size, members.size() + size / 2);
    for (size_t i = 0; i < best.size() && members.size() < known_until; ++i) {
      if (budget && (!fits(best[i].decisions, budget) || !begun.insert(best[i].decisions.hash()).second)) continue;
      members.push_back(best[i].decisions);
    }
    for (int64_t tries = 0; members.size() < size && tries < 20 * population_; ++tries) {
      Decisions drawn = trace_.sample(random);
      if (fits(drawn, budget)) members.push_back(std::move(drawn));
    }
    if (members.empty()) return {};
    std::vector<double> values = predict(members);
    double last = *std::ranges::min_element(values);
    int64_t still = 0;
    for (int64_t generation = 0; generation < kMostGenerations && still < 3; ++generation) {
      check_interrupted();
      std::unordered_set<Hash128> known;
      for (const Decisions& member : members) known.insert(member.hash());
      std::vector<Decisions> children;
      for (int64_t tries = 0; children.size() < size && tries < 4 * population_; ++tries) {
        const Decisions& a = members[random.below(members.size())];
        Decisions child = random.bernoulli(0.5) ? trace_.mutate(a, random)
                                                : trace_.cross_over(a, members[random.below(members.size())], random);
        if (known.insert(child.hash()).second && fits(child, budget)) children.push_back(std::move(child));
      }
      if (children.empty()) break;
      const std::vector<double> predicted = predict(children);
      members.insert(members.end(), children.begin(), children.end());
      values.insert(values.end(), predicted.begin(), predicted.end());
      keep_best(members, values, size);
      still = last - values[0] < kLeastGain ? still + 1 : 0;
      last = values[0];
      ++generations_;
    }
    keep_best(members, values, size);
    return {std::move(members), std::move(values)};
  }

  static void keep_best(std::vector<Decisions>& members, std::vector<double>& values, size_t size) {
    std::vector<Decisions> kept;
    std::vector<double> kept_values;
    for (const size_t i : order_of(values)) {
      if (kept.size() == size) break;
      kept.push_back(std::move(members[i]));
      kept_values.push_back(values[i]);
    }
    members = std::move(kept);
    values = std::move(kept_values);
  }

  const Trace& trace_;
  const ObjectiveSet objectives_;
  const std::function<Design(const Decisions&)> build_;
  const std::function<Metrics(const Design&)> costs_;
  const std::function<bool()> interrupted_;
  const SplitEncoding encoding_;
  Proposals proposals_;
  int64_t rounds_, batch_, pool_size_, pretraining_, population_;
  std::vector<double> budgets_;  // ascending
  const std::string budget_metric_;
  SourcePosition budgets_position_;
  std::unordered_map<Hash128, std::optional<double>> costs_known_;
  Json answers_ = Json::array();  // of each budget: the best of the last evolution
  PretrainedPerceptronSettings settings_;
  std::optional<PretrainedPerceptron> predictor_;
  std::vector<Decisions> pool_;
  std::vector<Queued> queue_;
  size_t next_ = 0;
  std::vector<Told> told_;
  size_t fitted_on_ = 0;
  int64_t asked_ = 0, fits_ = 0, generations_ = 0;
};

}  // namespace

void add_nars(Registry<StrategyFactory>& registry) {
  registry.add(
      {.name = "nars",
       .summary =
           "architecture and recipe together, by a predictor pre-trained on free statistics; then evolution on it",
       .source = "Dai et al., FBNetV3: Joint Architecture-Recipe Search using Predictor Pretraining, CVPR 2021, "
                 "arXiv 2006.02049",
       .parameters = {{.name = "rounds",
                       .type = ParameterType::integer,
                       .description = "batches of evaluations from the pool, the predictor fitted between them",
                       .default_value = 4,
                       .minimum = 1,
                       .maximum = 1000},
                      {.name = "batch",
                       .type = ParameterType::integer,
                       .description = "evaluations of a round; 0: three quarters of search.trials over all rounds",
                       .default_value = 0,
                       .minimum = 0,
                       .maximum = 1e6},
                      {.name = "pool",
                       .type = ParameterType::integer,
                       .description = "decision sets, spread evenly over the space, that rounds choose from",
                       .default_value = 2000,
                       .minimum = 1,
                       .maximum = 1e6},
                      {.name = "pretraining",
                       .type = ParameterType::integer,
                       .description =
                           "random architectures whose MACs, parameters and memory the encoder learns first; 0: none",
                       .default_value = 2000,
                       .minimum = 0,
                       .maximum = 1e6},
                      {.name = "population",
                       .type = ParameterType::integer,
                       .description = "members of the evolution on the predictor",
                       .default_value = 60,
                       .minimum = 2,
                       .maximum = 1e5},
                      {.name = "budgets",
                       .type = ParameterType::real_list,
                       .description =
                           "bounds on budget_metric; evolution answers each from the one predictor, and their "
                           "best are evaluated in turn; empty: the limits alone",
                       .default_value = Json::array(),
                       .minimum = 0},
                      {.name = "budget_metric",
                       .type = ParameterType::text,
                       .description = "cost that is known before training, which budgets bound",
                       .default_value = "macs"},
                      {.name = "hidden",
                       .type = ParameterType::integer,
                       .description = "width of the predictor's layers",
                       .default_value = 64,
                       .minimum = 1,
                       .maximum = 4096}},
       .example = "strategy: nars\nrounds: 3\npool: 1000"},
      [](const Options& options, const StrategyContext& context) { return std::make_unique<Nars>(options, context); });
}

}  // namespace nacre
