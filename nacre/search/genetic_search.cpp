#include "nacre/search/genetic_search.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "nacre/search/gene_swap.hpp"

namespace nacre {

void rank_members(std::vector<GeneticMember>& members) {
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

void keep_by_crowding(std::vector<GeneticMember>& members, size_t count) {
  rank_members(members);
  std::ranges::sort(members, {}, &GeneticMember::number);
  std::ranges::stable_sort(members, [](const GeneticMember& a, const GeneticMember& b) { return a.ranks_before(b); });
  if (members.size() > count) members.resize(count);
}

GeneticSearch::GeneticSearch(const Options& options, const StrategyContext& context)
    : trace_(context.trace),
      objectives_(context.objectives),
      proposals_(context),
      population_size_(static_cast<size_t>(options.integer("population_size"))),
      crossover_probability_(options.real("crossover_probability")),
      mutation_probability_(options.real("mutation_probability")),
      inversion_probability_(options.real("inversion_probability")),
      exit_(options, context) {}

std::vector<Parameter> GeneticSearch::parameters(int64_t population_size, double mutation_probability,
                                                 double inversion_probability) {
  const auto probability = [](std::string name, std::string description, double value) {
    return Parameter{.name = std::move(name),
                     .type = ParameterType::real,
                     .description = std::move(description),
                     .default_value = value,
                     .minimum = 0,
                     .maximum = 1};
  };
  std::vector<Parameter> all = {
      {.name = "population_size",
       .type = ParameterType::integer,
       .description = "parents kept; so many candidates come first",
       .default_value = population_size,
       .minimum = 2,
       .maximum = 1e6},
      probability("crossover_probability", "that a child has two parents rather than one", 0.9),
      probability("mutation_probability",
                  "that a child of two parents is also mutated in one decision; copies always are",
                  mutation_probability),
      probability("inversion_probability", "that two neighboring genes of a child change places",
                  inversion_probability)};
  for (Parameter& parameter : EarlyExit::parameters()) all.push_back(std::move(parameter));
  return all;
}

std::optional<Candidate> GeneticSearch::first(Random& random) {
  if (!exit_.filters_first()) return proposals_.sample(random);
  const auto sample = [this](Random& stream) { return trace_.sample(stream); };
  return proposals_.draw([&](Random& stream) { return exit_.accepted(sample, stream); },
                         {"random within the early exit"}, random);
}

Decisions GeneticSearch::child_of(const GeneticMember& a, const GeneticMember& b, bool crossed, Random& random) const {
  Decisions child = crossed ? trace_.cross_over(a.decisions, b.decisions, random) : a.decisions;
  if (inversion_probability_ > 0 && random.bernoulli(inversion_probability_))
    child = swap_neighboring_genes(trace_, child, random).value_or(std::move(child));
  const bool copy = child == a.decisions || child == b.decisions;
  return copy || random.bernoulli(mutation_probability_) ? trace_.mutate(child, random) : child;
}

// A child within the early exit that was not proposed yet; where these parents have none, a random candidate.
Decisions GeneticSearch::small_child(const std::function<Decisions(Random&)>& child, Random& random) {
  constexpr int kChildren = 16, kDraws = 32, kSamples = 64;
  for (int i = 0; i < kChildren; ++i) {
    std::optional<Decisions> found = exit_.attempt(child, kDraws, random);
    if (!found) break;
    if (!proposals_.known(*found)) return *std::move(found);
  }
  const auto sample = [this](Random& stream) { return trace_.sample(stream); };
  Decisions found = exit_.accepted(sample, random);
  for (int i = 1; i < kSamples && proposals_.known(found); ++i) found = exit_.accepted(sample, random);
  return found;
}

std::optional<Proposal> GeneticSearch::ask(int64_t, Random& random) {
  if (asked_++ < population_size_ || parents_.empty()) return first(random);
  const GeneticMember& a = tournament(random);
  const GeneticMember& b = tournament(random);
  const bool crossed = a.number != b.number && random.bernoulli(crossover_probability_);
  const auto child = [&](Random& stream) { return child_of(a, b, crossed, stream); };
  const auto drawn = [&](Random& stream) {
    return exit_.filters_children() ? small_child(child, stream) : child(stream);
  };
  const std::string mother = std::to_string(a.number);
  if (!crossed) return proposals_.draw(drawn, {"mutation of " + mother, {a.number}}, random);
  return proposals_.draw(drawn, {"child of " + mother + " and " + std::to_string(b.number), {a.number, b.number}},
                         random);
}

void GeneticSearch::tell(const Trial& trial) {
  proposals_.remember_told(trial.candidate);
  if (std::optional<GeneticMember> member = entering(trial)) children_.push_back(std::move(*member));
  if (++told_ >= population_size_) select();
}

Json GeneticSearch::statistics() const {
  Json result = {{"repeats_avoided", proposals_.repeats_avoided()}, {"generations", generations_}};
  exit_.add_statistics(result);
  return result;
}

std::optional<GeneticMember> GeneticSearch::entering(const Trial& trial) const {
  const Fitness fitness = objectives_.fitness(trial);
  if (!fitness.usable() || !trial.candidate.graph_text.empty()) return std::nullopt;
  std::optional<std::vector<double>> point = objectives_.minimized_with_limits(trial.metrics);
  const bool infeasible = fitness.tier == Fitness::Tier::infeasible;
  if (!point && !infeasible) return std::nullopt;
  GeneticMember member;
  member.number = trial.number;
  member.decisions = trial.candidate.decisions;
  member.tier = fitness.tier;
  if (infeasible) member.violation = fitness.value;
  if (point) member.point = std::move(*point);
  return member;
}

// The best of parents and children become the parents.
void GeneticSearch::select() {
  told_ = 0;
  ++generations_;
  for (GeneticMember& child : children_) parents_.push_back(std::move(child));
  children_.clear();
  survive(parents_, population_size_);
}

const GeneticMember& GeneticSearch::tournament(Random& random) const {
  const GeneticMember& a = parents_[random.below(parents_.size())];
  const GeneticMember& b = parents_[random.below(parents_.size())];
  return b.ranks_before(a) ? b : a;
}

}  // namespace nacre
