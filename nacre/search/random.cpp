// `random`: uniform over the decision sets of the space, without repetition. The baseline of every comparison.
#include "nacre/search/proposals.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

class RandomSearch final : public Strategy {
 public:
  explicit RandomSearch(const StrategyContext& context) : proposals_(context) {}

  std::optional<Proposal> ask(int64_t, Random& random) override { return proposals_.sample(random); }
  void tell(const Trial& trial) override { proposals_.remember_told(trial.candidate); }

  Json statistics() const override { return {{"repeats_avoided", proposals_.repeats_avoided()}}; }

 private:
  Proposals proposals_;
};

}  // namespace

void add_random(Registry<StrategyFactory>& registry) {
  registry.add({.name = "random",
                .summary = "uniform over the networks of the space, none twice",
                .source = "Li and Talwalkar, Random search and reproducibility for NAS, UAI 2019",
                .example = "strategy: random"},
               [](const Options&, const StrategyContext& context) { return std::make_unique<RandomSearch>(context); });
}

}  // namespace nacre
