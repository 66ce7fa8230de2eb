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

ExpectedCost::ExpectedCost(const Supernet& supernet, Target& target, const Deployment& deployment,
                           const std::string& metric)
    : metric_(metric) {
  if (target.measures()) {
    throw UserError("target '" + target.name() +
                    "' measures whole networks: the loss of a supernet needs the cost of each operator; build a table "
                    "(nacre measure --build-table) or take target macs");
  }
  const auto spec = std::ranges::find(target.metrics(), metric, &MetricSpec::name);
  if (spec == target.metrics().end()) throw UserError("target '" + target.name() + "' has no metric '" + metric + "'");
  unit_ = spec->unit;
  Design design;
  design.recipe = supernet.recipe;
  design.graphs.emplace("supernet", supernet.graph);
  const Cost cost = target.cost(design, deployment, {});
  if (cost.items.empty())
    throw UserError("target '" + target.name() +
                    "' knows totals only: the loss of a supernet needs the cost of each node");
  std::map<std::vector<size_t>, double> by_parts;
  double items = 0;
  for (const CostItem& item : cost.items) {
    const double value = metric_value(item.metrics, metric).value_or(0);
    items += value;
    if (value == 0) continue;
    std::vector<size_t> around;
    for (size_t i = 0; i < supernet.parts.size(); ++i)
      if (item.node >= supernet.parts[i].first && item.node < supernet.parts[i].last) around.push_back(i);
    by_parts[around] += value;
  }
  if (items <= 0)
    throw UserError(fmt::format("target '{}' gives no node of the supernet a cost in {}", target.name(), metric));
  for (const auto& [around, value] : by_parts) {
    Term term{.cost = value, .factors = {}};
    for (const size_t i : around) {
      const SupernetPart& part = supernet.parts[i];
      const auto open = std::ranges::find(supernet.open, part.key, &OpenDecision::key);
      if (open == supernet.open.end()) continue;
      term.factors.push_back({part.key, part.positions, static_cast<int64_t>(open->labels.size()),
                              open->kind == OpenDecision::Kind::edges ? static_cast<double>(open->kept) : 1.0});
    }
    terms_.push_back(std::move(term));
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
