// A binary tree of thresholds on features: what boosting, forests and their explanation share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace nacre {

struct RegressionTree {
  struct Node {
    int32_t feature = -1;  // -1: a leaf
    float threshold = 0;   // x <= threshold goes left
    int32_t left = -1;
    int32_t right = -1;
    double value = 0;  // of a leaf
    double cover = 0;  // training rows that reach it
    double gain = 0;   // of its split
  };
  std::vector<Node> nodes;  // nodes[0] is the root

  double predict(std::span<const float> row) const;
  int64_t leaves() const;
};

}  // namespace nacre
