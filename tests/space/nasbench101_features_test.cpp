#include "nacre/space/cells/nasbench101_features.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "nacre/base/random.hpp"

namespace nacre {
namespace {

TEST(Nasbench101Features, GraphsComeBackFromTheirCode) {
  Random random(1);
  for (int i = 0; i < 10000; ++i) {
    Nasbench101Cell cell;
    cell.vertices = static_cast<int>(random.integer(2, 7));
    cell.edges = static_cast<uint32_t>(random.below(uint64_t{1} << (cell.vertices * (cell.vertices - 1) / 2)));
    for (int v = 2; v < cell.vertices; ++v) cell.operators.push_back(static_cast<uint8_t>(random.below(3)));
    const std::vector<float> features = nasbench101_features(cell);
    ASSERT_EQ(features.size(), 45u);
    const Nasbench101Cell back = nasbench101_cell_of_features(features);
    ASSERT_EQ(back.vertices, cell.vertices);
    ASSERT_EQ(back.edge_text(), cell.edge_text());
    ASSERT_EQ(back.operator_text(), cell.operator_text());
    // Vertices that are not there are zeros: what follows the output's own bits.
    size_t place = 0;
    for (int to = 1; to < cell.vertices; ++to) place += static_cast<size_t>(to) + 4;
    ASSERT_EQ(std::accumulate(features.begin() + static_cast<std::ptrdiff_t>(place), features.end(), 0.0F), 0);
  }
}

// Input - conv3x3 - output with a shortcut, by hand.
TEST(Nasbench101Features, TheCodeOfASmallCell) {
  const std::vector<float> features = nasbench101_features(nasbench101_cell("111", "0"));
  std::vector<float> expected(45, 0.0F);
  expected[0] = 1;          // input to vertex 1
  expected[1 + 1] = 1;      // which is a conv3x3
  expected[5] = 1;          // input to vertex 2
  expected[6] = 1;          // vertex 1 to vertex 2
  expected[5 + 2 + 3] = 1;  // which is the output
  EXPECT_EQ(features, expected);
}

}  // namespace
}  // namespace nacre
