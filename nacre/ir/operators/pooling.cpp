// Pooling: windows (MaxPool, AveragePool) and whole images (GlobalMaxPool, GlobalAveragePool).
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"
#include "nacre/ir/operators/window.hpp"

namespace nacre::operators {
namespace {

void infer_pool(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 3);
  const std::span<const int64_t> kernel = context.attributes().integers("kernel_shape");
  if (kernel.empty()) context.fail("attribute 'kernel_shape' is missing");
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  if (kernel.size() != x->size() - 2) {
    context.fail("attribute 'kernel_shape' has " + std::to_string(kernel.size()) + " entries, expected " + std::to_string(x->rank() - 2));
  }
  Window window = read_window(context.attributes(), kernel);
  Shape result = {(*x)[0], (*x)[1]};
  for (int axis = 0; axis < window.rank; ++axis) result.push_back(window_output(context.graph(), window, axis, (*x)[axis + 2]));
  context.set_output(0, context.input_type(0), result);
  context.set_output(1, ElementType::int64, result);
}

void infer_global_pool(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 3);
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  Shape result = {(*x)[0], (*x)[1]};
  for (int axis = 2; axis < x->rank(); ++axis) result.push_back(Dim(1));
  context.set_output(0, context.input_type(0), result);
}

OperatorCost cost_pool(const Graph& graph, const Node& node) {
  int64_t work = output_elements(graph, node);
  for (const int64_t extent : node.attributes.integers("kernel_shape")) work = saturating_multiply(work, extent);
  return {.macs = 0, .flops = work};
}

std::vector<AttributeSchema> pool_attributes() {
  return {{"auto_pad", "string", "NOTSET (pads are given), VALID, SAME_UPPER or SAME_LOWER"},
          {"ceil_mode", "int", "1 keeps the last, partial window; 0"},
          {"dilations", "ints", "distance between taps, per spatial axis; 1"},
          {"kernel_shape", "ints", "extents of the window", true},
          {"pads", "ints", "all begins, then all ends; 0"},
          {"strides", "ints", "per spatial axis; 1"}};
}

std::vector<AttributeSchema> with(std::vector<AttributeSchema> attributes, AttributeSchema extra) {
  attributes.push_back(std::move(extra));
  return attributes;
}

}  // namespace

std::vector<OperatorSchema> pooling_operators() {
  return {{.name = "MaxPool",
           .summary = "largest element of each window; optionally its flat index",
           .maximum_outputs = 2,
           .attributes = with(pool_attributes(), {"storage_order", "int", "1 counts the indices column-major; 0"}),
           .infer = infer_pool,
           .cost = cost_pool},
          {.name = "AveragePool",
           .summary = "mean of each window",
           .attributes = with(pool_attributes(), {"count_include_pad", "int", "1 counts padded positions as zeros; 0"}),
           .infer = infer_pool,
           .cost = cost_pool},
          {.name = "GlobalAveragePool", .summary = "mean over all spatial axes, kept as 1", .infer = infer_global_pool, .cost = cost_per_input<1>},
          {.name = "GlobalMaxPool", .summary = "maximum over all spatial axes, kept as 1", .infer = infer_global_pool, .cost = cost_per_input<1>}};
}

}  // namespace nacre::operators
