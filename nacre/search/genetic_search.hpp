// What genetic algorithms for several objectives share: populations, tournaments, crossover and mutation, limits, early exit
// (early_exit.hpp). They differ in who survives and in their usual settings.
//
// The first `population_size` asks are drawn at random. Parents are chosen by binary tournaments; children come from
// crossover, mutation and the exchange of neighboring genes (gene_swap.hpp). When a population's worth of trials has been told since the last selection, the best of parents
// and children together become the next parents. Asks that run ahead of tells draw more children from the present
// parents. Limits act as constraint domination (Deb et al. 2002, section VI) under `epsilon_constraint`; under `rejection` all infeasible ones
// are one last front; under `penalty` and `lagrangian` every objective is worsened. Failed trials and those with an unknown objective do not
// enter.
#pragma once

#include <vector>

#include "nacre/search/early_exit.hpp"
#include "nacre/search/pareto.hpp"
#include "nacre/search/proposals.hpp"
#include "nacre/search/strategy.hpp"

namespace nacre {

struct GeneticMember {
  int64_t number = -1;
  Decisions decisions;
  Fitness::Tier tier = Fitness::Tier::unusable;
  double violation = 0;  // of infeasible ones, as LimitHandling orders them
  Point point;           // minimized objectives; may be empty for infeasible ones
  size_t front = 0;
  double crowding = 0;  // larger is rarer

  // The crowded-comparison operator.
  bool ranks_before(const GeneticMember& other) const {
    return front != other.front ? front < other.front : crowding > other.crowding;
  }
};

// Sets front and crowding distance of all members. Tiers come one after the other; infeasible members of equal violation
// share a front, the others are sorted by dominance.
void rank_members(std::vector<GeneticMember>& members);
// Ranks and keeps the best `count` by front and crowding distance, of equals the older ones.
void keep_by_crowding(std::vector<GeneticMember>& members, size_t count);

class GeneticSearch : public Strategy {
 public:
  GeneticSearch(const Options& options, const StrategyContext& context);

  std::optional<Proposal> ask(int64_t number, Random& random) final;
  void tell(const Trial& trial) final;
  Json statistics() const override;

  // Records of population_size, crossover_probability, mutation_probability, inversion_probability and those of the early exit.
  static std::vector<Parameter> parameters(int64_t population_size, double mutation_probability,
                                           double inversion_probability = 0);

 protected:
  // Keeps `count` of the members, sets what tournaments look at.
  virtual void survive(std::vector<GeneticMember>& members, size_t count) { keep_by_crowding(members, count); }

  const Trace& trace_;
  const ObjectiveSet objectives_;
  Proposals proposals_;

 private:
  std::optional<Candidate> first(Random& random);
  Decisions child_of(const GeneticMember& a, const GeneticMember& b, bool crossed, Random& random) const;
  Decisions small_child(const std::function<Decisions(Random&)>& child, Random& random);
  std::optional<GeneticMember> entering(const Trial& trial) const;
  void select();
  const GeneticMember& tournament(Random& random) const;

  const size_t population_size_;
  const double crossover_probability_;
  const double mutation_probability_;
  const double inversion_probability_;
  EarlyExit exit_;
  std::vector<GeneticMember> parents_;   // ranked
  std::vector<GeneticMember> children_;  // told since the last selection
  size_t asked_ = 0;
  size_t told_ = 0;  // since the last selection, usable or not
  int64_t generations_ = 0;
};

}  // namespace nacre
