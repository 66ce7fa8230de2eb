// `successive_halving`, `asha` and `bohb`: many candidates at few epochs, ever fewer at ever more.
//
// Rungs hold `minimum_epochs x reduction^k` epochs, the last the study's own. Successive halving (Jamieson and Talwalkar,
// AISTATS 2016) fills a rung with `reduction` times as many candidates as the next may hold and promotes the best share
// when the whole rung is told. ASHA (Li et al., A system for massively parallel hyperparameter tuning, MLSys 2020,
// algorithm 2) promotes as soon as a candidate is among the best 1/reduction of its rung, and otherwise starts a new one.
// BOHB (Falkner, Klein and Hutter, ICML 2018) starts new candidates at rungs in turn, as Hyperband's brackets do, and draws
// them from the densities of good and bad trials at the highest rung that has enough.
//
// With `continue_training` a promoted candidate goes on from the weights of the trial it is promoted from, where the
// evaluator keeps them (without the optimizer's state the training begins its schedule anew); "epochs_asked" counts whole trainings all the same, "epochs_if_continued" only what is added.
// A study without epochs has one rung: every candidate is evaluated as it is.
#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <unordered_map>

#include <fmt/format.h>

#include "nacre/base/error.hpp"
#include "nacre/search/parzen_sampler.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

enum class Promotion { rung_by_rung, at_once };

struct Method {
  Promotion promotion = Promotion::at_once;
  bool brackets = false;   // new candidates start at rungs in turn
  bool densities = false;  // and are drawn from a model
};

class MultiFidelity final : public Strategy {
 public:
  MultiFidelity(const Method& method, const Options& options, const StrategyContext& context)
      : method_(method),
        trace_(context.trace),
        objectives_(context.objectives),
        reduction_(options.integer("reduction")),
        continues_(options.boolean("continue_training")),
        proposals_(context),
        encoding_(context.trace) {
    if (method.densities) {
      settings_ = parzen_settings(options);
      random_share_ = options.real("random_share");
    }
    const double least = options.real("minimum_epochs");
    if (context.epochs > 0 && least > context.epochs) {
      throw UserError(options.position("minimum_epochs"),
                      fmt::format("minimum_epochs: expected at most the study's epochs, which are {}, found {}",
                                  context.epochs, least));
    }
    std::vector<double> epochs = {context.epochs};
    while (context.epochs > 0 && epochs.back() / static_cast<double>(reduction_) >= least * (1 - 1e-9)) {
      epochs.push_back(std::max(1.0, std::round(epochs.back() / static_cast<double>(reduction_))));
      if (epochs.back() == epochs[epochs.size() - 2]) {
        epochs.pop_back();
        break;
      }
    }
    std::ranges::reverse(epochs);
    for (const double count : epochs) rungs_.push_back({count, {}, 0, {}});
    batch_ = 1;
    for (size_t k = 1; k < rungs_.size(); ++k) batch_ *= static_cast<size_t>(reduction_);
  }

  std::optional<Proposal> ask(int64_t number, Random& random) override {
    const std::optional<std::pair<size_t, size_t>> promoted = promotable();
    if (promoted) {
      const auto [rung, member] = *promoted;
      Member& from = rungs_[rung].members[member];
      from.promoted = true;
      ++promotions_;
      Candidate candidate;
      candidate.decisions = from.decisions;
      candidate.parents = {from.number};
      candidate.made_by = fmt::format("promotion of {}", from.number);
      return at_rung(number, rung + 1, std::move(candidate), from.number);
    }
    const size_t rung = method_.brackets ? next_bracket() : 0;
    std::optional<Candidate> candidate = fresh(random);
    if (!candidate) return std::nullopt;
    return at_rung(number, rung, *std::move(candidate), -1);
  }

  void tell(const Trial& trial) override {
    if (!trial.candidate.graph_text.empty()) return;
    proposals_.remember_told(trial.candidate);
    const auto asked = asked_.find(trial.number);
    if (asked == asked_.end()) return;
    Rung& rung = rungs_[asked->second];
    asked_.erase(asked);
    --rung.waiting;
    const Fitness fitness = objectives_.fitness(trial);
    if (!fitness.usable()) {
      ++rung.lost;
      return;
    }
    rung.members.push_back(
        {trial.number, fitness, trial.candidate.decisions, encoding_.row(trial.candidate.decisions), false});
    rung.order.push_back(rung.members.size() - 1);
    std::ranges::sort(rung.order, [&](size_t a, size_t b) {
      return std::pair(rung.members[a].fitness, rung.members[a].number) <
             std::pair(rung.members[b].fitness, rung.members[b].number);
    });
    sampler_.reset();
  }

  Json statistics() const override {
    Json rungs = Json::array();
    for (const Rung& rung : rungs_) rungs.push_back({{"epochs", rung.epochs}, {"asked", rung.asked}});
    return {{"repeats_avoided", proposals_.repeats_avoided()},
            {"promotions", promotions_},
            {"rungs", rungs},
            {"epochs_asked", epochs_asked_},
            {"epochs_if_continued", epochs_if_continued_}};
  }

 private:
  struct Member {
    int64_t number;
    Fitness fitness;
    Decisions decisions;
    DecisionRow row;
    bool promoted;
  };
  struct Rung {
    double epochs = 0;
    std::deque<Member> members;  // told and usable
    size_t waiting = 0;          // asked, not told
    std::vector<size_t> order;   // members, best first
    int64_t asked = 0;
    size_t lost = 0;    // told, not usable
    size_t judged = 0;  // members that rung-by-rung promotion has dealt with
  };

  std::optional<Proposal> at_rung(int64_t number, size_t k, Candidate candidate, int64_t parent) {
    Rung& rung = rungs_[k];
    asked_[number] = k;
    ++rung.waiting;
    ++rung.asked;
    epochs_asked_ += rung.epochs;
    epochs_if_continued_ += rung.epochs - (parent >= 0 ? rungs_[k - 1].epochs : 0);
    if (rungs_.size() == 1) return Proposal(std::move(candidate));
    const Fidelity fidelity{.epochs = rung.epochs};
    return Proposal(std::move(candidate), fidelity, continues_ ? parent : -1);
  }

  // Rung and member, from the top down.
  std::optional<std::pair<size_t, size_t>> promotable() {
    for (size_t k = rungs_.size() - 1; k-- > 0;) {
      Rung& rung = rungs_[k];
      if (method_.promotion == Promotion::rung_by_rung) {
        if (const auto member = promotable_of_batch(rung, k)) return std::pair(k, *member);
        continue;
      }
      const size_t share = rung.members.size() / static_cast<size_t>(reduction_);
      for (size_t i = 0; i < share; ++i) {
        if (!rung.members[rung.order[i]].promoted) return std::pair(k, rung.order[i]);
      }
    }
    return std::nullopt;
  }

  // Of the members told since the last batch was dealt with: nothing until the batch is whole. A batch of rung k has
  // reduction^(rungs - 1 - k) members, less those that were not usable.
  std::optional<size_t> promotable_of_batch(Rung& rung, size_t k) {
    size_t size = batch_;
    for (size_t i = 0; i < k; ++i) size /= static_cast<size_t>(reduction_);
    for (;;) {
      if (rung.members.size() + rung.lost < rung.judged + size) return std::nullopt;
      // Members in the order of tells; lost ones shrink what a batch holds.
      const size_t begin = std::min(rung.judged, rung.members.size());
      const size_t end = std::min(rung.judged + size, rung.members.size());
      std::vector<size_t> batch;
      for (const size_t i : rung.order) {
        if (i >= begin && i < end) batch.push_back(i);
      }
      const size_t share = std::max<size_t>(1, size / static_cast<size_t>(reduction_));
      for (size_t i = 0; i < std::min(share, batch.size()); ++i) {
        if (!rung.members[batch[i]].promoted) return batch[i];
      }
      rung.judged += size;
    }
  }

  // Hyperband gives all brackets about the same budget: rung k starts as many candidates as its epochs are fewer.
  size_t next_bracket() {
    size_t best = 0;
    double least = 0;
    for (size_t k = 0; k < rungs_.size(); ++k) {
      const double spent = static_cast<double>(started_[k] + 1) * std::max(1.0, rungs_[k].epochs) *
                           static_cast<double>(rungs_.size() - k);
      if (k == 0 || spent < least) {
        best = k;
        least = spent;
      }
    }
    ++started_[best];
    return best;
  }

  std::optional<Candidate> fresh(Random& random) {
    if (!method_.densities || random.bernoulli(random_share_)) return proposals_.sample(random);
    if (!sampler_ && !make_sampler()) return proposals_.sample(random);
    return proposals_.draw([&](Random& stream) { return sampler_->draw(proposals_, stream); }, {"density ratio"},
                           random);
  }

  // Of the highest rung with enough trials; false when there is none.
  bool make_sampler() {
    const size_t enough = std::max<size_t>(8, std::min<size_t>(trace_.decisions().size() + 1, 32));
    for (size_t k = rungs_.size(); k-- > 0;) {
      if (rungs_[k].members.size() < enough) continue;
      std::vector<ParzenTrial> trials;
      for (const Member& member : rungs_[k].members) trials.push_back({&member.row, member.fitness, member.number});
      sampler_ = std::make_unique<ParzenSampler>(trace_, encoding_, std::move(trials), settings_);
      return true;
    }
    return false;
  }

  const Method method_;
  const Trace& trace_;
  const ObjectiveSet objectives_;
  const int64_t reduction_;
  const bool continues_;
  ParzenSettings settings_;
  double random_share_ = 0;
  Proposals proposals_;
  const DecisionEncoding encoding_;
  std::vector<Rung> rungs_;           // of ascending epochs
  size_t batch_ = 1;                  // of the first rung, rung by rung
  std::map<size_t, size_t> started_;  // by rung, with brackets
  std::unordered_map<int64_t, size_t> asked_;
  std::unique_ptr<ParzenSampler> sampler_;
  int64_t promotions_ = 0;
  double epochs_asked_ = 0, epochs_if_continued_ = 0;
};

std::vector<Parameter> rung_parameters() {
  return {
      {.name = "reduction",
       .type = ParameterType::integer,
       .description = "of a rung's candidates one in so many is promoted, to so many times the epochs",
       .default_value = 3,
       .minimum = 2,
       .maximum = 100},
      {.name = "minimum_epochs",
       .type = ParameterType::real,
       .description = "of the first rung at least",
       .default_value = 1,
       .minimum = 1,
       .maximum = 1e6},
      {.name = "continue_training",
       .type = ParameterType::boolean,
       .description = "promoted candidates go on from the weights of their last rung, where the evaluator keeps them",
       .default_value = false}};
}

void add(Registry<StrategyFactory>& registry, const Method& method, RegistryRecord record) {
  registry.add(std::move(record), [method](const Options& options, const StrategyContext& context) {
    return std::make_unique<MultiFidelity>(method, options, context);
  });
}

}  // namespace

void add_successive_halving(Registry<StrategyFactory>& registry) {
  add(registry, {.promotion = Promotion::rung_by_rung},
      {.name = "successive_halving",
       .summary = "many candidates at few epochs; the best share of each full rung goes on to more",
       .source = "Jamieson and Talwalkar, Non-stochastic best arm identification and hyperparameter optimization, "
                 "AISTATS 2016",
       .parameters = rung_parameters(),
       .example = "strategy: successive_halving\nreduction: 2"});
}

void add_asha(Registry<StrategyFactory>& registry) {
  add(registry, {.promotion = Promotion::at_once},
      {.name = "asha",
       .summary = "successive halving that promotes as soon as a candidate is among the best of its rung",
       .source = "Li et al., A system for massively parallel hyperparameter tuning, MLSys 2020, algorithm 2",
       .parameters = rung_parameters(),
       .example = "strategy: asha\nreduction: 4"});
}

void add_bohb(Registry<StrategyFactory>& registry) {
  std::vector<Parameter> parameters = rung_parameters();
  parameters.push_back({.name = "random_share",
                        .type = ParameterType::real,
                        .description = "share of new candidates that are uniform samples",
                        .default_value = 0.2,
                        .minimum = 0,
                        .maximum = 1});
  for (Parameter& parameter : parzen_parameters(true)) parameters.push_back(std::move(parameter));
  add(registry, {.promotion = Promotion::at_once, .brackets = true, .densities = true},
      {.name = "bohb",
       .summary = "rungs of ever more epochs whose new candidates come from densities of good and bad trials",
       .source =
           "Falkner, Klein and Hutter, BOHB: robust and efficient hyperparameter optimization at scale, ICML 2018",
       .parameters = std::move(parameters),
       .example = "strategy: bohb\nreduction: 3\nrandom_share: 0.3"});
}

}  // namespace nacre
