// `regularized_evolution`: tournament selection with ageing (Real et al., Regularized evolution for image classifier
// architecture search, AAAI 2019, arXiv 1802.01548, algorithm 1).
//
// The first `population_size` asks are uniform samples. Every later ask draws `sample_size` members of the population with
// replacement, mutates the best of them in one decision, and every told trial enters the population from which the oldest
// leaves. Age is the order of tells, that is of ask numbers. Failed trials and those of unknown quality do not enter.
#include <deque>

#include "nacre/base/error.hpp"
#include "nacre/search/proposals.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

class RegularizedEvolution final : public Strategy {
 public:
  RegularizedEvolution(const Options& options, const StrategyContext& context)
      : trace_(context.trace),
        objectives_(context.objectives),
        population_size_(options.integer("population_size")),
        sample_size_(options.integer("sample_size")),
        proposals_(context) {
    if (sample_size_ > population_size_) {
      throw UserError(options.position("sample_size"), "sample_size: expected at most population_size, which is " +
                                                           std::to_string(population_size_) + ", found " +
                                                           std::to_string(sample_size_));
    }
  }

  std::optional<Proposal> ask(int64_t, Random& random) override {
    if (asked_++ < population_size_ || population_.empty()) return proposals_.sample(random);
    const Member& parent = tournament(random);
    return proposals_.draw([&](Random& stream) { return trace_.mutate(parent.decisions, stream); },
                           {"mutation of " + std::to_string(parent.number), {parent.number}}, random);
  }

  void tell(const Trial& trial) override {
    proposals_.remember_told(trial.candidate);
    const Fitness fitness = objectives_.fitness(trial);
    if (!fitness.usable() || !trial.candidate.graph_text.empty()) return;
    population_.push_back({trial.number, fitness, trial.candidate.decisions});
    if (population_.size() > static_cast<size_t>(population_size_)) population_.pop_front();
  }

  Json statistics() const override { return {{"repeats_avoided", proposals_.repeats_avoided()}}; }

 private:
  struct Member {
    int64_t number;
    Fitness fitness;
    Decisions decisions;
  };

  // Of equals the first drawn wins, so that a population of equals drifts evenly.
  const Member& tournament(Random& random) const {
    const Member* best = nullptr;
    for (int64_t i = 0; i < sample_size_; ++i) {
      const Member& drawn = population_[random.below(population_.size())];
      if (best == nullptr || drawn.fitness < best->fitness) best = &drawn;
    }
    return *best;
  }

  const Trace& trace_;
  const ObjectiveSet objectives_;
  const int64_t population_size_;
  const int64_t sample_size_;
  Proposals proposals_;
  std::deque<Member> population_;  // oldest first
  int64_t asked_ = 0;
};

}  // namespace

void add_regularized_evolution(Registry<StrategyFactory>& registry) {
  registry.add(
      {.name = "regularized_evolution",
       .summary = "mutates the best of a random sample of a population from which the oldest leave",
       .source = "Real et al., Regularized evolution for image classifier architecture search, AAAI 2019, algorithm 1",
       .parameters = {{.name = "population_size",
                       .type = ParameterType::integer,
                       .description =
                           "members; so many uniform samples come first (the paper has 100 for 20,000 trials)",
                       .default_value = 20,
                       .minimum = 2,
                       .maximum = 1e6},
                      {.name = "sample_size",
                       .type = ParameterType::integer,
                       .description = "members drawn for each tournament (the paper has 25)",
                       .default_value = 5,
                       .minimum = 1,
                       .maximum = 1e6}},
       .example = "strategy: regularized_evolution\npopulation_size: 32\nsample_size: 8"},
      [](const Options& options, const StrategyContext& context) {
        return std::make_unique<RegularizedEvolution>(options, context);
      });
}

}  // namespace nacre
