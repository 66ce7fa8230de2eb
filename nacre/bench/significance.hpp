// Is one strategy better than another, or is it chance? Ranks and rank tests over repeated blocks (a benchmark and a seed).
//
// Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 2006: Friedman's test asks whether all are
// alike; then each is compared with the best by Wilcoxon's signed ranks, and Holm's step-down keeps the chance of any false
// finding below the level. Distribution functions are Boost.Math's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace nacre {

// Ranks from 1, the smallest first, equal values sharing the mean of their ranks. Infinity is a value like any other.
std::vector<double> ranks_of(std::span<const double> values);

struct FriedmanTest {
  double statistic = 0;  // chi-squared with k - 1 degrees of freedom, corrected for ties
  double p = 1;
  std::vector<double> mean_ranks;  // one per treatment
};
// blocks[b][t]: the value of treatment t in block b, smaller is better; all of one length >= 2, at least one block.
FriedmanTest friedman_test(const std::vector<std::vector<double>>& blocks);

struct WilcoxonTest {
  int64_t differing = 0;  // pairs that differ; the others say nothing
  double wins = 0;        // sum of the ranks of pairs in which the first is smaller
  double losses = 0;
  double p = 1;  // two-sided
};
// Paired values of one length. Up to 50 differing pairs by exact counting of all signs (ties included), beyond by the normal
// distribution with corrections for ties and continuity.
WilcoxonTest wilcoxon_signed_rank(std::span<const double> first, std::span<const double> second);

// Holm's adjusted p values, in the order given (Scandinavian Journal of Statistics 6, 1979).
std::vector<double> holm_adjusted(std::span<const double> p);

// The value below which `share` of the sorted values lie, linear between two; 0 <= share <= 1, at least one value.
double quantile_of(std::vector<double> values, double share);

}  // namespace nacre
