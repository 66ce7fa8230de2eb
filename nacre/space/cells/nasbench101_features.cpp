#include "nacre/space/cells/nasbench101_features.hpp"

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr size_t kOutput = 3;
constexpr size_t kKinds = 4;

// Bits of an operator among the four.
constexpr size_t kKindOf[] = {1, 0, 2};  // conv3x3, conv1x1, maxpool3x3

// Number of the edge among the pairs (0,1), (0,2), ..., (1,2), ... of a cell.
int pair_index(int from, int to, int vertices) { return from * (2 * vertices - from - 1) / 2 + (to - from - 1); }

}  // namespace

std::vector<float> nasbench101_features(const Nasbench101Cell& cell) {
  std::vector<float> features(kNasbench101Features, 0.0F);
  size_t place = 0;
  for (int to = 1; to < Nasbench101Cell::kMaximumVertices; ++to) {
    if (to < cell.vertices) {
      for (int from = 0; from < to; ++from) features[place + static_cast<size_t>(from)] = cell.has_edge(from, to);
      const bool output = to + 1 == cell.vertices;
      const size_t kind = output ? kOutput : kKindOf[cell.operators.at(static_cast<size_t>(to - 1))];
      features[place + static_cast<size_t>(to) + kind] = 1;
    }
    place += static_cast<size_t>(to) + kKinds;
  }
  return features;
}

Nasbench101Cell nasbench101_cell_of_features(std::span<const float> features) {
  NACRE_CHECK(features.size() == kNasbench101Features);
  Nasbench101Cell cell;
  cell.vertices = 0;
  size_t place = 0;
  for (int to = 1; to < Nasbench101Cell::kMaximumVertices && cell.vertices == 0; ++to) {
    const std::span<const float> kinds = features.subspan(place + static_cast<size_t>(to), kKinds);
    if (kinds[kOutput] > 0.5F) {
      cell.vertices = to + 1;
    } else {
      const uint8_t found = kinds[1] > 0.5F ? 0 : kinds[0] > 0.5F ? 1 : 2;
      NACRE_CHECK(found < 2 || kinds[2] > 0.5F, "a vertex without an operator");
      cell.operators.push_back(found);
    }
    place += static_cast<size_t>(to) + kKinds;
  }
  NACRE_CHECK(cell.vertices > 0, "no output");
  place = 0;
  for (int to = 1; to < cell.vertices; ++to) {
    for (int from = 0; from < to; ++from) {
      if (features[place + static_cast<size_t>(from)] > 0.5F)
        cell.edges |= uint32_t{1} << pair_index(from, to, cell.vertices);
    }
    place += static_cast<size_t>(to) + kKinds;
  }
  return cell;
}

}  // namespace nacre
