// The words of the engine's policies, for records and checks. No libtorch here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nacre {

std::vector<std::string> weighting_names();  // architecture.hpp, without kThreshold
std::vector<std::string> cost_form_names();  // expected_cost.hpp

// The weighting of superkernels (superkernels.hpp): the weights themselves decide, by trained thresholds.
inline constexpr std::string_view kThreshold = "threshold";

// "kernel" of "unit1/0/kernel": the word by which phases name decisions.
std::string last_word(const std::string& key);

}  // namespace nacre
