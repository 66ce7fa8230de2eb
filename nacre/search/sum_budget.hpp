// Decisions whose numbers share a budget: what of it is left says which alternatives a controller may still take.
#pragma once

#include <string>
#include <vector>

#include "nacre/base/config.hpp"
#include "nacre/search/policy_network.hpp"

namespace nacre {

// The numbers of these decisions together are at most the limit.
struct SumBudget {
  std::vector<std::string> keys;
  double limit = 0;
};

Json to_json(const std::vector<SumBudget>& budgets);  // [{decisions: [keys], limit}]

// For PolicyNetwork, from such a list; empty where the list is. Keys that the trace does not have are no decisions there and take
// nothing. UserError with position for another form, a decision without ascending numbers, a limit below the least numbers.
PolicyNetwork::Allowed sum_budgets(const ConfigNode& node, const Trace& trace);

}  // namespace nacre
