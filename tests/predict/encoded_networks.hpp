// Examples for tests of predictors: networks of `positions` one-hot decisions, and values with known structure.
#pragma once

#include <vector>

#include "nacre/base/hash.hpp"
#include "nacre/base/random.hpp"
#include "nacre/predict/predictor.hpp"

namespace nacre::encoded {

inline FeatureMatrix one_hot_rows(size_t rows, size_t positions, size_t operators, uint64_t seed) {
  Random random(seed);
  FeatureMatrix result;
  for (size_t i = 0; i < rows; ++i) {
    std::vector<float> row(positions * operators, 0.0F);
    for (size_t p = 0; p < positions; ++p) row[p * operators + random.below(operators)] = 1;
    result.add(row);
  }
  return result;
}

// Every network once, in lexicographic order.
inline FeatureMatrix all_one_hot_rows(size_t positions, size_t operators) {
  size_t count = 1;
  for (size_t p = 0; p < positions; ++p) count *= operators;
  FeatureMatrix result;
  for (size_t index = 0; index < count; ++index) {
    std::vector<float> row(positions * operators, 0.0F);
    size_t rest = index;
    for (size_t p = positions; p-- > 0; rest /= operators) row[p * operators + rest % operators] = 1;
    result.add(row);
  }
  return result;
}

// Weights of single features and of pairs of neighboring positions, drawn from the seed.
inline double value_of(std::span<const float> row, uint64_t seed, double pair_weight = 0.5) {
  const auto weight = [&](uint64_t a, uint64_t b) { return Random::stream(seed, mix_seed(a, b)).normal(); };
  double sum = 0;
  size_t before = row.size();
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i] <= 0.5F) continue;
    sum += weight(i, i);
    if (before < row.size()) sum += pair_weight * weight(before, i);
    before = i;
  }
  return sum;
}

inline std::vector<double> values_of(const FeatureMatrix& features, uint64_t seed, double pair_weight = 0.5,
                                     double noise = 0) {
  Random random(seed + 1);
  std::vector<double> result;
  for (size_t i = 0; i < features.rows(); ++i)
    result.push_back(value_of(features.row(i), seed, pair_weight) + (noise > 0 ? noise * random.normal() : 0));
  return result;
}

// Features of any size, some of them with few distinct values.
inline FeatureMatrix real_rows(size_t rows, size_t columns, uint64_t seed) {
  Random random(seed);
  FeatureMatrix result;
  for (size_t i = 0; i < rows; ++i) {
    std::vector<float> row(columns);
    for (size_t j = 0; j < columns; ++j)
      row[j] = static_cast<float>(j % 3 == 0 ? random.normal() : static_cast<double>(random.below(3 + j)));
    result.add(row);
  }
  return result;
}

}  // namespace nacre::encoded
