// Reductions over axes. The axes are an input since opset 13 (sums) and 18 (the others); none given means all of them,
// or nothing at all with noop_with_empty_axes.
#include <algorithm>
#include <cmath>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

void infer_reduce(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 0);
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  const bool keep = context.attributes().integer("keepdims", 1) != 0;
  std::vector<int64_t> axes;
  if (context.has_input(1)) {
    const std::optional<std::vector<int64_t>> known = context.known_integers(1);
    if (!known.has_value()) {
      // The rank is certain only when it is kept.
      if (!keep) return context.set_output(0, context.input_type(0), std::nullopt);
      Shape result;
      for (int axis = 0; axis < x->rank(); ++axis) result.push_back(Dim());
      return context.set_output(0, context.input_type(0), result);
    }
    axes = *known;
  }
  if (axes.empty() && context.attributes().integer("noop_with_empty_axes", 0) != 0) return infer_same_as_input(context);
  uint32_t reduced = axes.empty() ? ~0U : 0U;
  for (const int axis : resolve_axes(axes, x->rank())) reduced |= 1U << axis;
  Shape result;
  for (int axis = 0; axis < x->rank(); ++axis) {
    if ((reduced >> axis & 1U) == 0)
      result.push_back((*x)[axis]);
    else if (keep)
      result.push_back(Dim(1));
  }
  context.set_output(0, context.input_type(0), result);
}

// --- reference ----------------------------------------------------------------------------------------------------

struct Reduction {
  Extents extents;              // of the result
  std::vector<int64_t> target;  // for each element of the input, the element of the result it goes into
  bool nothing = false;         // no axes, and none wanted
};

Reduction plan_reduction(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const bool keep = node.attributes.integer("keepdims", 1) != 0;
  const Tensor* axes_input = optional_input(inputs, 1);
  const std::vector<int64_t> axes = axes_input == nullptr ? std::vector<int64_t>{} : axes_input->integers();
  Reduction plan;
  plan.nothing = axes.empty() && node.attributes.integer("noop_with_empty_axes", 0) != 0;
  uint32_t reduced = axes.empty() ? ~0U : 0U;
  for (const int axis : resolve_axes(axes, x.rank())) reduced |= 1U << axis;
  Extents kept = x.extents();
  for (int axis = 0; axis < x.rank(); ++axis) {
    const bool gone = (reduced >> axis & 1U) != 0;
    if (gone) kept[static_cast<size_t>(axis)] = 1;
    if (!gone || keep) plan.extents.push_back(kept[static_cast<size_t>(axis)]);
  }
  plan.target = broadcast_positions(kept, x.extents());
  return plan;
}

// `function` is called with all elements that go into one element of the result.
template <class T, class Function>
Tensor reduce_elements(const Tensor& x, const Reduction& plan, Function function) {
  std::vector<std::vector<T>> groups(static_cast<size_t>(count_of(plan.extents)));
  const std::vector<T> values = load<T>(x);
  for (size_t i = 0; i < values.size(); ++i) groups[static_cast<size_t>(plan.target[i])].push_back(values[i]);
  std::vector<T> result;
  for (const std::vector<T>& group : groups) result.push_back(static_cast<T>(function(group)));
  return store<T>(x.type(), plan.extents, result);
}

template <class Function>
std::vector<Tensor> reference_reduce(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Reduction plan = plan_reduction(node, inputs);
  if (plan.nothing) return {x};
  return with_number_type(x.type(),
                          [&]<class T>(T) { return std::vector<Tensor>{reduce_elements<T>(x, plan, Function{})}; });
}

struct SumOf {
  template <class T>
  T operator()(const std::vector<T>& group) const {
    T sum = 0;
    for (const T x : group) sum += x;
    return sum;
  }
};

struct MeanOf {
  double operator()(const std::vector<double>& group) const {
    return SumOf{}(group) / static_cast<double>(group.size());
  }
  Wide operator()(const std::vector<Wide>& group) const {
    if (group.empty()) throw UserError("the mean of no integers");
    return SumOf{}(group) / static_cast<Wide>(group.size());
  }
};

template <bool Largest>
struct ExtremeOf {
  double operator()(const std::vector<double>& group) const {
    double extreme = Largest ? -HUGE_VAL : HUGE_VAL;
    for (const double x : group) {
      if (std::isnan(x)) return x;
      extreme = Largest ? std::max(extreme, x) : std::min(extreme, x);
    }
    return extreme;
  }
  Wide operator()(const std::vector<Wide>& group) const {
    if (group.empty()) throw UserError("the extreme of no integers");
    return Largest ? *std::ranges::max_element(group) : *std::ranges::min_element(group);
  }
};

struct ProductOf {
  double operator()(const std::vector<double>& group) const {
    double product = 1;
    for (const double x : group) product *= x;
    return product;
  }
  Wide operator()(const std::vector<Wide>& group) const {
    uint64_t product = 1;  // modulo 2^64
    for (const Wide x : group) product *= static_cast<uint64_t>(x);
    return static_cast<int64_t>(product);
  }
};

struct MagnitudesOf {
  template <class T>
  T operator()(const std::vector<T>& group) const {
    T sum = 0;
    for (const T x : group) sum += x < 0 ? -x : x;
    return sum;
  }
};

struct SquaresOf {
  double operator()(const std::vector<double>& group) const {
    double sum = 0;
    for (const double x : group) sum += x * x;
    return sum;
  }
  Wide operator()(const std::vector<Wide>& group) const {
    uint64_t sum = 0;  // modulo 2^64
    for (const Wide x : group) sum += static_cast<uint64_t>(x) * static_cast<uint64_t>(x);
    return static_cast<int64_t>(sum);
  }
};

struct NormOf {
  template <class T>
  double operator()(const std::vector<T>& group) const {
    double sum = 0;
    for (const T x : group) sum += static_cast<double>(x) * static_cast<double>(x);
    return std::sqrt(sum);
  }
};

struct LogSumOf {
  template <class T>
  double operator()(const std::vector<T>& group) const {
    return std::log(static_cast<double>(SumOf{}(group)));
  }
};

struct LogSumExpOf {
  template <class T>
  double operator()(const std::vector<T>& group) const {
    if (group.empty()) return -HUGE_VAL;
    const auto largest = static_cast<double>(*std::ranges::max_element(group));
    if (std::isinf(largest)) return largest;
    double sum = 0;
    for (const T x : group) sum += std::exp(static_cast<double>(x) - largest);
    return largest + std::log(sum);
  }
};

OperatorSchema reduce(const char* name, const char* summary, OperatorCost (*cost)(const Graph&, const Node&),
                      ReferenceKernel reference) {
  return {.name = name,
          .summary = summary,
          .maximum_inputs = 2,
          .attributes = {{"keepdims", "int", "1 keeps reduced axes as 1; 1"},
                         {"noop_with_empty_axes", "int", "1: no axes mean no reduction; 0: all axes"}},
          .infer = infer_reduce,
          .cost = cost,
          .reference = reference};
}

}  // namespace

std::vector<OperatorSchema> reduction_operators() {
  return {reduce("ReduceSum", "sum", cost_per_input<1>, reference_reduce<SumOf>),
          reduce("ReduceMean", "mean", cost_per_input<1>, reference_reduce<MeanOf>),
          reduce("ReduceMax", "largest element", cost_per_input<1>, reference_reduce<ExtremeOf<true>>),
          reduce("ReduceMin", "smallest element", cost_per_input<1>, reference_reduce<ExtremeOf<false>>),
          reduce("ReduceProd", "product", cost_per_input<1>, reference_reduce<ProductOf>),
          reduce("ReduceL1", "sum of magnitudes", cost_per_input<2>, reference_reduce<MagnitudesOf>),
          reduce("ReduceL2", "root of the sum of squares", cost_per_input<2>, reference_reduce<NormOf>),
          reduce("ReduceSumSquare", "sum of squares", cost_per_input<2>, reference_reduce<SquaresOf>),
          reduce("ReduceLogSum", "logarithm of the sum", cost_per_input<1>, reference_reduce<LogSumOf>),
          reduce("ReduceLogSumExp", "logarithm of the sum of exponentials", cost_per_input<2>,
                 reference_reduce<LogSumExpOf>)};
}

}  // namespace nacre::operators
