// Matrix products: Gemm (two matrices, scaled, plus a bias) and MatMul (batches of matrices, broadcast).
#include <type_traits>

#include "nacre/ir/operators/elements.hpp"
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

// --- reference ----------------------------------------------------------------------------------------------------

// Where the elements of a matrix lie: element (row, column) at row * row_stride + column * column_stride.
struct MatrixLayout {
  int64_t row_stride = 1;
  int64_t column_stride = 1;
};

struct ProductExtents {
  int64_t rows = 0;
  int64_t inner = 0;
  int64_t columns = 0;
};

template <class T>
void multiply_matrices(const T* a, MatrixLayout in_a, const T* b, MatrixLayout in_b, T* result,
                       const ProductExtents& extents) {
  for (int64_t r = 0; r < extents.rows; ++r) {
    for (int64_t c = 0; c < extents.columns; ++c) {
      std::conditional_t<std::is_same_v<T, Wide>, uint64_t, double> sum = 0;  // integers modulo 2^64
      using Signed = std::conditional_t<std::is_same_v<T, Wide>, int64_t, double>;
      for (int64_t k = 0; k < extents.inner; ++k) {
        const T product =
            a[r * in_a.row_stride + k * in_a.column_stride] * b[k * in_b.row_stride + c * in_b.column_stride];
        sum += static_cast<decltype(sum)>(product);
      }
      result[r * extents.columns + c] = static_cast<Signed>(sum);
    }
  }
}

template <class T>
Tensor gemm(const Node& node, Inputs inputs) {
  const Tensor& a = input_at(inputs, 0);
  const Tensor& b = input_at(inputs, 1);
  const bool turned_a = node.attributes.integer("transA", 0) != 0;
  const bool turned_b = node.attributes.integer("transB", 0) != 0;
  const ProductExtents extents{.rows = a.extents().at(turned_a ? 1 : 0),
                               .inner = a.extents().at(turned_a ? 0 : 1),
                               .columns = b.extents().at(turned_b ? 0 : 1)};
  const auto layout = [](const Tensor& matrix, bool turned) {
    const int64_t width = matrix.extents()[1];
    return turned ? MatrixLayout{1, width} : MatrixLayout{width, 1};
  };
  const std::vector<T> as = load<T>(a);
  const std::vector<T> bs = load<T>(b);
  std::vector<T> result(static_cast<size_t>(extents.rows * extents.columns));
  multiply_matrices(as.data(), layout(a, turned_a), bs.data(), layout(b, turned_b), result.data(), extents);
  const auto alpha = static_cast<double>(node.attributes.real("alpha", 1.0F));
  const auto beta = static_cast<double>(node.attributes.real("beta", 1.0F));
  const Extents shape = {extents.rows, extents.columns};
  const Tensor* c = optional_input(inputs, 2);
  const std::vector<T> cs = c == nullptr ? std::vector<T>{0} : load<T>(*c);
  const std::vector<int64_t> at_c =
      c == nullptr ? std::vector<int64_t>(result.size(), 0) : broadcast_positions(c->extents(), shape);
  for (size_t i = 0; i < result.size(); ++i) {
    const T addend = cs[static_cast<size_t>(at_c[i])];
    const bool plain = alpha == 1.0 && beta == 1.0;  // keeps wide integers exact
    result[i] = plain ? result[i] + addend
                      : static_cast<T>(alpha * static_cast<double>(result[i]) + beta * static_cast<double>(addend));
  }
  return store<T>(a.type(), shape, result);
}

template <class T>
Tensor matmul(const Tensor& a, const Tensor& b) {
  Extents of_a = a.extents();
  Extents of_b = b.extents();
  if (of_a.size() == 1) of_a.insert(of_a.begin(), 1);
  if (of_b.size() == 1) of_b.push_back(1);
  const ProductExtents extents{.rows = of_a[of_a.size() - 2], .inner = of_a.back(), .columns = of_b.back()};
  if (of_b[of_b.size() - 2] != extents.inner) throw UserError("inner dimensions differ");
  const Extents batch_a(of_a.begin(), of_a.end() - 2);
  const Extents batch_b(of_b.begin(), of_b.end() - 2);
  Extents shape = broadcast_extents(batch_a, batch_b);
  const std::vector<int64_t> at_a = broadcast_positions(batch_a, shape);
  const std::vector<int64_t> at_b = broadcast_positions(batch_b, shape);
  const std::vector<T> as = load<T>(a);
  const std::vector<T> bs = load<T>(b);
  const int64_t size = extents.rows * extents.columns;
  std::vector<T> result(at_a.size() * static_cast<size_t>(size));
  for (size_t i = 0; i < at_a.size(); ++i) {
    multiply_matrices(as.data() + at_a[i] * extents.rows * extents.inner, {extents.inner, 1},
                      bs.data() + at_b[i] * extents.inner * extents.columns, {extents.columns, 1},
                      result.data() + static_cast<int64_t>(i) * size, extents);
  }
  if (a.rank() > 1) shape.push_back(extents.rows);
  if (b.rank() > 1) shape.push_back(extents.columns);
  return store<T>(a.type(), shape, result);
}

std::vector<Tensor> reference_gemm(const Node& node, Inputs inputs) {
  return with_number_type(input_at(inputs, 0).type(),
                          [&]<class T>(T) { return std::vector<Tensor>{gemm<T>(node, inputs)}; });
}

std::vector<Tensor> reference_matmul(const Node&, Inputs inputs) {
  const Tensor& a = input_at(inputs, 0);
  return with_number_type(a.type(), [&]<class T>(T) { return std::vector<Tensor>{matmul<T>(a, input_at(inputs, 1))}; });
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
           .cost = cost_gemm,
           .reference = reference_gemm},
          {.name = "MatMul",
           .summary = "product of matrices along the last two axes; the others broadcast",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .infer = infer_matmul,
           .cost = cost_matmul,
           .reference = reference_matmul}};
}

}  // namespace nacre::operators
