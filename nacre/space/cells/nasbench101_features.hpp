// Cells of NAS-Bench-101 as 45 bits, as GBDT-NAS encodes them (Luo et al., arXiv 2007.04785): for each vertex after the input, a
// bit for each earlier vertex that leads to it, then four for what it is: conv1x1, conv3x3, maxpool3x3, output. Vertices that a
// smaller cell lacks are zeros.
#pragma once

#include <span>
#include <vector>

#include "nacre/space/cells/nasbench101_cells.hpp"

namespace nacre {

inline constexpr size_t kNasbench101Features = 45;

std::vector<float> nasbench101_features(const Nasbench101Cell& cell);
// The way back. InternalError for what encodes no cell.
Nasbench101Cell nasbench101_cell_of_features(std::span<const float> features);

}  // namespace nacre
