// `nsga2`: the elitist genetic algorithm for several objectives (Deb, Pratap, Agarwal and Meyarivan, A fast and elitist
// multiobjective genetic algorithm: NSGA-II, IEEE TEC 6(2), 2002).
//
// The first `population_size` asks are uniform samples. Parents are chosen by binary tournaments under the
// crowded-comparison operator (front first, then the larger crowding distance); children come from crossover and mutation.
// When a population's worth of trials has been told since the last selection, the best of parents and children together
// become the next parents. Asks that run ahead of tells draw more children from the present parents. Limits act as
// constraint domination (section VI) under `epsilon_constraint`; under `rejection` all infeasible ones are one last front;
// under `penalty` and `lagrangian` every objective is worsened. Failed trials and those with an unknown objective do not enter.
#include <algorithm>
#include <map>

#include "nacre/search/pareto.hpp"
#include "nacre/search/proposals.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

struct Member {
  int64_t number = -1;
  Decisions decisions;
  Fitness::Tier tier = Fitness::Tier::unusable;
  double violation = 0;  // of infeasible ones, as LimitHandling orders them
  Point point;           // minimized objectives; may be empty for infeasible ones
  size_t front = 0;
  double crowding = 0;

  // The crowded-comparison operator.
  bool ranks_before(const Member& other) const {
    return front != other.front ? front < other.front : crowding > other.crowding;
  }
};

// Sets front and crowding of all members. Tiers come one after the other; infeasible members of equal violation share a
// front, the others are sorted by dominance.
void rank_members(std::vector<Member>& members) {
  std::map<std::pair<Fitness::Tier, double>, std::vector<size_t>> groups;
  for (size_t i = 0; i < members.size(); ++i) groups[{members[i].tier, members[i].violation}].push_back(i);
  size_t fronts = 0;
  for (const auto& [key, group] : groups) {
    if (key.first == Fitness::Tier::infeasible) {
      for (const size_t i : group) members[i].front = fronts, members[i].crowding = 0;
      ++fronts;
      continue;
    }
    std::vector<Point> points;
    for (const size_t i : group) points.push_back(members[i].point);
    for (const std::vector<size_t>& front : non_dominated_sort(points)) {
      const std::vector<double> crowding = crowding_distances(points, front);
      for (size_t i = 0; i < front.size(); ++i) {
        members[group[front[i]]].front = fronts;
        members[group[front[i]]].crowding = crowding[i];
      }
      ++fronts;
    }
  }
}

class Nsga2 final : public Strategy {
 public:
  Nsga2(const Options& options, const StrategyContext& context)
      : trace_(context.trace),
        objectives_(context.objectives),
        population_size_(static_cast<size_t>(options.integer("population_size"))),
        crossover_probability_(options.real("crossover_probability")),
        mutation_probability_(options.real("mutation_probability")),
        proposals_(context.trace) {}

  std::optional<Proposal> ask(int64_t, Random& random) override {
    if (asked_++ < population_size_ || parents_.empty()) return proposals_.sample(random);
    const Member& a = tournament(random);
    const Member& b = tournament(random);
    const bool crossed = a.number != b.number && random.bernoulli(crossover_probability_);
    const auto child = [&](Random& stream) {
      Decisions decisions = crossed ? trace_.cross_over(a.decisions, b.decisions, stream) : a.decisions;
      const bool copy = decisions == a.decisions || decisions == b.decisions;
      return copy || stream.bernoulli(mutation_probability_) ? trace_.mutate(decisions, stream) : decisions;
    };
    const std::string first = std::to_string(a.number);
    if (!crossed) return proposals_.draw(child, {"mutation of " + first, {a.number}}, random);
    return proposals_.draw(child, {"child of " + first + " and " + std::to_string(b.number), {a.number, b.number}},
                           random);
  }

  void tell(const Trial& trial) override {
    proposals_.remember_told(trial.candidate);
    if (std::optional<Member> member = entering(trial)) children_.push_back(std::move(*member));
    if (++told_ >= population_size_) select();
  }

  Json statistics() const override {
    return {{"repeats_avoided", proposals_.repeats_avoided()}, {"generations", generations_}};
  }

 private:
  std::optional<Member> entering(const Trial& trial) const {
    const Fitness fitness = objectives_.fitness(trial);
    if (!fitness.usable() || !trial.candidate.graph_text.empty()) return std::nullopt;
    std::optional<std::vector<double>> point = objectives_.minimized_with_limits(trial.metrics);
    const bool infeasible = fitness.tier == Fitness::Tier::infeasible;
    if (!point && !infeasible) return std::nullopt;
    Member member;
    member.number = trial.number;
    member.decisions = trial.candidate.decisions;
    member.tier = fitness.tier;
    if (infeasible) member.violation = fitness.value;
    if (point) member.point = std::move(*point);
    return member;
  }

  // The best of parents and children become the parents.
  void select() {
    told_ = 0;
    ++generations_;
    for (Member& child : children_) parents_.push_back(std::move(child));
    children_.clear();
    rank_members(parents_);
    std::ranges::sort(parents_, {}, &Member::number);  // of equals the older stays
    std::ranges::stable_sort(parents_, [](const Member& a, const Member& b) { return a.ranks_before(b); });
    if (parents_.size() > population_size_) parents_.resize(population_size_);
  }

  const Member& tournament(Random& random) const {
    const Member& a = parents_[random.below(parents_.size())];
    const Member& b = parents_[random.below(parents_.size())];
    return b.ranks_before(a) ? b : a;
  }

  const Trace& trace_;
  const ObjectiveSet objectives_;
  const size_t population_size_;
  const double crossover_probability_;
  const double mutation_probability_;
  Proposals proposals_;
  std::vector<Member> parents_;   // ranked
  std::vector<Member> children_;  // told since the last selection
  size_t asked_ = 0;
  size_t told_ = 0;  // since the last selection, usable or not
  int64_t generations_ = 0;
};

}  // namespace

void add_nsga2(Registry<StrategyFactory>& registry) {
  registry.add(
      {.name = "nsga2",
       .summary = "genetic algorithm for several objectives: non-dominated sorting and crowding",
       .source = "Deb et al., A fast and elitist multiobjective genetic algorithm: NSGA-II, IEEE TEC 6(2), 2002",
       .parameters = {{.name = "population_size",
                       .type = ParameterType::integer,
                       .description = "parents kept; so many uniform samples come first",
                       .default_value = 24,
                       .minimum = 2,
                       .maximum = 1e6},
                      {.name = "crossover_probability",
                       .type = ParameterType::real,
                       .description = "that a child has two parents rather than one",
                       .default_value = 0.9,
                       .minimum = 0,
                       .maximum = 1},
                      {.name = "mutation_probability",
                       .type = ParameterType::real,
                       .description = "that a child of two parents is also mutated in one decision; copies always are",
                       .default_value = 0.6,
                       .minimum = 0,
                       .maximum = 1}},
       .example = "strategy: nsga2\npopulation_size: 16"},
      [](const Options& options, const StrategyContext& context) { return std::make_unique<Nsga2>(options, context); });
}

}  // namespace nacre
