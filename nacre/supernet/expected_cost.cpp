#include "nacre/supernet/expected_cost.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

const std::array<std::pair<std::string_view, CostTerm::Form>, 5> kForms = {
    {{"none", CostTerm::Form::none},
     {"multiplicative_log", CostTerm::Form::multiplicative_log},
     {"relative_log", CostTerm::Form::relative_log},
     {"additive", CostTerm::Form::additive},
     {"logarithmic", CostTerm::Form::logarithmic}}};

at::Tensor log_of(const at::Tensor& cost, double unit) {
  const at::Tensor logarithm = at::log(cost / unit);
  if (logarithm.item<double>() <= 0) {
    throw UserError(
        fmt::format("the expected cost {:g} is not above the unit {:g} of the loss's logarithm; name a "
                    "smaller search.cost_unit",
                    cost.item<double>(), unit));
  }
  return logarithm;
}

}  // namespace

std::vector<std::string> cost_form_names() {
  std::vector<std::string> names;
  for (const auto& [name, form] : kForms) names.emplace_back(name);
  return names;
}

CostTerm::Form cost_form_from_name(std::string_view name) {
  for (const auto& [known, form] : kForms)
    if (known == name) return form;
  throw InternalError("internal error: no form of a cost term '" + std::string(name) + "'");
}

// Costs of the nodes of supernets under one target.
struct ExpectedCost::Costing {
  Target& target;
  const Deployment& deployment;
  const std::string& metric;

  // By node; 0 where a node has no cost.
  std::vector<double> of(const Supernet& supernet) const {
    Design design;
    design.recipe = supernet.recipe;
    design.graphs.emplace("supernet", supernet.graph);
    const Cost cost = target.cost(design, deployment, {});
    if (cost.items.empty())
      throw UserError("target '" + target.name() +
                      "' knows totals only: the loss of a supernet needs the cost of each node");
    std::vector<double> costs(supernet.graph.nodes().size(), 0.0);
    double sum = 0;
    for (const CostItem& item : cost.items) {
      const double value = metric_value(item.metrics, metric).value_or(0);
      sum += value;
      costs.at(static_cast<size_t>(item.node)) += value;
    }
    if (sum <= 0)
      throw UserError(fmt::format("target '{}' gives no node of the supernet a cost in {}", target.name(), metric));
    return costs;
  }
};

void ExpectedCost::prepare(const Target& target) {
  if (target.measures()) {
    throw UserError("target '" + target.name() +
                    "' measures whole networks: the loss of a supernet needs the cost of each operator; build a table "
                    "(nacre measure --build-table) or take target macs");
  }
  const auto spec = std::ranges::find(target.metrics(), metric_, &MetricSpec::name);
  if (spec == target.metrics().end()) throw UserError("target '" + target.name() + "' has no metric '" + metric_ + "'");
  unit_ = spec->unit;
}

std::vector<ExpectedCost::Factor> ExpectedCost::factors_of(const Supernet& supernet,
                                                           const std::vector<size_t>& around) const {
  std::vector<Factor> factors;
  for (const size_t i : around) {
    const SupernetPart& part = supernet.parts[i];
    const auto open = std::ranges::find(supernet.open, part.key, &OpenDecision::key);
    if (open == supernet.open.end()) continue;
    factors.push_back({part.key, part.positions, static_cast<int64_t>(open->labels.size()),
                       open->kind == OpenDecision::Kind::edges ? static_cast<double>(open->kept) : 1.0});
  }
  return factors;
}

namespace {

std::vector<size_t> parts_around(const Supernet& supernet, NodeId node) {
  std::vector<size_t> around;
  for (size_t i = 0; i < supernet.parts.size(); ++i)
    if (node >= supernet.parts[i].first && node < supernet.parts[i].last) around.push_back(i);
  return around;
}

}  // namespace

ExpectedCost::ExpectedCost(const Supernet& supernet, Target& target, const Deployment& deployment,
                           const std::string& metric)
    : metric_(metric) {
  prepare(target);
  const std::vector<double> costs = Costing{target, deployment, metric_}.of(supernet);
  std::map<std::vector<size_t>, double> by_parts;
  for (size_t node = 0; node < costs.size(); ++node)
    if (costs[node] != 0) by_parts[parts_around(supernet, static_cast<NodeId>(node))] += costs[node];
  for (const auto& [around, value] : by_parts) terms_.push_back({value, factors_of(supernet, around)});
}

ExpectedCost::ExpectedCost(const Space& space, const SupernetForm& form, const Supernet& supernet, Target& target,
                           const Deployment& deployment, const std::string& metric, bool separable)
    : metric_(metric) {
  prepare(target);
  const Costing costing{target, deployment, metric_};
  const std::vector<double> largest = costing.of(supernet);
  const std::vector<OpenDecision>& numbers = supernet.numbers;
  const auto costs_at = [&](const std::vector<std::pair<size_t, int64_t>>& sizes) {
    Decisions decided;
    for (const auto& [number, alternative] : sizes) decided.set(numbers[number].key, alternative);
    std::vector<double> costs = costing.of(build_supernet(space, form, &decided));
    NACRE_CHECK(costs.size() == largest.size(), "sizes that change the structure of " + space.name());
    return costs;
  };
  const auto largest_of = [&](size_t number) {
    return static_cast<int64_t>(std::ranges::max_element(numbers[number].values) - numbers[number].values.begin());
  };
  // Which numbers a node's cost depends on, and its costs along each of them alone.
  std::vector<std::vector<size_t>> depends(largest.size());
  std::vector<std::vector<std::vector<double>>> alone(numbers.size());  // by number, alternative, node
  for (size_t number = 0; number < numbers.size(); ++number) {
    for (int64_t i = 0; i < static_cast<int64_t>(numbers[number].labels.size()); ++i) {
      alone[number].push_back(i == largest_of(number) ? largest : costs_at({{number, i}}));
      for (size_t node = 0; node < largest.size(); ++node) {
        if (alone[number].back()[node] != largest[node] && (depends[node].empty() || depends[node].back() != number))
          depends[node].push_back(number);
      }
    }
  }
  using Group = std::pair<std::vector<size_t>, std::vector<size_t>>;  // parts around, numbers
  std::map<Group, std::vector<size_t>> groups;
  for (size_t node = 0; node < largest.size(); ++node)
    if (largest[node] != 0 || !depends[node].empty())
      groups[{parts_around(supernet, static_cast<NodeId>(node)), depends[node]}].push_back(node);

  std::map<std::vector<size_t>, std::vector<std::vector<double>>> grids;  // by numbers: costs of all nodes at each size
  for (const auto& [group, nodes] : groups) {
    const std::vector<size_t>& on = group.second;
    int64_t sizes = 1;
    for (const size_t number : on) sizes *= static_cast<int64_t>(numbers[number].labels.size());
    if (sizes > kGridLimit)
      throw UserError(
          fmt::format("a layer's cost depends on {} joint sizes, of decisions {} and others; the limit is {}", sizes,
                      numbers[on[0]].key, kGridLimit));
    for (int64_t index = 0; index < sizes; ++index) {
      std::vector<std::pair<size_t, int64_t>> at;
      int64_t rest = index, different = 0;
      for (const size_t number : on) {
        const auto count = static_cast<int64_t>(numbers[number].labels.size());
        at.emplace_back(number, rest % count);
        different += rest % count != largest_of(number) ? 1 : 0;
        rest /= count;
      }
      double value = 0;
      if (different == 0) {
        for (const size_t node : nodes) value += largest[node];
      } else if (different == 1 || separable) {
        for (const size_t node : nodes) {
          double cost = largest[node];
          for (const auto& [number, alternative] : at) {
            if (alternative == largest_of(number)) continue;
            const double own = alone[number][static_cast<size_t>(alternative)][node];
            cost = different == 1 ? own : largest[node] == 0 ? 0 : cost * own / largest[node];
          }
          value += cost;
        }
      } else {
        std::vector<std::vector<double>>& grid = grids[on];
        grid.resize(static_cast<size_t>(sizes));
        std::vector<double>& costs = grid[static_cast<size_t>(index)];
        if (costs.empty()) costs = costs_at(at);
        for (const size_t node : nodes) value += costs[node];
      }
      Term term{value, factors_of(supernet, group.first)};
      for (const auto& [number, alternative] : at)
        term.factors.push_back(
            {numbers[number].key, {alternative}, static_cast<int64_t>(numbers[number].labels.size())});
      terms_.push_back(std::move(term));
    }
  }
}

at::Tensor ExpectedCost::value(const MixWeights& probabilities) const {
  at::Tensor sum;
  double fixed = 0;
  for (const Term& term : terms_) {
    at::Tensor product;
    double number = term.cost;
    for (const Factor& factor : term.factors) {
      const auto found = probabilities.find(factor.key);
      if (found == probabilities.end()) {
        number *=
            factor.scale * static_cast<double>(factor.positions.size()) / static_cast<double>(factor.alternatives);
        continue;
      }
      at::Tensor p = found->second.select(0, factor.positions[0]);
      for (size_t i = 1; i < factor.positions.size(); ++i) p = p + found->second.select(0, factor.positions[i]);
      if (factor.scale != 1) p = at::clamp_max(p * factor.scale, 1.0);
      product = product.defined() ? product * p : p;
    }
    if (!product.defined()) {
      fixed += number;
      continue;
    }
    sum = sum.defined() ? sum + product * number : product * number;
  }
  return sum.defined() ? sum + fixed : at::full({}, fixed, at::TensorOptions(at::kDouble));
}

double ExpectedCost::value(const std::vector<OpenDecision>& open,
                           const std::vector<std::vector<double>>& probabilities) const {
  MixWeights weights;
  for (size_t i = 0; i < open.size(); ++i)
    weights[open[i].key] = at::tensor(probabilities[i], at::TensorOptions(at::kDouble));
  return value(weights).item<double>();
}

at::Tensor loss_with_cost(const at::Tensor& loss, const at::Tensor& expected_cost, const CostTerm& term) {
  switch (term.form) {
    case CostTerm::Form::none: return loss;
    case CostTerm::Form::multiplicative_log:
      return loss * term.alpha * at::pow(log_of(expected_cost, term.unit), term.beta);
    case CostTerm::Form::relative_log:
      return loss * term.alpha *
             at::pow(log_of(expected_cost, term.unit) / std::log(term.reference / term.unit), term.beta);
    case CostTerm::Form::additive: return loss + (expected_cost - term.reference) * (term.lambda / term.reference);
    case CostTerm::Form::logarithmic: return loss + log_of(expected_cost, term.unit) * term.lambda;
  }
  return loss;
}

}  // namespace nacre
