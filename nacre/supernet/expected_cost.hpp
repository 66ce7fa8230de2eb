// What a network drawn from a supernet's distribution costs in expectation: every node's cost times the probability that the node
// is there,
//
//   E = offset + sum over nodes of cost(node) * product over the parts around it of sum over its positions of p(key, position)
//
// (FBNet, arXiv 1812.03443, equation 7; ProxylessNAS, arXiv 1812.00332, equation 5). With one-hot p it is the cost of that network
// as far as the target adds up over nodes; how far it does is measured on random networks and stated.
//
// Where sizes are open, too (superkernels.hpp), a node's cost is interpolated between those at its sizes, by the product of the
// weights of the decisions that it depends on: exact where one of each is 1. With `separable` only the sizes that differ from the
// largest in one decision are costed, and
//   cost(i, j) = cost(i, largest) cost(largest, j) / cost(largest, largest)
// (the runtime model of Single-Path NAS, arXiv 1904.02877, section 3.2).
//
// Includes libtorch.
#pragma once

#include <string>
#include <vector>

#include "nacre/design/target.hpp"
#include "nacre/nn/torch_headers.hpp"
#include "nacre/supernet/architecture.hpp"

namespace nacre {

class ExpectedCost {
 public:
  // `metric` of the target, itemised per node on the supernet's graph. UserError when the target knows totals only, or measures.
  ExpectedCost(const Supernet& supernet, Target& target, const Deployment& deployment, const std::string& metric);
  // The same, with the cost at each size of open numbers. UserError where a node depends on more than `kGridLimit` joint sizes.
  ExpectedCost(const Space& space, const SupernetForm& form, const Supernet& supernet, Target& target,
               const Deployment& deployment, const std::string& metric, bool separable);
  static constexpr int64_t kGridLimit = 1024;

  // Expectation under probabilities by key, a scalar in the metric's unit. Keys that are missing count as equal probabilities.
  at::Tensor value(const MixWeights& probabilities) const;
  // The same number for networks' indices.
  double value(const std::vector<OpenDecision>& open, const std::vector<std::vector<double>>& probabilities) const;

  const std::string& metric() const { return metric_; }
  const std::string& unit() const { return unit_; }

 private:
  struct Factor {
    std::string key;
    std::vector<int64_t> positions;
    int64_t alternatives = 1;
    double scale = 1;  // so many of the alternatives are kept
  };
  struct Term {
    double cost = 0;
    std::vector<Factor> factors;
  };
  struct Costing;
  // Checks the target and the metric.
  void prepare(const Target& target);
  std::vector<Factor> factors_of(const Supernet& supernet, const std::vector<size_t>& around) const;

  std::string metric_, unit_;
  std::vector<Term> terms_;
};

// How the expectation enters the loss that the architecture descends.
struct CostTerm {
  enum class Form {
    none,
    multiplicative_log,  // CE * alpha * log(E / unit)^beta                (FBNet, equation 3)
    relative_log,        // CE * alpha * (log(E / unit) / log(reference / unit))^beta  (ProxylessNAS' code)
    additive,            // CE + lambda * (E - reference) / reference      (ProxylessNAS' code)
    logarithmic          // CE + lambda * log(E / unit)                    (Single-Path NAS, equation 9)
  };
  Form form = Form::none;
  double alpha = 0.2, beta = 0.6, lambda = 0.1;
  double reference = 0;  // in the metric's unit
  double unit = 1;       // E / unit must stay above 1 where a logarithm is taken: 1e-6 for latencies in seconds
};

std::vector<std::string> cost_form_names();
CostTerm::Form cost_form_from_name(std::string_view name);

// UserError when the logarithm is not positive.
at::Tensor loss_with_cost(const at::Tensor& loss, const at::Tensor& expected_cost, const CostTerm& term);

}  // namespace nacre
