// The network that weights of alternatives come to: of operators and depths the heaviest one but "none"; of sums the strongest edges
// (DARTS, arXiv 1806.09055, section 2.4, times the edges' own weights where they have some, PC-DARTS, arXiv 1907.05737, section 3.3);
// of lattices a path (lattice_path.hpp). Or all of it drawn in proportion to the weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/space/space.hpp"
#include "nacre/supernet/supernet_chooser.hpp"

namespace nacre {

struct NetworkChoiceForm {
  bool edge_weights = false;
  std::string lattice_choice = "longest";  // or greedy_down, greedy_up
};

class NetworkChoice {
 public:
  // What is given outlives this.
  NetworkChoice(const Space& space, const Supernet& whole, const std::vector<OpenDecision>& open,
                NetworkChoiceForm form)
      : space_(space), whole_(whole), open_(open), form_(std::move(form)) {}

  // Complete decisions by weights per open decision; drawn where there is a `random`, else the heaviest.
  Decisions network(const std::vector<std::vector<double>>& weights, Random* random) const;

 private:
  void choose_lattices(Decisions& chosen, const std::vector<std::vector<double>>& weights, Random* random) const;
  int64_t chosen_edges(size_t decision, const std::vector<std::vector<double>>& weights, Random* random) const;
  std::vector<size_t> operators_within(const std::string& key, int64_t position) const;

  const Space& space_;
  const Supernet& whole_;
  const std::vector<OpenDecision>& open_;
  const NetworkChoiceForm form_;
};

// `count` indices without replacement, in proportion to the weights; ascending.
std::vector<int64_t> drawn_subset(std::vector<double> weights, int64_t count, Random& random);
// An index drawn with these probabilities.
int64_t draw_index(const std::vector<double>& probabilities, Random& random);

}  // namespace nacre
