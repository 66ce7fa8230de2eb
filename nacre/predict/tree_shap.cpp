#include "nacre/predict/tree_shap.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "nacre/base/error.hpp"
#include "nacre/predict/gauss_legendre.hpp"

namespace nacre {
TreeExplainer::TreeExplainer(const BoostedTrees& trees)
    : TreeExplainer(trees.trees(), trees.start(), trees.columns()) {}

TreeExplainer::TreeExplainer(std::span<const RegressionTree> trees, double start, size_t columns)
    : columns_(columns), expected_value_(start) {
  for (const RegressionTree& tree : trees) {
    std::vector<Condition> conditions;
    add(tree, 0, conditions);
  }
}

void TreeExplainer::add(const RegressionTree& tree, int32_t index, std::vector<Condition>& conditions) {
  const RegressionTree::Node& node = tree.nodes[static_cast<size_t>(index)];
  NACRE_CHECK(node.cover > 0, "a node that no row reaches");
  if (node.feature < 0) {
    double share = node.value;
    for (const Condition& condition : conditions) share *= condition.share;
    expected_value_ += share;
    if (conditions.empty()) return;
    paths_.push_back({conditions_.size(), conditions_.size() + conditions.size(), node.value});
    conditions_.insert(conditions_.end(), conditions.begin(), conditions.end());
    return;
  }
  for (const bool left : {true, false}) {
    const int32_t child = left ? node.left : node.right;
    const double share = tree.nodes[static_cast<size_t>(child)].cover / node.cover;
    const auto found = std::ranges::find(conditions, node.feature, &Condition::feature);
    const auto place = static_cast<size_t>(found - conditions.begin());
    const bool fresh = found == conditions.end();
    if (fresh) {
      constexpr float infinity = std::numeric_limits<float>::infinity();
      conditions.push_back({node.feature, -infinity, infinity, 1});
    }
    const Condition before = conditions[place];
    Condition& now = conditions[place];
    if (left) {
      now.high = std::min(now.high, node.threshold);
    } else {
      now.low = std::max(now.low, node.threshold);
    }
    now.share *= share;
    add(tree, child, conditions);
    if (fresh) {
      conditions.pop_back();
    } else {
      conditions[place] = before;
    }
  }
}

std::vector<double> TreeExplainer::values(std::span<const float> row) const {
  NACRE_CHECK(row.size() == columns_);
  std::vector<double> result(columns_, 0.0);
  std::vector<double> present, at_point;
  for (const Path& path : paths_) {
    const size_t n = path.end - path.begin;
    const Condition* const conditions = conditions_.data() + path.begin;
    present.resize(n);
    at_point.resize(n);
    for (size_t k = 0; k < n; ++k) {
      const float x = row[static_cast<size_t>(conditions[k].feature)];
      present[k] = conditions[k].low < x && x <= conditions[k].high ? 1 : 0;
    }
    const QuadratureRule& rule = gauss_legendre((n + 1) / 2);  // degree n - 1
    for (size_t q = 0; q < rule.points.size(); ++q) {
      const double t = rule.points[q];
      double product = rule.weights[q] * path.value;
      for (size_t k = 0; k < n; ++k) {
        at_point[k] = (1 - t) * conditions[k].share + t * present[k];
        product *= at_point[k];
      }
      for (size_t k = 0; k < n; ++k) {
        result[static_cast<size_t>(conditions[k].feature)] +=
            (present[k] - conditions[k].share) * product / at_point[k];
      }
    }
  }
  return result;
}

std::vector<double> TreeExplainer::interactions(std::span<const float> row) const {
  NACRE_CHECK(row.size() == columns_);
  std::vector<double> result(columns_ * columns_, 0.0);
  std::vector<double> present, slope;
  for (const Path& path : paths_) {
    const size_t n = path.end - path.begin;
    if (n < 2) continue;
    const Condition* const conditions = conditions_.data() + path.begin;
    present.resize(n);
    slope.resize(n);
    for (size_t k = 0; k < n; ++k) {
      const float x = row[static_cast<size_t>(conditions[k].feature)];
      present[k] = conditions[k].low < x && x <= conditions[k].high ? 1 : 0;
    }
    const QuadratureRule& rule = gauss_legendre(n / 2);  // degree n - 2
    for (size_t q = 0; q < rule.points.size(); ++q) {
      const double t = rule.points[q];
      double product = rule.weights[q] * path.value / 2;
      for (size_t k = 0; k < n; ++k) {
        const double at_point = (1 - t) * conditions[k].share + t * present[k];
        product *= at_point;
        slope[k] = (present[k] - conditions[k].share) / at_point;
      }
      for (size_t i = 0; i < n; ++i) {
        double* const line = result.data() + static_cast<size_t>(conditions[i].feature) * columns_;
        const double scaled = product * slope[i];
        for (size_t j = 0; j < n; ++j) {
          if (j != i) line[conditions[j].feature] += scaled * slope[j];
        }
      }
    }
  }
  const std::vector<double> single = values(row);
  for (size_t i = 0; i < columns_; ++i) {
    double others = 0;
    for (size_t j = 0; j < columns_; ++j) others += result[i * columns_ + j];
    result[i * columns_ + i] = single[i] - others;
  }
  return result;
}

FeatureEffects feature_effects(const TreeExplainer& explainer, const FeatureMatrix& features) {
  const size_t columns = explainer.columns();
  std::vector<double> sums(columns, 0.0);
  std::vector<size_t> counts(columns, 0);
  for (size_t i = 0; i < features.rows(); ++i) {
    const std::span<const float> row = features.row(i);
    const std::vector<double> values = explainer.values(row);
    for (size_t f = 0; f < columns; ++f) {
      if (row[f] <= 0.5F) continue;
      sums[f] += values[f];
      ++counts[f];
    }
  }
  FeatureEffects effects;
  effects.present.resize(columns);
  for (size_t f = 0; f < columns; ++f) {
    if (counts[f] > 0 && counts[f] < features.rows()) effects.present[f] = sums[f] / static_cast<double>(counts[f]);
  }
  return effects;
}

double PairEffect::smallest() const {
  double result = std::numeric_limits<double>::infinity();
  for (const std::optional<double>& effect : {both, only_first, only_second, none}) {
    if (effect) result = std::min(result, *effect);
  }
  return std::isfinite(result) ? result : 0;
}

std::vector<PairEffect> pair_effects(const TreeExplainer& explainer, const FeatureMatrix& features) {
  const size_t columns = explainer.columns();
  struct Group {
    double sum = 0;
    size_t count = 0;
  };
  std::vector<std::array<Group, 4>> groups(columns * columns);
  std::vector<char> meet(columns * columns, 0);
  for (size_t row = 0; row < features.rows(); ++row) {
    const std::span<const float> x = features.row(row);
    const std::vector<double> values = explainer.interactions(x);
    for (size_t i = 0; i < columns; ++i) {
      for (size_t j = i + 1; j < columns; ++j) {
        const double value = values[i * columns + j];
        Group& group = groups[i * columns + j][(x[i] > 0.5F ? 0 : 2) + (x[j] > 0.5F ? 0 : 1)];
        group.sum += value;
        ++group.count;
        if (value != 0) meet[i * columns + j] = 1;
      }
    }
  }
  std::vector<PairEffect> effects;
  for (size_t i = 0; i < columns; ++i) {
    for (size_t j = i + 1; j < columns; ++j) {
      if (!meet[i * columns + j]) continue;
      const auto mean = [&](size_t group) -> std::optional<double> {
        const Group& of = groups[i * columns + j][group];
        if (of.count == 0) return std::nullopt;
        return of.sum / static_cast<double>(of.count);
      };
      effects.push_back({i, j, mean(0), mean(1), mean(2), mean(3)});
    }
  }
  return effects;
}

}  // namespace nacre
