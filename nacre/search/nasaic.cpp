// `nasaic`: a recurrent controller that draws networks and the accelerator they run on, and tries several accelerators for every
// choice of networks (Yang et al., "Co-Exploration of Neural Architectures and Heterogeneous ASIC Accelerator Designs Targeting
// Multiple Tasks", DAC 2020, section 4; arXiv 2002.04116).
//
//   episode   ask 0      networks and hardware drawn                       the paper's SA = 1, SH = 1
//             ask 1..n   the networks kept, other hardware drawn           SA = 0, SH = 1: costs only, nothing is trained for them
//   rewards   hardware   -rho P                                            P: search/spec_penalty.hpp
//             networks   quality - rho min P over the episode, or -rho min P where no hardware held the specifications
//
// Networks that no hardware of their episode can carry are never trained where whoever drives the strategy rejects by costs (early
// pruning). Ours: networks are judged by the best hardware of their episode rather than by the first, and the two kinds of reward
// have baselines of their own, for their sizes have nothing to do with each other. Decisions under `hardware` are the hardware's; in
// a space without any an episode is one ask, and this is a plain REINFORCE controller with a penalty.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "nacre/base/error.hpp"
#include "nacre/search/policy_gradient.hpp"
#include "nacre/search/proposals.hpp"
#include "nacre/search/reward_baseline.hpp"
#include "nacre/search/spec_penalty.hpp"
#include "nacre/search/strategies.hpp"
#include "nacre/search/sum_budget.hpp"

namespace nacre {
namespace {

constexpr int kOwnDraws = 4;        // known ones, before neighbors of the last of them stand in
constexpr int kDrawsPerChange = 4;  // neighbors that are known, before one more decision is changed

class Nasaic final : public Strategy {
 public:
  Nasaic(const Options& options, const StrategyContext& context)
      : trace_(context.trace),
        objectives_(context.objectives),
        penalty_(spec_penalty(context.objectives.limits, options.node("bounds"))),
        scope_(options.text("hardware_scope") + "/"),
        hidden_(static_cast<size_t>(options.integer("hidden"))),
        batch_(options.integer("batch")),
        episodes_(options.has("episodes") ? options.integer("episodes") : 0),
        rho_(options.real("rho")),
        discount_(options.real("discount")),
        rule_{.clips = false, .entropy_weight = options.real("entropy_weight")},
        allowed_(sum_budgets(options.node("budgets"), context.trace)),
        proposals_(context),
        ascent_(options.real("learning_rate")),
        of_networks_(options.real("baseline_decay")),
        of_hardware_(options.real("baseline_decay")) {
    bool any = false;
    for (const TraceDecision& decision : trace_.decisions()) any = any || is_hardware(decision);
    length_ = any ? 1 + options.integer("hardware_steps") : 1;
  }

  std::optional<Proposal> ask(int64_t number, Random& random) override {
    if (!policy_) policy_.emplace(trace_, hidden_, random, allowed_);
    const int64_t index = number / length_;
    if (episodes_ > 0 && index >= episodes_) return std::nullopt;
    const bool begins = number % length_ == 0 || !kept_;
    const PolicyNetwork::Episode begun = begins ? PolicyNetwork::Episode{} : *kept_;
    PolicyNetwork::Episode drawn, first;
    int draws = 0;
    std::optional<Candidate> candidate = proposals_.draw(
        [&](Random& stream) {
          if (draws++ < kOwnDraws) {
            first = drawn = policy_->draw(stream, begun);
          } else {
            drawn = neighbor(first, begins, (draws - kOwnDraws) / kDrawsPerChange + 1, stream);
          }
          return policy_->decisions_of(drawn);
        },
        {.text = begins ? "controller" : "controller, networks kept"}, random);
    if (!candidate) return std::nullopt;
    Asked asked{.episode = policy_->episode_of(candidate->decisions), .own = candidate->made_by != "random"};
    if (begins) kept_ = networks_of(asked.episode);
    runs_[index].asked.emplace(number, std::move(asked));
    return *std::move(candidate);
  }

  void tell(const Trial& trial) override {
    proposals_.remember_told(trial.candidate);
    const int64_t index = trial.number / length_;
    const auto run = runs_.find(index);
    if (run == runs_.end()) return;
    const auto asked = run->second.asked.find(trial.number);
    if (asked == run->second.asked.end()) return;
    judge(trial, asked->second);
    if (++run->second.told < length_) return;
    finish(run->second);
    runs_.erase(run);
  }

  Json statistics() const override {
    Json json = {{"repeats_avoided", proposals_.repeats_avoided()},
                 {"updates", steps_},
                 {"episodes", finished_},
                 {"pruned_episodes", pruned_},
                 {"pruned_in_the_first_100", pruned_early_}};
    if (of_networks_.average()) json["mean_reward"] = *of_networks_.average();
    return json;
  }

 private:
  struct Asked {
    PolicyNetwork::Episode episode;
    bool own = true;  // drawn by the controller, or near to what it drew; else it teaches nothing
    std::optional<double> penalty = {}, quality = {};
  };
  struct Run {  // an episode of the paper
    std::map<int64_t, Asked> asked;
    int64_t told = 0;
  };

  bool is_hardware(const TraceDecision& decision) const { return decision.key.starts_with(scope_); }
  bool is_hardware(const PolicyNetwork::Step& step) const { return is_hardware(trace_.decisions()[step.decision]); }

  // What stands before the first decision of the hardware.
  PolicyNetwork::Episode networks_of(const PolicyNetwork::Episode& episode) const {
    const auto end = std::ranges::find_if(episode, [&](const PolicyNetwork::Step& step) { return is_hardware(step); });
    return {episode.begin(), end};
  }

  // So many decisions changed, of the hardware alone where the networks are kept.
  PolicyNetwork::Episode neighbor(const PolicyNetwork::Episode& of, bool also_networks, int changes,
                                  Random& random) const {
    Decisions decisions = policy_->decisions_of(of);
    if (also_networks) {
      for (int i = 0; i < changes; ++i) decisions = trace_.mutate(decisions, random);
      return policy_->episode_of(decisions);
    }
    std::vector<size_t> own;
    for (const PolicyNetwork::Step& step : of)
      if (is_hardware(step)) own.push_back(step.decision);
    for (int i = 0; i < changes && !own.empty(); ++i) {
      const TraceDecision& decision = trace_.decisions()[own[random.below(own.size())]];
      const size_t others = decision.alternatives.size() - 1;
      const auto step = static_cast<int64_t>(1 + random.below(others));
      decisions.set(decision.key, (*decisions.find(decision.key) + step) % static_cast<int64_t>(others + 1));
    }
    return policy_->episode_of(trace_.complete(decisions, random));
  }

  void judge(const Trial& trial, Asked& asked) const {
    if (trial.status == TrialStatus::failed) {
      asked.own = false;
      return;
    }
    const double penalty = penalty_(trial.metrics);
    if (std::isfinite(penalty)) asked.penalty = penalty;
    const std::optional<double> goal = objectives_.goal(trial.metrics);
    if (goal && std::isfinite(*goal) && trial.status != TrialStatus::pruned) asked.quality = -*goal;
  }

  void finish(const Run& run) {
    std::optional<double> least, quality;
    const Asked* first = nullptr;
    for (const auto& [number, asked] : run.asked) {
      if (number % length_ == 0 && asked.own) first = &asked;
      if (!asked.own) continue;
      if (asked.penalty) least = std::min(least.value_or(*asked.penalty), *asked.penalty);
      if (asked.quality) quality = std::max(quality.value_or(*asked.quality), *asked.quality);
    }
    ++finished_;
    pruned_ += !quality;
    pruned_early_ += !quality && finished_ <= 100;
    if (first != nullptr && least) {
      const double reward = quality.value_or(0) - rho_ * *least;
      networks_.push_back({first->episode, 0, of_networks_.advantage(reward), weights(first->episode, false)});
    }
    for (const auto& [number, asked] : run.asked) {
      if (length_ == 1 || !asked.own || !asked.penalty) continue;
      const double advantage = of_hardware_.advantage(-rho_ * *asked.penalty);
      hardware_.push_back({asked.episode, 0, advantage, weights(asked.episode, true)});
    }
    if (finished_ % batch_ == 0) learn();
  }

  // gamma^(T - t) of the steps that the reward is for.
  std::vector<double> weights(const PolicyNetwork::Episode& episode, bool hardware) const {
    std::vector<double> all(episode.size(), 0);
    double weight = 1;
    for (size_t t = episode.size(); t-- > 0;) {
      if (is_hardware(episode[t]) != hardware) continue;
      all[t] = weight;
      weight *= discount_;
    }
    return all;
  }

  void learn() {
    std::vector<double> gradient(policy_->parameters().size(), 0);
    for (const std::vector<PolicySample>* samples : {&networks_, &hardware_}) {
      if (samples->empty()) continue;
      const std::vector<double> part = policy_gradient(*policy_, *samples, rule_);
      for (size_t i = 0; i < part.size(); ++i) gradient[i] += part[i];
    }
    networks_.clear();
    hardware_.clear();
    ascent_.step(gradient, policy_->parameters());
    ++steps_;
  }

  const Trace& trace_;
  const ObjectiveSet objectives_;
  const SpecPenalty penalty_;
  const std::string scope_;
  const size_t hidden_;
  const int64_t batch_, episodes_;
  const double rho_, discount_;
  const PolicyRule rule_;
  const PolicyNetwork::Allowed allowed_;
  int64_t length_ = 1;  // asks of an episode
  Proposals proposals_;
  std::optional<PolicyNetwork> policy_;  // made at the first ask, from its random stream
  AscentByAdam ascent_;
  RewardBaseline of_networks_, of_hardware_;
  std::optional<PolicyNetwork::Episode> kept_;  // the networks of the episode that is being asked
  std::map<int64_t, Run> runs_;
  std::vector<PolicySample> networks_, hardware_;  // since the last update
  int64_t steps_ = 0, finished_ = 0, pruned_ = 0, pruned_early_ = 0;
};

}  // namespace

void add_nasaic(Registry<StrategyFactory>& registry) {
  registry.add(
      {.name = "nasaic",
       .summary =
           "a controller draws networks and accelerator, and tries several accelerators for each choice of networks",
       .source =
           "Yang et al., Co-Exploration of Neural Architectures and Heterogeneous ASIC Accelerator Designs Targeting "
           "Multiple Tasks, DAC 2020, arXiv 2002.04116",
       .parameters = {{.name = "episodes",
                       .type = ParameterType::integer,
                       .description =
                           "choices of networks, after which nothing is proposed (the paper has 500); left out: no end",
                       .minimum = 1,
                       .maximum = 1e9},
                      {.name = "hardware_steps",
                       .type = ParameterType::integer,
                       .description = "further accelerators for each choice of networks",
                       .default_value = 10,
                       .minimum = 0,
                       .maximum = 1e6},
                      {.name = "rho",
                       .type = ParameterType::real,
                       .description = "weight of the penalty against a quality that is a share",
                       .default_value = 10,
                       .minimum = 0,
                       .maximum = 1e9},
                      {.name = "bounds",
                       .type = ParameterType::any,
                       .description =
                           "map of limited metrics to values that the penalty counts as one whole violation; left "
                           "out: twice the limit",
                       .default_value = Json::object()},
                      {.name = "budgets",
                       .type = ParameterType::any,
                       .description =
                           "list of {decisions: [keys], limit}: their numbers together stay within the limit",
                       .default_value = Json::array()},
                      {.name = "hardware_scope",
                       .type = ParameterType::text,
                       .description = "what the keys of the hardware's decisions begin with",
                       .default_value = "hardware"},
                      {.name = "hidden",
                       .type = ParameterType::integer,
                       .description = "units of the network",
                       .default_value = 32,
                       .minimum = 1,
                       .maximum = 4096},
                      {.name = "learning_rate",
                       .type = ParameterType::real,
                       .description = "of Adam",
                       .default_value = 0.01,
                       .minimum = 1e-9,
                       .maximum = 10},
                      {.name = "batch",
                       .type = ParameterType::integer,
                       .description = "episodes for each update",
                       .default_value = 4,
                       .minimum = 1,
                       .maximum = 1e6},
                      {.name = "discount",
                       .type = ParameterType::real,
                       .description = "gamma of the update: a decision counts less the farther it is from the last",
                       .default_value = 1,
                       .minimum = 0,
                       .maximum = 1},
                      {.name = "entropy_weight",
                       .type = ParameterType::real,
                       .description = "weight of the entropy of the choices",
                       .default_value = 0.01,
                       .minimum = 0,
                       .maximum = 1e3},
                      {.name = "baseline_decay",
                       .type = ParameterType::real,
                       .description = "of the moving averages of rewards",
                       .default_value = 0.95,
                       .minimum = 0,
                       .maximum = 0.999999}},
       .example = "strategy: nasaic\nepisodes: 100\nhardware_steps: 10"},
      [](const Options& options, const StrategyContext& context) {
        return std::make_unique<Nasaic>(options, context);
      });
}

}  // namespace nacre
