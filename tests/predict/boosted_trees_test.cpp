#include "nacre/predict/boosted_trees.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <set>

#include "encoded_networks.hpp"

namespace nacre {
namespace {

BoostedTreesOptions one_tree(int64_t leaves) {
  BoostedTreesOptions options;
  options.rounds = 1;
  options.learning_rate = 1;
  options.leaves = leaves;
  options.min_leaf = 1;
  options.feature_fraction = options.bagging_fraction = 1;
  return options;
}

double squared_error(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

TEST(BoostedTrees, OneTreeOfManyLeavesLearnsDistinctRowsByHeart) {
  for (const FeatureMatrix& rows : {encoded::all_one_hot_rows(4, 3), encoded::real_rows(200, 4, 3)}) {
    const std::vector<double> values = encoded::values_of(rows, 7);
    BoostedTrees trees(one_tree(1000));
    Random random(1);
    trees.fit(rows, values, random);
    const std::vector<double> fitted = trees.predict(rows);
    for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(fitted[i], values[i], 1e-12);
  }
}

// Every split of a tree is the best there is at its leaf, and the leaf split next is the one that gains most: against
// enumeration of all splits by direct sums.
TEST(BoostedTrees, SplitsAreTheBestByEnumeration) {
  for (const uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    const FeatureMatrix rows = seed % 2 == 0 ? encoded::one_hot_rows(80, 5, 3, seed) : encoded::real_rows(80, 5, seed);
    const std::vector<double> values = encoded::values_of(rows, seed, 0.5, 0.3);
    BoostedTreesOptions options = one_tree(6);
    options.min_leaf = 4;
    options.l2 = 0.7;
    BoostedTrees trees(options);
    Random random(1);
    trees.fit(rows, values, random);
    ASSERT_EQ(trees.trees().size(), 1u);
    const RegressionTree& tree = trees.trees()[0];
    const auto best_gain = [&](const std::vector<size_t>& members) {
      const auto score = [&](const std::vector<size_t>& part) {
        double sum = 0;
        for (const size_t i : part) sum += trees.start() - values[i];
        return sum * sum / (static_cast<double>(part.size()) + options.l2);
      };
      double best = 0;
      for (size_t f = 0; f < rows.columns; ++f) {
        std::set<float> thresholds;
        for (const size_t i : members) thresholds.insert(rows.row(i)[f]);
        for (const float threshold : thresholds) {
          std::vector<size_t> left, right;
          for (const size_t i : members) (rows.row(i)[f] <= threshold ? left : right).push_back(i);
          if (left.size() < 4 || right.size() < 4) continue;
          best = std::max(best, score(left) + score(right) - score(members));
        }
      }
      return best;
    };
    // Nodes are made in pairs, so the order of splits can be read off the children's numbers.
    std::map<int32_t, std::vector<size_t>> leaves;
    leaves[0].resize(rows.rows());
    std::iota(leaves[0].begin(), leaves[0].end(), size_t{0});
    for (int32_t made = 1; made < static_cast<int32_t>(tree.nodes.size()); made += 2) {
      const auto parent = std::ranges::find(tree.nodes, made, &RegressionTree::Node::left);
      ASSERT_NE(parent, tree.nodes.end());
      double most = 0;
      for (const auto& [leaf, members] : leaves) most = std::max(most, best_gain(members));
      EXPECT_NEAR(parent->gain, most, 1e-9 * most);
      const std::vector<size_t> members = std::move(leaves.at(static_cast<int32_t>(parent - tree.nodes.begin())));
      leaves.erase(static_cast<int32_t>(parent - tree.nodes.begin()));
      EXPECT_EQ(parent->cover, static_cast<double>(members.size()));
      for (const size_t i : members) {
        const bool left = rows.row(i)[static_cast<size_t>(parent->feature)] <= parent->threshold;
        leaves[left ? parent->left : parent->right].push_back(i);
      }
    }
    EXPECT_EQ(leaves.size(), 6u);
    for (const auto& [leaf, members] : leaves) {
      double sum = 0;
      for (const size_t i : members) sum += values[i] - trees.start();
      const RegressionTree::Node& node = tree.nodes[static_cast<size_t>(leaf)];
      EXPECT_NEAR(node.value, sum / (static_cast<double>(members.size()) + options.l2), 1e-12);
      EXPECT_GE(members.size(), 4u);
    }
  }
}

TEST(BoostedTrees, MoreRoundsFitBetterAndTheSumConverges) {
  const FeatureMatrix rows = encoded::one_hot_rows(300, 6, 4, 2);
  const std::vector<double> values = encoded::values_of(rows, 3);
  double before = 1e300;
  for (const int64_t rounds : {1, 10, 100, 400}) {
    BoostedTreesOptions options;
    options.rounds = rounds;
    options.min_leaf = 3;
    BoostedTrees trees(options);
    Random random(1);
    trees.fit(rows, values, random);
    const double error = squared_error(trees.predict(rows), values) / 300;
    EXPECT_LT(error, before);
    before = error;
  }
  EXPECT_LT(before, 0.1);
}

TEST(BoostedTrees, SameSeedSameTreesOtherSeedOthers) {
  const FeatureMatrix rows = encoded::one_hot_rows(200, 6, 4, 2);
  const std::vector<double> values = encoded::values_of(rows, 3);
  for (const BoostingObjective objective : {BoostingObjective::regression, BoostingObjective::ranking}) {
    const auto fitted = [&](uint64_t seed) {
      BoostedTreesOptions options;
      options.objective = objective;
      BoostedTrees trees(options);
      Random random(seed);
      trees.fit(rows, values, random);
      return trees.predict(rows);
    };
    EXPECT_EQ(fitted(5), fitted(5));
    EXPECT_NE(fitted(5), fitted(6));
  }
}

TEST(BoostedTrees, RankingSeesOnlyTheOrder) {
  const FeatureMatrix rows = encoded::one_hot_rows(150, 5, 4, 2);
  const std::vector<double> values = encoded::values_of(rows, 3);
  std::vector<double> stretched;
  for (const double value : values) stretched.push_back(std::exp(3 * value));
  BoostedTreesOptions options;
  options.objective = BoostingObjective::ranking;
  BoostedTrees plain(options), other(options);
  Random a(1), b(1);
  plain.fit(rows, values, a);
  other.fit(rows, stretched, b);
  EXPECT_EQ(plain.predict(rows), other.predict(rows));
  const std::vector<double> scores = plain.predict(rows);
  int64_t right = 0, pairs = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t j = 0; j < i; ++j, ++pairs) right += (values[i] > values[j]) == (scores[i] > scores[j]);
  }
  EXPECT_GT(static_cast<double>(right) / static_cast<double>(pairs), 0.9);
}

TEST(BoostedTrees, LeavesAreNeverSmallerThanAsked) {
  const FeatureMatrix rows = encoded::one_hot_rows(100, 6, 3, 4);
  const std::vector<double> values = encoded::values_of(rows, 5);
  BoostedTreesOptions options;
  options.rounds = 20;
  options.min_leaf = 7;
  BoostedTrees trees(options);
  Random random(1);
  trees.fit(rows, values, random);
  for (const RegressionTree& tree : trees.trees()) {
    EXPECT_EQ(tree.nodes[0].cover, 80);  // four fifths of the rows
    for (const RegressionTree::Node& node : tree.nodes) EXPECT_GE(node.cover, 7);
  }
}

TEST(BoostedTrees, DefaultMinLeafFollowsTheNumberOfRows) {
  for (const auto& [rows, expected] :
       std::vector<std::pair<size_t, int64_t>>{{10, 3}, {100, 5}, {200, 10}, {900, 20}}) {
    const FeatureMatrix features = encoded::one_hot_rows(rows, 4, 3, 1);
    BoostedTreesOptions options;
    options.rounds = 1;
    BoostedTrees trees(options);
    Random random(1);
    trees.fit(features, encoded::values_of(features, 1), random);
    EXPECT_EQ(trees.min_leaf(), expected);
  }
}

TEST(BoostedTrees, ConstantValuesAndConstantFeaturesAreAnswered) {
  const FeatureMatrix rows = encoded::one_hot_rows(40, 3, 3, 1);
  for (const BoostingObjective objective : {BoostingObjective::regression, BoostingObjective::ranking}) {
    BoostedTreesOptions options;
    options.objective = objective;
    BoostedTrees trees(options);
    Random random(1);
    trees.fit(rows, std::vector<double>(40, 2.5), random);
    for (const double value : trees.predict(rows))
      EXPECT_EQ(value, objective == BoostingObjective::regression ? 2.5 : 0);
  }
  FeatureMatrix same;
  for (int i = 0; i < 10; ++i) same.add(std::vector<float>{1, 2});
  BoostedTrees trees;
  Random random(1);
  trees.fit(same, std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, random);
  EXPECT_DOUBLE_EQ(trees.predict(same.row(0)), 5.5);
}

TEST(BoostedTrees, ManyDistinctValuesShareBins) {
  const FeatureMatrix rows = encoded::real_rows(2000, 3, 9);
  const std::vector<double> values = encoded::values_of(rows, 9);
  BoostedTreesOptions options;
  options.max_bins = 16;
  BoostedTrees trees(options);
  Random random(1);
  trees.fit(rows, values, random);
  std::set<float> thresholds;
  for (const RegressionTree& tree : trees.trees()) {
    for (const RegressionTree::Node& node : tree.nodes)
      if (node.feature == 0) thresholds.insert(node.threshold);
  }
  EXPECT_GT(thresholds.size(), 4u);
  EXPECT_LE(thresholds.size(), 15u);
}

TEST(BoostedTrees, RefusesWhatIsNoExample) {
  BoostedTrees trees;
  Random random(1);
  const FeatureMatrix rows = encoded::one_hot_rows(3, 2, 2, 1);
  EXPECT_THROW(trees.predict(rows), InternalError);
  EXPECT_THROW(trees.fit(rows, std::vector<double>{1, 2}, random), InternalError);
  EXPECT_THROW(trees.fit(rows, std::vector<double>{1, 2, std::nan("")}, random), InternalError);
}

// The gate is one second on an undisturbed core; the test leaves room for neighbors.
TEST(BoostedTrees, LearnsAThousandAndAnswersFifteenThousandInASecond) {
  const FeatureMatrix all = encoded::all_one_hot_rows(6, 5);
  ASSERT_EQ(all.rows(), 15625u);
  std::vector<size_t> chosen;
  for (size_t i = 0; i < 1000; ++i) chosen.push_back(i * 15);
  const FeatureMatrix rows = all.pick(chosen);
  const std::vector<double> values = encoded::values_of(rows, 4);
  const auto begin = std::chrono::steady_clock::now();
  BoostedTrees trees;
  Random random(1);
  trees.fit(rows, values, random);
  const auto middle = std::chrono::steady_clock::now();
  const std::vector<double> answers = trees.predict(all);
  const auto end = std::chrono::steady_clock::now();
  const double fit_s = std::chrono::duration<double>(middle - begin).count();
  const double query_s = std::chrono::duration<double>(end - middle).count();
  RecordProperty("fit_s", std::to_string(fit_s));
  RecordProperty("query_s", std::to_string(query_s));
  std::printf("fit of 1,000: %.3f s; query of 15,625: %.3f s\n", fit_s, query_s);
  EXPECT_EQ(answers.size(), 15625u);
  EXPECT_LT(fit_s + query_s, 8.0);
}

}  // namespace
}  // namespace nacre
