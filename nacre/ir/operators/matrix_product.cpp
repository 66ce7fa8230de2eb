// Matrix products: Gemm (two matrices, scaled, plus a bias) and MatMul (batches of matrices, broadcast).
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

void infer_gemm(InferenceContext& context) {
  require_same_type(context);
  const Shape* a = context.ranked_input(0, 2, 2);
  const Shape* b = context.ranked_input(1, 2, 2);
  if (a == nullptr || b == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  const int turned_a = context.attributes().integer("transA", 0) != 0 ? 1 : 0;
  const int turned_b = context.attributes().integer("transB", 0) != 0 ? 1 : 0;
  same_dim(context, (*a)[1 - turned_a], (*b)[turned_b], "inner dimensions");
  const Shape result = {(*a)[turned_a], (*b)[1 - turned_b]};
  if (context.has_input(2)) {
    if (const Shape* c = context.ranked_input(2, 0, 2)) broadcast_shapes(context.graph(), result, *c);
  }
  context.set_output(0, context.input_type(0), result);
}

// numpy.matmul: a vector is a row on the left, a column on the right, and its 1 is dropped from the result.
void infer_matmul(InferenceContext& context) {
  require_same_type(context);
  const Shape* a = context.ranked_input(0, 1);
  const Shape* b = context.ranked_input(1, 1);
  if (a == nullptr || b == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  const Dim inner_b = (*b)[b->rank() == 1 ? 0 : b->rank() - 2];
  same_dim(context, (*a)[a->rank() - 1], inner_b, "inner dimensions");
  Shape batch_a;
  Shape batch_b;
  for (int axis = 0; axis + 2 < a->rank(); ++axis) batch_a.push_back((*a)[axis]);
  for (int axis = 0; axis + 2 < b->rank(); ++axis) batch_b.push_back((*b)[axis]);
  Shape result = broadcast_shapes(context.graph(), batch_a, batch_b);
  if (a->rank() > 1) result.push_back((*a)[a->rank() - 2]);
  if (b->rank() > 1) result.push_back((*b)[b->rank() - 1]);
  context.set_output(0, context.input_type(0), result);
}

OperatorCost product_cost(int64_t output, int64_t inner, int64_t extra) {
  const int64_t macs = saturating_multiply(output, inner);
  const int64_t products = saturating_multiply(2, macs);
  return {.macs = macs, .flops = products < kMaximumCount ? products + extra : products};
}

OperatorCost cost_gemm(const Graph& graph, const Node& node) {
  const Shape& a = fixed_shape(graph, node.inputs[0]);
  const int64_t output = output_elements(graph, node);
  const bool has_bias = node.inputs.size() > 2 && node.inputs[2] != kNone;
  return product_cost(output, a[node.attributes.integer("transA", 0) != 0 ? 0 : 1].extent(), has_bias ? output : 0);
}

OperatorCost cost_matmul(const Graph& graph, const Node& node) {
  const Shape& a = fixed_shape(graph, node.inputs[0]);
  return product_cost(output_elements(graph, node), a[a.rank() - 1].extent(), 0);
}

}  // namespace

std::vector<OperatorSchema> matrix_product_operators() {
  return {{.name = "Gemm",
           .summary = "alpha A' B' + beta C, each matrix transposed on request",
           .minimum_inputs = 2,
           .maximum_inputs = 3,
           .attributes = {{"alpha", "float", "factor of the product; 1"},
                          {"beta", "float", "factor of C; 1"},
                          {"transA", "int", "1 transposes A; 0"},
                          {"transB", "int", "1 transposes B; 0"}},
           .infer = infer_gemm,
           .cost = cost_gemm},
          {.name = "MatMul",
           .summary = "product of matrices along the last two axes; the others broadcast",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .infer = infer_matmul,
           .cost = cost_matmul}};
}

}  // namespace nacre::operators
