// Which features of a network raise its prediction, and which lower it: exact Shapley values of boosted trees.
//
// The game (Lundberg et al., From local explanations to global understanding with explainable AI for trees, Nature Machine
// Intelligence 2, 2020, path-dependent form): features outside a coalition are unknown, and a tree answers with the mean of
// its leaves, weighted at each unknown split by how many training rows went either way. Within one leaf the game is a
// product. With the distinct features k on the leaf's path, o_k = 1 where the row satisfies all of the path's conditions on
// k and 0 otherwise, and z_k the product of the shares of training rows at those splits,
//
//   f(S) = leaf x prod_{k in S} o_k x prod_{k not in S} z_k.
//
// Its multilinear extension (Owen, Management Science 18, 1972) makes the values one-dimensional integrals of polynomials,
// which Gauss-Legendre quadrature gives exactly, with positive weights and without cancellation:
//
//   phi_i  = leaf x int_0^1 (o_i - z_i) prod_{k != i}    a_k(t) dt,      a_k(t) = (1 - t) z_k + t o_k,
//   I_ij   = leaf x int_0^1 (o_i - z_i)(o_j - z_j) prod_{k != i, j} a_k(t) dt.
//
// Interaction values as in the paper: Phi_ij = I_ij / 2 off the diagonal, Phi_ii = phi_i - sum of the others.
// Cost per row: leaves x depth^2 / 2 for values, leaves x depth^3 / 4 for interactions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "nacre/predict/boosted_trees.hpp"

namespace nacre {

class TreeExplainer {
 public:
  // Of fitted trees; they may go afterwards. Every node has a positive cover (InternalError otherwise).
  explicit TreeExplainer(const BoostedTrees& trees);
  TreeExplainer(std::span<const RegressionTree> trees, double start, size_t columns);

  size_t columns() const { return columns_; }
  // The prediction when nothing is known. expected_value() + sum of values(row) = prediction(row).
  double expected_value() const { return expected_value_; }
  // By feature.
  std::vector<double> values(std::span<const float> row) const;
  // [feature, feature], row-major, symmetric; each row sums to that feature's value.
  std::vector<double> interactions(std::span<const float> row) const;

 private:
  // All conditions of a path on one feature: low < x <= high.
  struct Condition {
    int32_t feature;
    float low, high;
    double share;  // z
  };
  struct Path {
    size_t begin, end;  // its conditions
    double value;       // of its leaf
  };

  void add(const RegressionTree& tree, int32_t node, std::vector<Condition>& conditions);

  size_t columns_ = 0;
  double expected_value_ = 0;
  std::vector<Condition> conditions_;
  std::vector<Path> paths_;
};

// What features do over a set of rows, for pruning a space (GBDT-NAS, arXiv 2007.04785, section 3.3).
struct FeatureEffects {
  // Mean value of the feature over the rows that have it (> 0.5); nothing where no row or every row has it: the one says
  // nothing, the other leaves nothing to compare with.
  std::vector<std::optional<double>> present;
};
FeatureEffects feature_effects(const TreeExplainer& explainer, const FeatureMatrix& features);

// Mean interaction value of a pair over the rows of four groups: both features present, only the first, only the second,
// none. Nothing where a group is empty.
struct PairEffect {
  size_t first = 0, second = 0;  // first < second
  std::optional<double> both, only_first, only_second, none;

  // The smallest of the four; 0 when none is known.
  double smallest() const;
};
// All pairs of features that ever meet on a path; the others have interaction 0 everywhere.
std::vector<PairEffect> pair_effects(const TreeExplainer& explainer, const FeatureMatrix& features);

}  // namespace nacre
