// Extremes, order and running sums on libtorch.
#include "nacre/nn/operators/late_input.hpp"

namespace nacre::torch_operators {
namespace {

template <bool kLargest>
TorchKernel make_arg_extreme(const NodeContext& context) {
  const int64_t axis = context.attributes().integer("axis", 0);
  const bool keep = context.attributes().integer("keepdims", 1) != 0;
  const bool last = context.attributes().integer("select_last_index", 0) != 0;
  return [=](NodeRun& run) {
    // argmax of equal elements may be any of them: the flag "is extreme" makes the first (or last) unique.
    const at::Tensor x = run.in(0).detach();
    const at::Tensor extreme = kLargest ? at::amax(x, axis, true) : at::amin(x, axis, true);
    const int64_t extent = x.size(axis);
    std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
    shape[static_cast<size_t>(axis < 0 ? axis + x.dim() : axis)] = extent;
    const at::Tensor position = at::arange(extent, x.options().dtype(at::kLong)).view(shape);
    const at::Tensor found = at::where(at::eq(x, extreme), position, at::full_like(position, last ? -1 : extent));
    run.out(0, last ? at::amax(found, axis, keep) : at::amin(found, axis, keep));
  };
}

TorchKernel make_top_k(const NodeContext& context) {
  const int64_t axis = context.attributes().integer("axis", -1);
  const bool largest = context.attributes().integer("largest", 1) != 0;
  const LateIntegers given(context, 1);
  const std::string place = node_text(context.graph(), context.id()) + ": K of TopK";
  return [=](NodeRun& run) {
    const int64_t k = single(given.of(run), place);
    // A stable sort settles ties as ONNX does: the lower index first.
    auto [values, indices] = at::sort(run.in(0), /*stable=*/true, axis, /*descending=*/largest);
    run.out(0, values.narrow(axis, 0, k));
    if (run.output_count() > 1) run.out(1, indices.narrow(axis, 0, k));
  };
}

TorchKernel make_cumulative_sum(const NodeContext& context) {
  const LateIntegers given(context, 1);
  const std::string place = node_text(context.graph(), context.id()) + ": the axis of CumSum";
  const bool exclusive = context.attributes().integer("exclusive", 0) != 0;
  const bool reverse = context.attributes().integer("reverse", 0) != 0;
  return [=](NodeRun& run) {
    const int64_t axis = single(given.of(run), place);
    at::Tensor x = run.in(0);
    if (reverse) x = at::flip(x, axis);
    at::Tensor y = at::cumsum(x, axis).to(x.scalar_type());
    if (exclusive) y = y - x;
    run.out(0, reverse ? at::flip(y, axis) : y);
  };
}

}  // namespace

std::vector<TorchOperator> ordering_operators() {
  return {{.name = "ArgMax", .make = make_arg_extreme<true>},
          {.name = "ArgMin", .make = make_arg_extreme<false>},
          {.name = "TopK", .make = make_top_k, .constant_inputs = {1}},
          {.name = "CumSum", .precision = Precision::wide, .make = make_cumulative_sum, .constant_inputs = {1}}};
}

}  // namespace nacre::torch_operators
