// The words of the engine's policies, for records and checks. No libtorch here.
#pragma once

#include <string>
#include <vector>

namespace nacre {

std::vector<std::string> weighting_names();  // architecture.hpp
std::vector<std::string> cost_form_names();  // expected_cost.hpp

// "kernel" of "unit1/0/kernel": the word by which phases name decisions.
std::string last_word(const std::string& key);

}  // namespace nacre
