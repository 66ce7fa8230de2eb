// `local_search`: from a center to a neighbor that is better, until none is; then again from another place (White et al.,
// Exploring the loss landscape in neural architecture search, UAI 2021, arXiv 2005.02960).
//
// Neighbors differ in one decision and are asked in random order. With `first_improvement` the search moves as soon as a
// better one is told, with `best_neighbor` after all were told, to the best of them. The first `initial_samples` asks are
// uniform; the best of them is the first center. When a center has no better neighbor (a local optimum), and whenever an
// ask runs ahead of the tells that would decide the next move, uniform samples are asked: the best of those told that was
// not yet a center is where the search starts again. Known results count: a neighbor that was told before is not asked
// again but moves the search like a new one.
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "nacre/search/proposals.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

class LocalSearch final : public Strategy {
 public:
  LocalSearch(const Options& options, const StrategyContext& context)
      : trace_(context.trace),
        objectives_(context.objectives),
        first_improvement_(options.text("move") == "first_improvement"),
        initial_samples_(options.integer("initial_samples")),
        proposals_(context) {}

  std::optional<Proposal> ask(int64_t, Random& random) override {
    if (asked_++ < initial_samples_) return proposals_.sample(random);
    advance(random);
    while (center_ && !queue_.empty()) {
      Candidate candidate;
      candidate.decisions = std::move(queue_.back());
      queue_.pop_back();
      candidate.parents = {center_->number};
      candidate.made_by = "neighbor of " + std::to_string(center_->number);
      if (proposals_.remember(candidate.decisions)) return candidate;
    }
    return proposals_.sample(random);
  }

  void tell(const Trial& trial) override {
    if (!trial.candidate.graph_text.empty()) return;
    proposals_.remember_told(trial.candidate);
    const Hash128 hash = proposals_.identity(trial.candidate.decisions);
    const Point point{trial.number, objectives_.fitness(trial), trial.candidate.decisions};
    told_.insert_or_assign(hash, point);
    if (waiting_.erase(hash) > 0) {
      consider(point);
    } else if (may_start_at(point.fitness)) {
      starts_.emplace(std::pair(point.fitness, point.number), point.decisions);
    }
  }

  Json statistics() const override {
    return {{"repeats_avoided", proposals_.repeats_avoided()}, {"moves", moves_}, {"local_optima", local_optima_}};
  }

 private:
  struct Point {
    int64_t number;
    Fitness fitness;
    Decisions decisions;
  };
  struct Earlier {  // orders starts by fitness, then by ask number; fitness is never NaN
    bool operator()(const std::pair<Fitness, int64_t>& a, const std::pair<Fitness, int64_t>& b) const { return a < b; }
  };

  // Under `rejection` all infeasible places are alike: from one of them no neighbor is known to lead closer to the limits, a
  // sample is as good.
  bool may_start_at(const Fitness& fitness) const {
    return fitness.usable() &&
           !(fitness.tier == Fitness::Tier::infeasible && objectives_.handling == LimitHandling::rejection);
  }

  // Remembers the best of the center's told neighbors.
  void consider(const Point& neighbor) {
    if (neighbor.fitness < center_->fitness && (!better_ || neighbor.fitness < better_->fitness)) better_ = neighbor;
  }

  // Moves or starts again as far as what was told allows.
  void advance(Random& random) {
    for (;;) {
      const bool all_told = queue_.empty() && waiting_.empty();
      if (center_ && better_ && (first_improvement_ || all_told)) {
        ++moves_;
        enter(*std::exchange(better_, std::nullopt), random);
      } else if (center_ && all_told) {
        ++local_optima_;
        center_.reset();
      } else if (!center_ && !starts_.empty()) {
        const auto best = starts_.begin();
        const Point start{best->first.second, best->first.first, best->second};
        starts_.erase(best);
        enter(start, random);
      } else {
        return;
      }
    }
  }

  // Neighbors still out from the last center are told as places to start from.
  void enter(const Point& point, Random& random) {
    center_ = point;
    starts_.erase(std::pair(point.fitness, point.number));
    queue_.clear();
    waiting_.clear();
    for (Decisions& wanted : trace_.neighbors(point.decisions, random)) {
      Decisions neighbor = proposals_.placed(std::move(wanted), &waiting_);
      const Hash128 hash = proposals_.identity(neighbor);
      const auto known = told_.find(hash);
      if (known != told_.end()) {
        consider(known->second);
      } else if (waiting_.insert(hash).second && !proposals_.known(neighbor)) {
        queue_.push_back(std::move(neighbor));
      }
    }
    random.shuffle(std::span(queue_));
  }

  const Trace& trace_;
  const ObjectiveSet objectives_;
  const bool first_improvement_;
  const int64_t initial_samples_;
  Proposals proposals_;
  int64_t asked_ = 0;

  std::optional<Point> center_;
  std::optional<Point> better_;          // the best told neighbor of the center, where better than it
  std::vector<Decisions> queue_;         // its neighbors that were not asked yet
  std::unordered_set<Hash128> waiting_;  // its neighbors that were not told yet, asked or not
  std::unordered_map<Hash128, Point> told_;
  std::map<std::pair<Fitness, int64_t>, Decisions, Earlier> starts_;  // told, never a center
  int64_t moves_ = 0;
  int64_t local_optima_ = 0;
};

}  // namespace

void add_local_search(Registry<StrategyFactory>& registry) {
  registry.add({.name = "local_search",
                .summary = "moves to a better neighbor until there is none, then starts from another place",
                .source = "White et al., Exploring the loss landscape in neural architecture search, UAI 2021",
                .parameters = {{.name = "move",
                                .type = ParameterType::text,
                                .description = "to the first better neighbor told, or to the best after all were told",
                                .default_value = "first_improvement",
                                .choices = {"first_improvement", "best_neighbor"}},
                               {.name = "initial_samples",
                                .type = ParameterType::integer,
                                .description = "uniform samples before the first center",
                                .default_value = 8,
                                .minimum = 1,
                                .maximum = 1e6}},
                .example = "strategy: local_search\nmove: best_neighbor\ninitial_samples: 4"},
               [](const Options& options, const StrategyContext& context) {
                 return std::make_unique<LocalSearch>(options, context);
               });
}

}  // namespace nacre
