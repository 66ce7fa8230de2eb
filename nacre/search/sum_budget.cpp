#include "nacre/search/sum_budget.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/base/options.hpp"

namespace nacre {
namespace {

const std::vector<Parameter>& budget_parameters() {
  static const std::vector<Parameter> kParameters = {
      {.name = "decisions", .type = ParameterType::text_list, .description = "keys", .required = true},
      {.name = "limit", .type = ParameterType::real, .description = "of their sum", .required = true}};
  return kParameters;
}

}  // namespace

Json to_json(const std::vector<SumBudget>& budgets) {
  Json json = Json::array();
  for (const SumBudget& budget : budgets) json.push_back({{"decisions", budget.keys}, {"limit", budget.limit}});
  return json;
}

PolicyNetwork::Allowed sum_budgets(const ConfigNode& node, const Trace& trace) {
  constexpr double kRounding = 1e-9;
  if (node.is_null() || (node.kind == ConfigNode::Kind::sequence && node.items.empty())) return {};
  if (node.kind != ConfigNode::Kind::sequence)
    throw UserError(node.position, "budgets: expected a list of {decisions, limit}");
  std::vector<int> budget_of(trace.decisions().size(), -1);
  std::vector<double> limits;
  for (const ConfigNode& item : node.items) {
    const Options options = resolve_options(item, budget_parameters(), "budgets");
    double least = 0;
    for (const std::string& key : options.texts("decisions")) {
      const std::optional<int32_t> found = trace.find_decision(key);
      if (!found) continue;
      const std::vector<double>& numbers = trace.decisions()[static_cast<size_t>(*found)].numbers;
      if (numbers.empty() || !std::ranges::is_sorted(numbers))
        throw UserError(item.position, fmt::format("budgets: decision '{}' has no ascending numbers", key));
      budget_of[static_cast<size_t>(*found)] = static_cast<int>(limits.size());
      least += numbers.front();
    }
    limits.push_back(options.real("limit"));
    if (least > limits.back() + kRounding)
      throw UserError(item.position,
                      fmt::format("budgets: expected a limit of at least {}, found {}", least, limits.back()));
  }
  return [&trace, budget_of, limits](std::span<const PolicyNetwork::Step> before, size_t decision) -> size_t {
    const std::vector<double>& numbers = trace.decisions()[decision].numbers;
    const int budget = budget_of[decision];
    if (budget < 0) return trace.decisions()[decision].alternatives.size();
    double left = limits[static_cast<size_t>(budget)];
    for (const PolicyNetwork::Step& step : before)
      if (budget_of[step.decision] == budget) left -= trace.decisions()[step.decision].numbers[step.alternative];
    const auto end = std::ranges::upper_bound(numbers, left + kRounding);
    return std::max<size_t>(1, static_cast<size_t>(end - numbers.begin()));
  };
}

}  // namespace nacre
