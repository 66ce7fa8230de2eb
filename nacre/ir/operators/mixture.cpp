// Operators of networks under weight sharing: weighted sums of alternatives, as a supernet computes them.
#include <numeric>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

// The weight that belongs to each alternative: position in input 0.
std::vector<int64_t> weight_positions(const Node& node) {
  const std::span<const int64_t> given = node.attributes.integers("positions");
  std::vector<int64_t> positions(given.begin(), given.end());
  if (!node.attributes.has("positions")) {
    positions.resize(node.inputs.size() - 1);
    std::iota(positions.begin(), positions.end(), int64_t{0});
  }
  return positions;
}

void infer_mix(InferenceContext& context) {
  const std::vector<int64_t> positions = weight_positions(context.node());
  if (static_cast<int>(positions.size()) + 1 != context.input_count())
    context.fail("positions: expected one per alternative");
  if (const Shape* weights = context.ranked_input(0, 1, 1); weights != nullptr && (*weights)[0].is_fixed()) {
    for (const int64_t position : positions) {
      if (position < 0 || position >= (*weights)[0].extent()) context.fail("positions: outside of the weights");
    }
  }
  require_same_type(context);
  std::optional<Shape> shape = context.input_shape(1);
  for (int i = 2; i < context.input_count() && shape; ++i) {
    const std::optional<Shape>& other = context.input_shape(i);
    if (!other) continue;
    if (other->rank() != shape->rank()) context.fail("alternatives of different rank");
    for (int axis = 0; axis < shape->rank(); ++axis)
      (*shape)[axis] = same_dim(context, (*shape)[axis], (*other)[axis], "alternatives");
  }
  context.set_output(0, context.input_type(1), shape);
}

OperatorCost cost_mix(const Graph& graph, const Node& node) {
  const auto alternatives = static_cast<int64_t>(node.inputs.size()) - 1;
  return {.macs = 0, .flops = saturating_multiply(2 * alternatives, output_elements(graph, node))};
}

std::vector<Tensor> reference_mix(const Node& node, Inputs inputs) {
  const std::vector<double> weights = load<double>(input_at(inputs, 0));
  const std::vector<int64_t> positions = weight_positions(node);
  const Tensor& first = input_at(inputs, 1);
  std::vector<double> sum(static_cast<size_t>(first.elements()), 0.0);
  for (size_t i = 0; i < positions.size(); ++i) {
    const std::vector<double> x = load<double>(input_at(inputs, i + 1));
    const double weight = weights[static_cast<size_t>(positions[i])];
    for (size_t j = 0; j < sum.size(); ++j) sum[j] += weight * x[j];
  }
  return {store<double>(first.type(), first.extents(), sum)};
}

}  // namespace

std::vector<OperatorSchema> mixture_operators() {
  return {{.name = "Mix",
           .domain = "nacre",
           .summary = "sum of alternatives (inputs 2, 3, ...), each times its weight (an element of input 1): what a "
                      "supernet computes where a decision is open",
           .minimum_inputs = 2,
           .maximum_inputs = kVariadic,
           .attributes = {{"positions", "ints", "element of input 1 for each alternative; 0, 1, ..."}},
           .infer = infer_mix,
           .cost = cost_mix,
           .reference = reference_mix}};
}

}  // namespace nacre::operators
