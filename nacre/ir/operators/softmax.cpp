// Softmax and its relatives along one axis.
#include <algorithm>
#include <cmath>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

void infer_softmax(InferenceContext& context) {
  require_floating(context);
  if (const Shape* x = context.ranked_input(0, 1)) resolve_axis(context.attributes().integer("axis", -1), x->rank());
  infer_same_as_input(context);
}

// --- reference ----------------------------------------------------------------------------------------------------

// Calls function(elements) on each line along the axis; what it leaves there is the result.
template <class Function>
std::vector<Tensor> map_lines(const Node& node, const Tensor& x, Function function) {
  const AxisView view = view_axis(x.extents(), resolve_axis(node.attributes.integer("axis", -1), x.rank()));
  std::vector<double> values = load<double>(x);
  std::vector<double> line(static_cast<size_t>(view.extent));
  for (int64_t o = 0; o < view.outer; ++o) {
    for (int64_t i = 0; i < view.inner; ++i) {
      for (int64_t e = 0; e < view.extent; ++e)
        line[static_cast<size_t>(e)] = values[static_cast<size_t>(view.at(o, e, i))];
      if (!line.empty()) function(line);
      for (int64_t e = 0; e < view.extent; ++e)
        values[static_cast<size_t>(view.at(o, e, i))] = line[static_cast<size_t>(e)];
    }
  }
  return {store(x.type(), x.extents(), values)};
}

// log(sum(exp(x))), shifted by the largest element so that nothing overflows.
double log_sum_exp(const std::vector<double>& line) {
  const double largest = *std::ranges::max_element(line);
  if (std::isinf(largest)) return largest;
  double sum = 0;
  for (const double x : line) sum += std::exp(x - largest);
  return largest + std::log(sum);
}

std::vector<Tensor> reference_softmax(const Node& node, Inputs inputs) {
  return map_lines(node, input_at(inputs, 0), [](std::vector<double>& line) {
    const double total = log_sum_exp(line);
    for (double& x : line) x = std::exp(x - total);
  });
}

std::vector<Tensor> reference_log_softmax(const Node& node, Inputs inputs) {
  return map_lines(node, input_at(inputs, 0), [](std::vector<double>& line) {
    const double total = log_sum_exp(line);
    for (double& x : line) x -= total;
  });
}

std::vector<Tensor> reference_hardmax(const Node& node, Inputs inputs) {
  return map_lines(node, input_at(inputs, 0), [](std::vector<double>& line) {
    const auto largest = std::ranges::max_element(line) - line.begin();
    std::ranges::fill(line, 0.0);
    line[static_cast<size_t>(largest)] = 1.0;
  });
}

OperatorSchema along_axis(const char* name, const char* summary, OperatorCost (*cost)(const Graph&, const Node&),
                          ReferenceKernel reference) {
  return {.name = name,
          .summary = summary,
          .attributes = {{"axis", "int", "the axis whose elements compete; -1"}},
          .infer = infer_softmax,
          .cost = cost,
          .reference = reference};
}

}  // namespace

std::vector<OperatorSchema> softmax_operators() {
  return {along_axis("Softmax", "exp(x) / sum(exp(x)) along an axis", cost_per_output<5>, reference_softmax),
          along_axis("LogSoftmax", "x - log(sum(exp(x))) along an axis", cost_per_output<5>, reference_log_softmax),
          along_axis("Hardmax", "1 at the first largest element along an axis, 0 elsewhere", cost_per_output<1>,
                     reference_hardmax)};
}

}  // namespace nacre::operators
