#include "nacre/supernet/block_sums.hpp"

#include <algorithm>

#include "nacre/base/error.hpp"

namespace nacre {

BlockSums::BlockSums(std::vector<std::vector<BlockOption>> blocks, double budget)
    : blocks_(std::move(blocks)), budget_(budget) {
  fronts_.assign(blocks_.size() + 1, {{0, 0}});
  for (size_t block = blocks_.size(); block-- > 0;) {
    std::vector<Point> reached;
    for (const BlockOption& option : blocks_[block]) {
      NACRE_CHECK(option.cost >= 0, "a block of negative cost");
      for (const Point& point : fronts_[block + 1])
        reached.push_back({option.cost + point.cost, option.score + point.score});
    }
    std::ranges::sort(
        reached, [](const Point& a, const Point& b) { return a.cost != b.cost ? a.cost < b.cost : a.score < b.score; });
    fronts_[block].clear();
    for (const Point& point : reached)
      if (fronts_[block].empty() || point.score < fronts_[block].back().score) fronts_[block].push_back(point);
  }
  push({});
}

std::optional<double> BlockSums::rest(size_t from, double budget) const {
  const std::vector<Point>& front = fronts_[from];
  const auto beyond = std::ranges::upper_bound(front, budget, {}, &Point::cost);
  if (beyond == front.begin()) return std::nullopt;
  return std::prev(beyond)->score;
}

void BlockSums::push(Sum sum) {
  // Sums of the same numbers in another order differ in the last bits: what just fits must not fall out.
  const double slack = 1e-12 * std::max(1.0, std::min(budget_, 1e300));
  const auto least = rest(sum.options.size(), budget_ - sum.cost + slack);
  if (!least) return;
  open_.push({.bound = sum.score + *least, .sum = std::move(sum)});
}

std::optional<BlockSums::Sum> BlockSums::next() {
  while (!open_.empty()) {
    Sum sum = open_.top().sum;
    open_.pop();
    const size_t block = sum.options.size();
    if (block == blocks_.size()) return sum;
    for (size_t i = 0; i < blocks_[block].size(); ++i) {
      Sum longer = sum;
      longer.options.push_back(i);
      longer.score += blocks_[block][i].score;
      longer.cost += blocks_[block][i].cost;
      push(std::move(longer));
    }
  }
  return std::nullopt;
}

}  // namespace nacre
