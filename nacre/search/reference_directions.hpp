// Evenly spread directions in the space of objectives, and which of them a point serves (Das and Dennis, SIAM Journal on
// Optimization 8(3), 1998; Deb and Jain, IEEE TEC 18(4), 2014, sections IV-B to IV-D).
#pragma once

#include <vector>

#include "nacre/search/pareto.hpp"

namespace nacre {

// All points of `objectives` shares that are multiples of 1/p and sum to 1, with the largest p that gives at most `most` of
// them (p is at least 1).
std::vector<Point> reference_directions(size_t objectives, size_t most);

struct Association {
  size_t direction = 0;
  double distance = 0;  // of the scaled point from the line through the origin along its direction
};

// The nearest direction of each point, after scaling by the ideal point and the intercepts. All points are known.
std::vector<Association> associate(const std::vector<Point>& points, const std::vector<Point>& directions);

}  // namespace nacre
