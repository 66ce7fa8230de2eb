// The equation of Einsum, read for inputs of known ranks.
#pragma once

#include <map>
#include <span>
#include <string_view>
#include <vector>

namespace nacre::operators {

inline constexpr int kEllipsisLabel = 256;  // labels from here on are axes of "...", the last axis first

struct EinsumEquation {
  std::vector<std::vector<int>> terms;  // one label per axis of each input
  std::vector<int> result;
};

// UserError for an equation that cannot be read or does not fit the ranks.
EinsumEquation parse_einsum(std::string_view equation, std::span<const int> ranks);

}  // namespace nacre::operators
