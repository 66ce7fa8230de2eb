// What groups take inside networks, where it differs from what they take alone (cost_table.hpp).
#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/hw/cost_table.hpp"

namespace nacre {
namespace {

// How far corrections lie from 1, over how far measurements lie from any sum; squared.
constexpr std::array<double, 8> kVarianceRatios = {0.25, 1, 4, 16, 64, 256, 1024, 4096};
constexpr double kEarned = 0.98;  // of the error without corrections: what they must beat
constexpr double kLeast = 0.05;   // of what a group takes alone

}  // namespace

std::map<std::string, double> fit_corrections(const std::vector<CorrectionRow>& rows) {
  std::map<std::string, Eigen::Index> columns;
  for (const CorrectionRow& row : rows) {
    for (const auto& [key, share] : row.shares) columns.emplace(key, 0);
  }
  Eigen::Index next = 0;
  for (auto& [key, column] : columns) column = next++;
  const auto count = static_cast<Eigen::Index>(rows.size());
  if (count < 2 || columns.empty()) return {};

  Eigen::MatrixXd shares = Eigen::MatrixXd::Zero(count, next);
  Eigen::VectorXd left_over(count);
  for (Eigen::Index i = 0; i < count; ++i) {
    const CorrectionRow& row = rows[static_cast<size_t>(i)];
    for (const auto& [key, share] : row.shares) shares(i, columns.at(key)) = share;
    left_over(i) = row.left_over;
  }
  const Eigen::MatrixXd gram = shares * shares.transpose();
  double least_error = kEarned * left_over.lpNorm<1>();
  Eigen::VectorXd corrections;
  for (const double ratio : kVarianceRatios) {
    // With K = gram + I / ratio the residual of a row that the fit did not see is (K^-1 y)_i / (K^-1)_ii.
    const Eigen::MatrixXd inverse =
        (gram + Eigen::MatrixXd::Identity(count, count) / ratio).llt().solve(Eigen::MatrixXd::Identity(count, count));
    const Eigen::VectorXd dual = inverse * left_over;
    const double error = dual.cwiseQuotient(inverse.diagonal()).lpNorm<1>();
    if (!(error < least_error)) continue;
    least_error = error;
    corrections = shares.transpose() * dual;
  }
  std::map<std::string, double> result;
  if (corrections.size() == 0) return result;
  for (const auto& [key, column] : columns) result[key] = std::max(kLeast, 1 + corrections(column));
  return result;
}

}  // namespace nacre
