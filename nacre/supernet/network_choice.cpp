#include "nacre/supernet/network_choice.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "nacre/supernet/lattice_path.hpp"

namespace nacre {

int64_t draw_index(const std::vector<double>& probabilities, Random& random) {
  double left = random.uniform();
  for (size_t i = 0; i + 1 < probabilities.size(); ++i) {
    left -= probabilities[i];
    if (left < 0) return static_cast<int64_t>(i);
  }
  return static_cast<int64_t>(probabilities.size()) - 1;
}

std::vector<int64_t> drawn_subset(std::vector<double> weights, int64_t count, Random& random) {
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < count; ++i) {
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<double> p = weights;
    for (double& x : p) x /= sum;
    chosen.push_back(draw_index(p, random));
    weights[static_cast<size_t>(chosen.back())] = 0;
  }
  std::ranges::sort(chosen);
  return chosen;
}

Decisions NetworkChoice::network(const std::vector<std::vector<double>>& weights, Random* random) const {
  Decisions chosen;
  for (size_t i = 0; i < open_.size(); ++i) {
    const OpenDecision& decision = open_[i];
    if (decision.kind == OpenDecision::Kind::edges || decision.kind == OpenDecision::Kind::lattice) continue;
    std::vector<double> p = weights[i];
    if (decision.has_zero) p[0] = 0;
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& x : p) x /= sum;
    const int64_t pick = random != nullptr ? draw_index(p, *random) : std::ranges::max_element(p) - p.begin();
    chosen.set(decision.key, pick - (decision.has_zero ? 1 : 0));
  }
  for (size_t i = 0; i < open_.size(); ++i)
    if (open_[i].kind == OpenDecision::Kind::edges) chosen.set(open_[i].key, chosen_edges(i, weights, random));
  choose_lattices(chosen, weights, random);
  Decisions complete;
  space_.build(chosen, random, &complete);
  return complete;
}

// The path of each lattice by the weights of its steps.
void NetworkChoice::choose_lattices(Decisions& chosen, const std::vector<std::vector<double>>& weights,
                                    Random* random) const {
  std::map<std::string, std::vector<size_t>> lattices;
  for (size_t i = 0; i < open_.size(); ++i)
    if (open_[i].kind == OpenDecision::Kind::lattice) lattices[open_[i].lattice].push_back(i);
  for (const auto& [scope, steps] : lattices) {
    const auto states = static_cast<int64_t>(open_[steps[0]].values.size());
    const auto operators = static_cast<int64_t>(open_[steps[0]].labels.size()) / (states * states);
    LatticeWeights of_steps;
    for (const size_t step : steps) of_steps.push_back(weights[step]);
    const LatticePath path = random != nullptr ? drawn_path(of_steps, states, operators, *random)
                             : form_.lattice_choice == "longest"
                                 ? longest_path(of_steps, states, operators)
                                 : greedy_path(of_steps, states, operators, form_.lattice_choice == "greedy_down");
    chosen.set(scope + "/start", path.states[0]);
    for (size_t i = 0; i < steps.size(); ++i) {
      const std::string& edge = open_[steps[i]].key;  // ".../edge"
      const std::string step = edge.substr(0, edge.rfind('/'));
      chosen.set(step + "/state", path.states[i + 1]);
      if (operators > 1) chosen.set(step + "/op", path.operators[i]);
    }
  }
}

// Rank of the strongest (or drawn) parts. The strength of a part is that of its best operator but "none", times the part's own weight
// where sums have weights.
int64_t NetworkChoice::chosen_edges(size_t decision, const std::vector<std::vector<double>>& weights,
                                    Random* random) const {
  const OpenDecision& edges = open_[decision];
  std::vector<double> strength(edges.labels.size(), 1.0);
  for (size_t position = 0; position < strength.size(); ++position) {
    if (form_.edge_weights) strength[position] = weights[decision][position];
    for (const size_t inner : operators_within(edges.key, static_cast<int64_t>(position))) {
      std::vector<double> of = weights[inner];
      if (open_[inner].has_zero) of[0] = 0;
      strength[position] *= std::ranges::max(of);
    }
  }
  const auto n = static_cast<int64_t>(strength.size());
  if (random != nullptr) return subset_rank(n, drawn_subset(strength, edges.kept, *random));
  std::vector<int64_t> order(strength.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater<>(), [&](int64_t i) { return strength[static_cast<size_t>(i)]; });
  std::vector<int64_t> kept(order.begin(), order.begin() + edges.kept);
  std::ranges::sort(kept);
  return subset_rank(n, kept);
}

// Open decisions about operators whose branches lie in that part of a sum.
std::vector<size_t> NetworkChoice::operators_within(const std::string& key, int64_t position) const {
  const auto part = std::ranges::find_if(whole_.parts, [&](const SupernetPart& one) {
    return one.key == key && one.positions == std::vector<int64_t>{position};
  });
  std::vector<size_t> inner;
  if (part == whole_.parts.end()) return inner;
  for (size_t i = 0; i < open_.size(); ++i) {
    const bool inside = std::ranges::any_of(whole_.parts, [&](const SupernetPart& one) {
      return one.key == open_[i].key && one.first >= part->first && one.last <= part->last;
    });
    if (inside && open_[i].kind == OpenDecision::Kind::operators) inner.push_back(i);
  }
  return inner;
}

}  // namespace nacre
