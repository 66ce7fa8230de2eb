#include "nacre/predict/tree_shap.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "encoded_networks.hpp"
#include "nacre/predict/gauss_legendre.hpp"

namespace nacre {
namespace {

// The game by its definition: features of the coalition are followed, the others averaged by cover.
double game(const RegressionTree& tree, std::span<const float> row, uint32_t coalition, int32_t index = 0) {
  const RegressionTree::Node& node = tree.nodes[static_cast<size_t>(index)];
  if (node.feature < 0) return node.value;
  if ((coalition >> node.feature & 1U) != 0) {
    const bool left = row[static_cast<size_t>(node.feature)] <= node.threshold;
    return game(tree, row, coalition, left ? node.left : node.right);
  }
  const double left = tree.nodes[static_cast<size_t>(node.left)].cover / node.cover;
  return left * game(tree, row, coalition, node.left) + (1 - left) * game(tree, row, coalition, node.right);
}

std::vector<double> all_coalitions(const BoostedTrees& trees, std::span<const float> row) {
  std::vector<double> worth(size_t{1} << trees.columns(), trees.start());
  for (const RegressionTree& tree : trees.trees()) {
    for (uint32_t coalition = 0; coalition < worth.size(); ++coalition) worth[coalition] += game(tree, row, coalition);
  }
  return worth;
}

double factorial(size_t n) { return std::tgamma(static_cast<double>(n) + 1); }

// phi_i = sum over coalitions without i of |S|! (M - |S| - 1)! / M! (v(S + i) - v(S)).
double shapley(const std::vector<double>& worth, size_t players, size_t i) {
  double sum = 0;
  for (uint32_t s = 0; s < worth.size(); ++s) {
    if ((s >> i & 1U) != 0) continue;
    const auto size = static_cast<size_t>(std::popcount(s));
    sum += factorial(size) * factorial(players - size - 1) / factorial(players) * (worth[s | 1U << i] - worth[s]);
  }
  return sum;
}

// Phi_ij of the paper: half the Shapley interaction index.
double interaction(const std::vector<double>& worth, size_t players, size_t i, size_t j) {
  double sum = 0;
  for (uint32_t s = 0; s < worth.size(); ++s) {
    if ((s >> i & 1U) != 0 || (s >> j & 1U) != 0) continue;
    const auto size = static_cast<size_t>(std::popcount(s));
    const double weight = factorial(size) * factorial(players - size - 2) / (2 * factorial(players - 1));
    sum += weight * (worth[s | 1U << i | 1U << j] - worth[s | 1U << i] - worth[s | 1U << j] + worth[s]);
  }
  return sum;
}

BoostedTrees grown(const FeatureMatrix& rows, uint64_t seed, int64_t rounds, int64_t leaves, int64_t min_leaf) {
  BoostedTreesOptions options;
  options.rounds = rounds;
  options.leaves = leaves;
  options.min_leaf = min_leaf;
  options.learning_rate = 0.3;
  BoostedTrees trees(options);
  Random random(seed);
  trees.fit(rows, encoded::values_of(rows, seed, 1, 0.2), random);
  return trees;
}

TEST(TreeShap, EqualsEnumerationOfAllCoalitionsOnFiftyTrees) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const FeatureMatrix rows = seed % 2 == 0 ? encoded::one_hot_rows(60, 3, 3, seed) : encoded::real_rows(60, 8, seed);
    const BoostedTrees trees = grown(rows, seed, 1, 16, 1 + static_cast<int64_t>(seed % 3));
    const TreeExplainer explainer(trees);
    const size_t columns = trees.columns();
    for (const size_t row : {size_t{0}, size_t{17}, size_t{42}}) {
      const std::vector<double> worth = all_coalitions(trees, rows.row(row));
      EXPECT_NEAR(explainer.expected_value(), worth.front(), 1e-12);
      const std::vector<double> values = explainer.values(rows.row(row));
      const std::vector<double> pairs = explainer.interactions(rows.row(row));
      for (size_t i = 0; i < columns; ++i) {
        EXPECT_NEAR(values[i], shapley(worth, columns, i), 1e-12) << "seed " << seed << ", feature " << i;
        for (size_t j = 0; j < columns; ++j) {
          if (j == i) continue;
          EXPECT_NEAR(pairs[i * columns + j], interaction(worth, columns, i, j), 1e-12) << "seed " << seed;
        }
      }
    }
  }
}

TEST(TreeShap, SumsOfManyTreesAreEnumeratedAlike) {
  const FeatureMatrix rows = encoded::real_rows(120, 7, 5);
  const BoostedTrees trees = grown(rows, 5, 12, 31, 2);
  const TreeExplainer explainer(trees);
  const std::vector<double> worth = all_coalitions(trees, rows.row(3));
  const std::vector<double> values = explainer.values(rows.row(3));
  for (size_t i = 0; i < 7; ++i) EXPECT_NEAR(values[i], shapley(worth, 7, i), 1e-11);
}

TEST(TreeShap, ValuesAddUpToThePrediction) {
  for (const uint64_t seed : {1, 2, 3}) {
    const FeatureMatrix rows = encoded::one_hot_rows(400, 21, 7, seed);  // 147 features
    const BoostedTrees trees = grown(rows, seed, 100, 31, 3);
    const TreeExplainer explainer(trees);
    for (size_t row = 0; row < rows.rows(); ++row) {
      double sum = explainer.expected_value();
      for (const double value : explainer.values(rows.row(row))) sum += value;
      EXPECT_NEAR(sum, trees.predict(rows.row(row)), 1e-12);
    }
  }
}

TEST(TreeShap, InteractionsAreSymmetricAndSumToTheValues) {
  const FeatureMatrix rows = encoded::one_hot_rows(300, 6, 5, 8);
  const BoostedTrees trees = grown(rows, 8, 60, 31, 3);
  const TreeExplainer explainer(trees);
  for (size_t row = 0; row < 20; ++row) {
    const std::vector<double> values = explainer.values(rows.row(row));
    const std::vector<double> pairs = explainer.interactions(rows.row(row));
    double total = explainer.expected_value();
    for (size_t i = 0; i < 30; ++i) {
      double sum = 0;
      for (size_t j = 0; j < 30; ++j) {
        sum += pairs[i * 30 + j];
        EXPECT_NEAR(pairs[i * 30 + j], pairs[j * 30 + i], 1e-14);
      }
      EXPECT_NEAR(sum, values[i], 1e-13);
      total += sum;
    }
    EXPECT_NEAR(total, trees.predict(rows.row(row)), 1e-12);
  }
}

TEST(TreeShap, UnusedFeaturesHaveNoValue) {
  FeatureMatrix rows;
  std::vector<double> values;
  Random random(3);
  for (int i = 0; i < 100; ++i) {
    const auto a = static_cast<float>(random.below(2)), b = static_cast<float>(random.below(2));
    rows.add(std::vector<float>{a, 0, b, static_cast<float>(random.below(2))});
    values.push_back(a - 2 * b);
  }
  BoostedTreesOptions options;
  options.rounds = 1;
  options.learning_rate = options.feature_fraction = options.bagging_fraction = 1;
  options.leaves = 4;
  BoostedTrees trees(options);
  trees.fit(rows, values, random);
  const TreeExplainer explainer(trees);
  const std::vector<double> found = explainer.values(rows.row(0));
  const std::vector<double> pairs = explainer.interactions(rows.row(0));
  for (const size_t unused : {size_t{1}, size_t{3}}) {
    EXPECT_EQ(found[unused], 0);
    for (size_t j = 0; j < 4; ++j) EXPECT_EQ(pairs[unused * 4 + j], 0);
  }
  // An additive function of two features has no interaction beyond the sampling of the rows.
  EXPECT_GT(std::abs(found[2]), std::abs(found[0]) / 2);
}

// y = (a and b): over all four rows the values are known by hand.
TEST(TreeShap, TheConjunctionOfTwoFeatures) {
  const FeatureMatrix rows{2, {0, 0, 0, 1, 1, 0, 1, 1}};
  BoostedTreesOptions options;
  options.rounds = 1;
  options.learning_rate = options.feature_fraction = options.bagging_fraction = 1;
  options.min_leaf = 1;
  BoostedTrees trees(options);
  Random random(1);
  trees.fit(rows, std::vector<double>{0, 0, 0, 1}, random);
  const TreeExplainer explainer(trees);
  EXPECT_DOUBLE_EQ(explainer.expected_value(), 0.25);
  const std::vector<double> values = explainer.values(rows.row(3));
  EXPECT_DOUBLE_EQ(values[0], 0.375);
  EXPECT_DOUBLE_EQ(values[1], 0.375);
  const std::vector<double> pairs = explainer.interactions(rows.row(3));
  EXPECT_DOUBLE_EQ(pairs[1], 0.125);
  EXPECT_DOUBLE_EQ(pairs[0], 0.25);
}

TEST(TreeShap, EffectsAreMeansOverTheRowsOfEachGroup) {
  const FeatureMatrix rows = encoded::one_hot_rows(90, 3, 3, 8);
  const BoostedTrees trees = grown(rows, 8, 20, 8, 3);
  const TreeExplainer explainer(trees);
  const FeatureEffects effects = feature_effects(explainer, rows);
  const std::vector<PairEffect> pairs = pair_effects(explainer, rows);
  for (size_t f = 0; f < 9; ++f) {
    double sum = 0, count = 0;
    for (size_t i = 0; i < rows.rows(); ++i) {
      if (rows.row(i)[f] == 1) sum += explainer.values(rows.row(i))[f], count += 1;
    }
    ASSERT_TRUE(effects.present[f]);
    EXPECT_DOUBLE_EQ(*effects.present[f], sum / count);
  }
  ASSERT_FALSE(pairs.empty());
  for (const PairEffect& pair : pairs) {
    double sum[4] = {}, count[4] = {};
    for (size_t i = 0; i < rows.rows(); ++i) {
      const bool a = rows.row(i)[pair.first] == 1, b = rows.row(i)[pair.second] == 1;
      const size_t group = a && b ? 0 : a ? 1 : b ? 2 : 3;
      sum[group] += explainer.interactions(rows.row(i))[pair.first * 9 + pair.second];
      count[group] += 1;
    }
    double smallest = 1e300;
    const std::optional<double> means[4] = {pair.both, pair.only_first, pair.only_second, pair.none};
    for (size_t group = 0; group < 4; ++group) {
      EXPECT_EQ(means[group].has_value(), count[group] > 0);
      if (!means[group]) continue;
      EXPECT_NEAR(*means[group], sum[group] / count[group], 1e-14);
      smallest = std::min(smallest, *means[group]);
    }
    EXPECT_EQ(pair.smallest(), smallest);
  }
}

TEST(GaussLegendre, IntegratesPolynomialsExactly) {
  for (size_t n = 1; n <= 40; ++n) {
    const QuadratureRule& rule = gauss_legendre(n);
    for (size_t degree = 0; degree < 2 * n; ++degree) {
      double sum = 0;
      for (size_t i = 0; i < n; ++i) sum += rule.weights[i] * std::pow(rule.points[i], static_cast<double>(degree));
      EXPECT_NEAR(sum, 1 / (static_cast<double>(degree) + 1), 1e-14) << n << " points, degree " << degree;
    }
  }
}

}  // namespace
}  // namespace nacre
