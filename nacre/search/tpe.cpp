// `tpe`: the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011): draws from the density of good trials and asks
// for the draw whose ratio to the density of the others is largest (parzen_density.hpp, parzen_sampler.hpp).
#include <deque>

#include "nacre/search/parzen_sampler.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

constexpr size_t kMostTrials = 1000;  // the densities look at the last ones

class Tpe final : public Strategy {
 public:
  Tpe(const Options& options, const StrategyContext& context)
      : trace_(context.trace),
        objectives_(context.objectives),
        initial_samples_(options.integer("initial_samples")),
        settings_(parzen_settings(options)),
        proposals_(context),
        encoding_(context.trace) {}

  std::optional<Proposal> ask(int64_t, Random& random) override {
    if (asked_++ < initial_samples_ || trials_.size() < 2) return proposals_.sample(random);
    if (!sampler_) {
      std::vector<ParzenTrial> trials;
      for (const auto& [number, fitness, row] : trials_) trials.push_back({&row, fitness, number});
      sampler_ = std::make_unique<ParzenSampler>(trace_, encoding_, std::move(trials), settings_);
    }
    return proposals_.draw([&](Random& stream) { return sampler_->draw(proposals_, stream); }, {"density ratio"},
                           random);
  }

  void tell(const Trial& trial) override {
    proposals_.remember_told(trial.candidate);
    const Fitness fitness = objectives_.fitness(trial);
    if (!fitness.usable() || !trial.candidate.graph_text.empty()) return;
    sampler_.reset();
    trials_.push_back({trial.number, fitness, encoding_.row(trial.candidate.decisions)});
    if (trials_.size() > kMostTrials) trials_.pop_front();
  }

  Json statistics() const override { return {{"repeats_avoided", proposals_.repeats_avoided()}}; }

 private:
  struct Told {
    int64_t number;
    Fitness fitness;
    DecisionRow row;
  };

  const Trace& trace_;
  const ObjectiveSet objectives_;
  const int64_t initial_samples_;
  const ParzenSettings settings_;
  Proposals proposals_;
  const DecisionEncoding encoding_;
  std::deque<Told> trials_;
  std::unique_ptr<ParzenSampler> sampler_;  // of the present trials; points into them
  int64_t asked_ = 0;
};

}  // namespace

void add_tpe(Registry<StrategyFactory>& registry) {
  std::vector<Parameter> parameters = {{.name = "initial_samples",
                                        .type = ParameterType::integer,
                                        .description = "uniform samples before the densities are used",
                                        .default_value = 10,
                                        .minimum = 2,
                                        .maximum = 1e6}};
  for (Parameter& parameter : parzen_parameters(false)) parameters.push_back(std::move(parameter));
  registry.add(
      {.name = "tpe",
       .summary = "draws decisions where good trials are dense and bad ones are not",
       .source = "Bergstra et al., Algorithms for hyper-parameter optimization, NeurIPS 2011",
       .parameters = std::move(parameters),
       .example = "strategy: tpe\nmultivariate: true\ninitial_samples: 16"},
      [](const Options& options, const StrategyContext& context) { return std::make_unique<Tpe>(options, context); });
}

}  // namespace nacre
