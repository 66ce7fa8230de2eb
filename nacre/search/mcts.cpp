// `mcts`: Monte Carlo tree search over the decisions of a space (Kocsis and Szepesvari, Bandit based Monte-Carlo planning,
// ECML 2006; for architectures: Wistuba, 2017, arXiv 1712.07420).
//
// A node of the tree is the decisions taken so far, in the order in which the definition asks; its children are the
// alternatives of the next one. An ask walks down by upper confidence bounds until it leaves the tree, adds one node there
// and decides the rest at random. The reward of a trial is its rank: the share of the trials told before that are worse. An
// ask that is not told yet counts as a visit without reward, so that asks running ahead spread. Sets that were proposed
// are not proposed again: a walk that ends in one is repeated, then a uniform sample takes its place.
#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "nacre/search/decision_walk.hpp"
#include "nacre/search/proposals.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

class TreeSearch final : public Strategy {
 public:
  TreeSearch(const Options& options, const StrategyContext& context)
      : trace_(context.trace),
        objectives_(context.objectives),
        exploration_(options.real("exploration")),
        best_share_(options.real("best_share")),
        proposals_(context),
        nodes_(1) {}

  std::optional<Proposal> ask(int64_t number, Random& random) override {
    std::vector<size_t> path;
    std::optional<Candidate> candidate = proposals_.draw(
        [&](Random& stream) {
          if (!path.empty()) visit(path);  // the walk ended in what is known: less is left there
          return walk(path, stream);
        },
        {"tree search"}, random);
    if (!candidate) return std::nullopt;
    if (candidate->made_by == "random") path.assign(1, 0);
    visit(path);
    paths_[number] = std::move(path);
    return *std::move(candidate);
  }

  void tell(const Trial& trial) override {
    proposals_.remember_told(trial.candidate);
    const auto found = paths_.find(trial.number);
    if (found == paths_.end()) return;
    const std::vector<size_t> path = std::move(found->second);
    paths_.erase(found);
    const Fitness fitness = objectives_.fitness(trial);
    if (!fitness.usable()) return;
    const auto place = std::ranges::upper_bound(told_, fitness);
    const double worse = static_cast<double>(told_.end() - place);
    const double reward = told_.empty() ? 0.5 : worse / static_cast<double>(told_.size());
    told_.insert(place, fitness);
    for (const size_t node : path) {
      nodes_[node].reward += reward;
      nodes_[node].best = std::max(nodes_[node].best, reward);
    }
  }

  Json statistics() const override {
    return {{"repeats_avoided", proposals_.repeats_avoided()}, {"nodes", nodes_.size()}};
  }

 private:
  struct Node {
    std::vector<size_t> children;  // by alternative, 0: not in the tree
    double visits = 0;
    double reward = 0;
    double best = 0;
  };

  void visit(const std::vector<size_t>& path) {
    for (const size_t node : path) nodes_[node].visits += 1;
  }

  double bound(const Node& parent, const Node& child) const {
    const double mean = child.reward / child.visits;
    return (1 - best_share_) * mean + best_share_ * child.best +
           exploration_ * std::sqrt(std::log(parent.visits + 1) / child.visits);
  }

  // Leaves the nodes that it went through in `path`, the new one included.
  Decisions walk(std::vector<size_t>& path, Random& random) {
    path.assign(1, 0);
    DecisionWalk walk(trace_);
    while (!walk.done()) {
      const size_t at = path.back();
      nodes_[at].children.resize(walk.alternatives(), 0);
      std::vector<size_t> fresh;
      for (size_t i = 0; i < nodes_[at].children.size(); ++i) {
        if (nodes_[at].children[i] == 0) fresh.push_back(i);
      }
      if (!fresh.empty()) {
        const size_t alternative = fresh[random.below(fresh.size())];
        nodes_[at].children[alternative] = nodes_.size();
        path.push_back(nodes_.size());
        nodes_.emplace_back();
        walk.take(alternative);
        break;
      }
      size_t best = 0;
      double most = -1;
      for (size_t i = 0; i < nodes_[at].children.size(); ++i) {
        const Node& child = nodes_[nodes_[at].children[i]];
        const double value = child.visits == 0 ? 1e300 : bound(nodes_[at], child);
        if (value > most) {
          best = i;
          most = value;
        }
      }
      path.push_back(nodes_[at].children[best]);
      walk.take(best);
    }
    return trace_.complete(walk.decisions(), random);
  }

  const Trace& trace_;
  const ObjectiveSet objectives_;
  const double exploration_;
  const double best_share_;
  Proposals proposals_;
  std::vector<Node> nodes_;                                 // 0: the root
  std::unordered_map<int64_t, std::vector<size_t>> paths_;  // of what is not told
  std::vector<Fitness> told_;                               // best first
};

}  // namespace

void add_mcts(Registry<StrategyFactory>& registry) {
  registry.add({.name = "mcts",
                .summary = "tree search over the decisions in their order, by upper confidence bounds",
                .source = "Kocsis and Szepesvari, Bandit based Monte-Carlo planning, ECML 2006",
                .parameters = {{.name = "exploration",
                                .type = ParameterType::real,
                                .description = "weight of the confidence bound; rewards lie in 0 .. 1",
                                .default_value = 0.3,
                                .minimum = 0,
                                .maximum = 100},
                               {.name = "best_share",
                                .type = ParameterType::real,
                                .description = "of a node's value what its best reward counts, the rest is the mean",
                                .default_value = 0.25,
                                .minimum = 0,
                                .maximum = 1}},
                .example = "strategy: mcts\nexploration: 0.5"},
               [](const Options& options, const StrategyContext& context) {
                 return std::make_unique<TreeSearch>(options, context);
               });
}

}  // namespace nacre
