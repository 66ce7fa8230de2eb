// Reductions along axes on libtorch. Axes are an input (opset 18); none means all, unless noop_with_empty_axes.
#include <limits>
#include <numeric>

#include "nacre/nn/operators/late_input.hpp"

namespace nacre::torch_operators {
namespace {

using Reduction = at::Tensor (*)(const at::Tensor& x, at::IntArrayRef axes, bool keep);

at::Tensor sum(const at::Tensor& x, at::IntArrayRef axes, bool keep) { return at::sum(x, axes, keep); }
at::Tensor mean(const at::Tensor& x, at::IntArrayRef axes, bool keep) { return at::mean(x, axes, keep); }

// The least or largest number of a type, which is the extreme of no elements.
at::Scalar bound_of(at::ScalarType type, bool largest) {
  if (type == at::kBool) return largest;
  if (at::isFloatingType(type))
    return largest ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
  return AT_DISPATCH_INTEGRAL_TYPES(type, "bound_of", [&] {
    return at::Scalar(largest ? std::numeric_limits<scalar_t>::max() : std::numeric_limits<scalar_t>::lowest());
  });
}

template <bool kLargest>
at::Tensor extreme(const at::Tensor& x, at::IntArrayRef axes, bool keep) {
  if (x.numel() != 0) return kLargest ? at::amax(x, axes, keep) : at::amin(x, axes, keep);
  const at::Tensor sums = at::sum(x, axes, keep);  // has the shape asked for
  return at::full_like(sums, bound_of(x.scalar_type(), !kLargest), x.options());
}

at::Tensor maximum(const at::Tensor& x, at::IntArrayRef axes, bool keep) { return extreme<true>(x, axes, keep); }
at::Tensor minimum(const at::Tensor& x, at::IntArrayRef axes, bool keep) { return extreme<false>(x, axes, keep); }
at::Tensor l1(const at::Tensor& x, at::IntArrayRef axes, bool keep) { return at::sum(at::abs(x), axes, keep); }
at::Tensor l2(const at::Tensor& x, at::IntArrayRef axes, bool keep) { return at::sqrt(at::sum(x * x, axes, keep)); }
at::Tensor sum_square(const at::Tensor& x, at::IntArrayRef axes, bool keep) { return at::sum(x * x, axes, keep); }
at::Tensor log_sum(const at::Tensor& x, at::IntArrayRef axes, bool keep) { return at::log(at::sum(x, axes, keep)); }
at::Tensor log_sum_exp(const at::Tensor& x, at::IntArrayRef axes, bool keep) { return at::logsumexp(x, axes, keep); }

at::Tensor product(const at::Tensor& x, at::IntArrayRef axes, bool keep) {
  std::vector<int64_t> order;
  for (const int64_t axis : axes) order.push_back(axis < 0 ? axis + x.dim() : axis);
  std::ranges::sort(order, std::greater<>());
  at::Tensor y = x;
  for (const int64_t axis : order) y = at::prod(y, axis, keep);
  return y;
}

template <Reduction F>
TorchKernel make_reduction(const NodeContext& context) {
  const bool keep = context.attributes().integer("keepdims", 1) != 0;
  const bool noop = context.attributes().integer("noop_with_empty_axes", 0) != 0;
  const LateIntegers axes(context, 1);
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    std::vector<int64_t> reduced = axes.of(run);
    if (reduced.empty() && noop) return run.out(0, x);
    if (reduced.empty()) {
      reduced.resize(static_cast<size_t>(x.dim()));
      std::iota(reduced.begin(), reduced.end(), 0);
    }
    // libtorch sums integers in int64; ONNX keeps the type.
    run.out(0, F(x, reduced, keep).to(x.scalar_type()));
  };
}

template <Reduction F>
TorchOperator reduction(const char* name, Precision precision = Precision::wide) {
  return {.name = name, .precision = precision, .make = make_reduction<F>, .constant_inputs = {1}};
}

}  // namespace

std::vector<TorchOperator> reduction_operators() {
  return {reduction<sum>("ReduceSum"),
          reduction<mean>("ReduceMean", Precision::follow),  // accumulates in float whatever it reads
          reduction<maximum>("ReduceMax", Precision::follow),
          reduction<minimum>("ReduceMin", Precision::follow),
          reduction<product>("ReduceProd"),
          reduction<l1>("ReduceL1"),
          reduction<l2>("ReduceL2"),
          reduction<sum_square>("ReduceSumSquare"),
          reduction<log_sum>("ReduceLogSum"),
          reduction<log_sum_exp>("ReduceLogSumExp")};
}

}  // namespace nacre::torch_operators
