#include "nacre/search/surrogate.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr size_t kLeastNewPoints = 5;  // before the kernel is learned again, and a tenth of all
constexpr int kFirstSteps = 40, kSteps = 12;

}  // namespace

void Surrogate::add(const DecisionRow& row, double value) {
  NACRE_CHECK(std::isfinite(value));
  rows_.push_back(&row);
  values_.push_back(value);
}

void Surrogate::set_values(std::vector<double> values) {
  NACRE_CHECK(values.size() == rows_.size());
  values_ = std::move(values);
}

double Surrogate::warped(double value) const {
  return warp_ == Warp::none ? value : std::log1p(std::max(0.0, value - best_) / gap_);
}

// The better half of the points and every so many of the others, in the order in which they came.
void Surrogate::select() {
  std::vector<size_t> order(values_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return values_[i]; });
  const size_t best = most_points_ / 2, others = most_points_ - best, rest = order.size() - best;
  selected_.assign(order.begin(), order.begin() + static_cast<ptrdiff_t>(best));
  for (size_t i = 0; i < others; ++i) selected_.push_back(order[best + i * rest / others]);
  std::ranges::sort(selected_);
}

void Surrogate::prepare(std::span<const DecisionRow* const> pending, Random& random) {
  NACRE_CHECK(values_.size() >= 2);
  const bool learns = learned_at_ == 0 || values_.size() >= learned_at_ + std::max(kLeastNewPoints, learned_at_ / 10);
  for (; seen_ < values_.size(); ++seen_) selected_.push_back(seen_);
  if (learns && selected_.size() > most_points_) select();
  if (warp_ == Warp::log_gap) {
    std::vector<double> sorted = values_;
    std::ranges::nth_element(sorted, sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2));
    best_ = std::ranges::min(values_);
    gap_ = std::max({sorted[sorted.size() / 2] - best_, 1e-9 * std::abs(best_), 1e-300});
  }
  std::vector<const DecisionRow*> rows;
  std::vector<double> values;
  for (const size_t i : selected_) {
    rows.push_back(rows_[i]);
    values.push_back(warped(values_[i]));
  }
  process_.set_rows(rows);
  process_.set_values(values);
  if (learns) {
    process_.learn(learned_at_ == 0 ? kFirstSteps : kSteps, random);
    learned_at_ = values_.size();
  }
  if (pending.empty()) return;
  for (const DecisionRow* const row : pending) values.push_back(process_.mean(*row));
  rows.insert(rows.end(), pending.begin(), pending.end());
  process_.set_rows(rows);
  process_.set_values(values);
}

}  // namespace nacre
