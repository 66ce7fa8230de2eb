// Networks as one choice per block, each choice with a score (lower is better) and a cost, both added up over the blocks: the
// networks in the order of their sums, those within a budget only. BossNAS rates networks so (Li et al., arXiv 2103.12424,
// section 3.3). No libtorch here.
//
// Exact: from every block on, the fronts of what the rest can still reach (least score for its cost) are known, so that a
// best-first search over prefixes goes along the best networks alone.
#pragma once

#include <limits>
#include <optional>
#include <queue>
#include <vector>

namespace nacre {

struct BlockOption {
  double score = 0;
  double cost = 0;
};

class BlockSums {
 public:
  // Options per block; costs are not negative.
  explicit BlockSums(std::vector<std::vector<BlockOption>> blocks,
                     double budget = std::numeric_limits<double>::infinity());

  struct Sum {
    std::vector<size_t> options;  // one per block
    double score = 0;
    double cost = 0;
  };
  // The network of least score among those not given yet whose cost is at most the budget; nothing when there is none. Equal
  // scores in the order of their options.
  std::optional<Sum> next();

 private:
  struct Point {
    double cost, score;
  };
  struct Prefix {
    double bound = 0;  // score of the best completion
    Sum sum;
  };
  struct Later {
    bool operator()(const Prefix& a, const Prefix& b) const {
      return a.bound != b.bound ? a.bound > b.bound : a.sum.options > b.sum.options;
    }
  };
  // Least score of blocks `from` .. within `budget`; nothing when they cannot keep it.
  std::optional<double> rest(size_t from, double budget) const;
  void push(Sum sum);

  std::vector<std::vector<BlockOption>> blocks_;
  double budget_;
  std::vector<std::vector<Point>> fronts_;  // of blocks i .. end: ascending cost, descending score
  std::priority_queue<Prefix, std::vector<Prefix>, Later> open_;
};

}  // namespace nacre
