// How sums of single costs become the cost of a network (cost_table.hpp).
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "nacre/base/error.hpp"
#include "nacre/base/rank_correlation.hpp"
#include "nacre/hw/cost_table.hpp"

namespace nacre {
namespace {

constexpr size_t kTerms = 4;
using Terms = std::array<double, kTerms>;

// In the order of the terms: sum without the calls, constant, groups, bytes.
Terms terms_of(const ResidualRow& row, double call) {
  return {row.sum - call * row.groups, 1.0, row.groups, row.bytes};
}

// Which terms a form has. The first is always there; the last has a separate price for traffic.
constexpr std::array<std::array<bool, kTerms>, 4> kForms = {
    {{true, false, false, false}, {true, true, false, false}, {true, true, true, false}, {true, true, true, true}}};

// Least squares of the relative error by the normal equations, with terms scaled to one size and a touch of ridge, so that
// terms that say the same share the weight. Nothing when the system is singular all the same.
std::optional<Terms> solve(std::span<const ResidualRow> rows, const std::array<bool, kTerms>& form, double call) {
  Terms scale{};
  for (const ResidualRow& row : rows) {
    const Terms terms = terms_of(row, call);
    for (size_t i = 0; i < kTerms; ++i) scale[i] = std::max(scale[i], std::fabs(terms[i] / row.measured));
  }
  std::array<std::array<double, kTerms + 1>, kTerms> system{};
  for (const ResidualRow& row : rows) {
    const Terms terms = terms_of(row, call);
    for (size_t i = 0; i < kTerms; ++i) {
      if (!form[i] || scale[i] == 0) continue;
      const double left = terms[i] / row.measured / scale[i];
      for (size_t j = 0; j < kTerms; ++j) {
        if (form[j] && scale[j] > 0) system[i][j] += left * terms[j] / row.measured / scale[j];
      }
      system[i][kTerms] += left;
    }
  }
  for (size_t i = 0; i < kTerms; ++i)
    system[i][i] += form[i] && scale[i] > 0 ? 1e-6 * static_cast<double>(rows.size()) : 1;
  for (size_t column = 0; column < kTerms; ++column) {
    size_t pivot = column;
    for (size_t i = column; i < kTerms; ++i) {
      if (std::fabs(system[i][column]) > std::fabs(system[pivot][column])) pivot = i;
    }
    if (std::fabs(system[pivot][column]) < 1e-14) return std::nullopt;
    std::swap(system[column], system[pivot]);
    for (size_t i = 0; i < kTerms; ++i) {
      if (i == column) continue;
      const double factor = system[i][column] / system[column][column];
      for (size_t j = column; j <= kTerms; ++j) system[i][j] -= factor * system[column][j];
    }
  }
  Terms result{};
  for (size_t i = 0; i < kTerms; ++i) {
    if (form[i] && scale[i] > 0) result[i] = system[i][kTerms] / system[i][i] / scale[i];
  }
  return result;
}

Residual residual_of(const Terms& terms, double call) {
  return {.sum = terms[0], .groups = terms[2], .bytes = terms[3], .constant = terms[1], .call = call};
}

// Mean relative error on rows left out one at a time; infinity for a form that cannot be fitted, or by which more work costs
// less.
double left_out_error(const std::vector<ResidualRow>& rows, const std::array<bool, kTerms>& form, double call) {
  double error = 0;
  for (size_t left_out = 0; left_out < rows.size(); ++left_out) {
    std::vector<ResidualRow> others = rows;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(left_out));
    const std::optional<Terms> terms = solve(others, form, call);
    if (!terms || (*terms)[0] <= 0) return INFINITY;
    const ResidualRow& row = rows[left_out];
    error += std::fabs(residual_of(*terms, call).apply(row.sum, row.groups, row.bytes) - row.measured) / row.measured;
  }
  return error / static_cast<double>(rows.size());
}

}  // namespace

Residual fit_residual(const std::vector<ResidualRow>& rows, double call) {
  NACRE_CHECK(rows.size() >= 4, "a fit needs networks");
  for (const ResidualRow& row : rows) {
    if (!(row.measured > 0))
      throw UserError("the target measured a cost of 0 for a whole network: no table can be fitted");
  }
  double best_error = INFINITY;
  Residual best{.call = call};
  for (const auto& form : kForms) {
    // A further term has to earn its place.
    const double error = left_out_error(rows, form, call);
    if (error > 0.98 * best_error) continue;
    const std::optional<Terms> terms = solve(rows, form, call);
    if (!terms || (*terms)[0] <= 0) continue;
    best_error = error;
    best = residual_of(*terms, call);
  }
  return best;
}

TableError table_error(const std::vector<double>& predicted, const std::vector<double>& measured) {
  NACRE_CHECK(predicted.size() == measured.size());
  TableError error{.networks = static_cast<int64_t>(predicted.size())};
  for (size_t i = 0; i < predicted.size(); ++i) {
    const double relative = std::fabs(predicted[i] - measured[i]) / measured[i];
    error.mean_relative += relative / static_cast<double>(predicted.size());
    error.largest_relative = std::max(error.largest_relative, relative);
  }
  error.spearman = spearman(predicted, measured);
  return error;
}

}  // namespace nacre
