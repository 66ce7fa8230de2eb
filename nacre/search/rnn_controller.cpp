// `rnn_controller`: a recurrent network that draws decisions and is taught by the rewards of what it drew (Zoph and Le, Neural
// architecture search with reinforcement learning, ICLR 2017; Zoph et al., Learning transferable architectures for scalable
// image recognition, CVPR 2018).
//
// `batch` told trials give `updates` steps of Adam along the policy gradient: with `reinforce` that of A log p, with `ppo`
// that of min(r A, clip(r, 1 - clip, 1 + clip) A), r the probability now over the one when it was drawn (Schulman et al.,
// Proximal policy optimization algorithms, 2017, equation 7). The advantage A is the reward less the moving average of
// rewards, divided by their spread, so that the objective's unit does not matter. Trials that were infeasible or whose
// quality is unknown have the lowest reward seen; failed ones teach nothing.
//
// Nothing is proposed twice, but a controller that has settled draws what it drew before. After some such draws one decision of
// the last of them is changed at random, then two, then three, until the network is new; it teaches like a draw, so that the
// controller moves on when a neighbor is better. A uniform sample, where even that finds nothing new, teaches nothing.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "nacre/search/policy_gradient.hpp"
#include "nacre/search/proposals.hpp"
#include "nacre/search/reward_baseline.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

constexpr int kOwnDraws = 4;        // known ones, before neighbors of the last of them stand in
constexpr int kDrawsPerChange = 4;  // neighbors that are known, before one more decision is changed
constexpr const char* kNeighbor = "neighbor of a draw";

class RnnController final : public Strategy {
 public:
  RnnController(const Options& options, const StrategyContext& context)
      : trace_(context.trace),
        objectives_(context.objectives),
        hidden_(static_cast<size_t>(options.integer("hidden"))),
        batch_(static_cast<size_t>(options.integer("batch"))),
        updates_(options.text("algorithm") == "ppo" ? options.integer("updates") : 1),
        baseline_(options.real("baseline_decay")),
        rule_{.clips = options.text("algorithm") == "ppo",
              .clip = options.real("clip"),
              .entropy_weight = options.real("entropy_weight")},
        proposals_(context),
        ascent_(options.real("learning_rate")) {}

  std::optional<Proposal> ask(int64_t number, Random& random) override {
    if (!policy_) policy_.emplace(trace_, hidden_, random);
    PolicyNetwork::Episode episode;
    Decisions drawn;
    int draws = 0;
    Proposals::Maker maker{.text = "controller"};
    std::optional<Candidate> candidate = proposals_.draw(
        [&](Random& stream) {
          if (draws++ < kOwnDraws) {
            episode = policy_->draw(stream);
            return drawn = policy_->decisions_of(episode);
          }
          maker.text = kNeighbor;
          Decisions near = drawn;
          for (int change = kOwnDraws; change < draws; change += kDrawsPerChange) near = trace_.mutate(near, stream);
          episode = policy_->episode_of(near);
          return near;
        },
        maker, random);
    if (!candidate) return std::nullopt;
    if (candidate->made_by != "random") {
      const double log_probability = policy_->log_probability(episode);
      asked_[number] = {std::move(episode), log_probability, 0};
    }
    return *std::move(candidate);
  }

  void tell(const Trial& trial) override {
    proposals_.remember_told(trial.candidate);
    const auto found = asked_.find(trial.number);
    if (found == asked_.end()) return;
    PolicySample sample = std::move(found->second);
    asked_.erase(found);
    const Fitness fitness = objectives_.fitness(trial);
    if (!fitness.usable()) return;
    const bool known = fitness.tier != Fitness::Tier::infeasible && std::isfinite(fitness.value);
    if (!known && !lowest_) return;
    const double reward = known ? -fitness.value : *lowest_;
    lowest_ = std::min(lowest_.value_or(reward), reward);
    sample.advantage = baseline_.advantage(reward);
    samples_.push_back(std::move(sample));
    if (samples_.size() < batch_) return;
    for (int64_t i = 0; i < updates_; ++i) {
      ascent_.step(policy_gradient(*policy_, samples_, rule_), policy_->parameters());
      ++steps_;
    }
    entropy_ = 0;
    for (const PolicySample& told : samples_) {
      entropy_ += policy_->entropy(told.episode) / static_cast<double>(samples_.size());
    }
    samples_.clear();
  }

  Json statistics() const override {
    return {{"repeats_avoided", proposals_.repeats_avoided()}, {"updates", steps_}, {"entropy", entropy_}};
  }

 private:
  const Trace& trace_;
  const ObjectiveSet objectives_;
  const size_t hidden_, batch_;
  const int64_t updates_;
  RewardBaseline baseline_;
  const PolicyRule rule_;
  Proposals proposals_;
  std::optional<PolicyNetwork> policy_;  // made at the first ask, from its random stream
  AscentByAdam ascent_;
  std::unordered_map<int64_t, PolicySample> asked_;
  std::vector<PolicySample> samples_;  // told since the last update
  std::optional<double> lowest_;
  double entropy_ = 0;
  int64_t steps_ = 0;
};

}  // namespace

void add_rnn_controller(Registry<StrategyFactory>& registry) {
  registry.add({.name = "rnn_controller",
                .summary = "a recurrent network draws decisions and learns from their rewards (REINFORCE or PPO)",
                .source = "Zoph et al., Learning transferable architectures for scalable image recognition, CVPR 2018",
                .parameters = {{.name = "algorithm",
                                .type = ParameterType::text,
                                .description = "policy gradient with clipped ratios, or plain",
                                .default_value = "ppo",
                                .choices = {"ppo", "reinforce"}},
                               {.name = "hidden",
                                .type = ParameterType::integer,
                                .description = "units of the network (the paper has 100)",
                                .default_value = 64,
                                .minimum = 1,
                                .maximum = 4096},
                               {.name = "learning_rate",
                                .type = ParameterType::real,
                                .description = "of Adam (the paper has 0.00035 for 20,000 trials)",
                                .default_value = 0.005,
                                .minimum = 1e-9,
                                .maximum = 10},
                               {.name = "batch",
                                .type = ParameterType::integer,
                                .description = "told trials for each update (the paper has 20)",
                                .default_value = 10,
                                .minimum = 1,
                                .maximum = 1e6},
                               {.name = "updates",
                                .type = ParameterType::integer,
                                .description = "steps for each batch, with ppo",
                                .default_value = 3,
                                .minimum = 1,
                                .maximum = 1000},
                               {.name = "clip",
                                .type = ParameterType::real,
                                .description = "how far the ratio of probabilities may count, with ppo",
                                .default_value = 0.2,
                                .minimum = 1e-6,
                                .maximum = 1e6},
                               {.name = "entropy_weight",
                                .type = ParameterType::real,
                                .description = "weight of the entropy of the choices (the paper has 0.00001)",
                                .default_value = 0.01,
                                .minimum = 0,
                                .maximum = 1e3},
                               {.name = "baseline_decay",
                                .type = ParameterType::real,
                                .description = "of the moving average of rewards",
                                .default_value = 0.95,
                                .minimum = 0,
                                .maximum = 0.999999}},
                .example = "strategy: rnn_controller\nalgorithm: reinforce\nhidden: 32"},
               [](const Options& options, const StrategyContext& context) {
                 return std::make_unique<RnnController>(options, context);
               });
}

}  // namespace nacre
