// Order along an axis: positions of extremes, the k largest, running sums.
#include <algorithm>
#include <numeric>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

void infer_arg_extreme(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 1);
  if (x == nullptr) return context.set_output(0, ElementType::int64, std::nullopt);
  const int axis = resolve_axis(context.attributes().integer("axis", 0), x->rank());
  Shape result;
  for (int i = 0; i < x->rank(); ++i) {
    if (i != axis)
      result.push_back((*x)[i]);
    else if (context.attributes().integer("keepdims", 1) != 0)
      result.push_back(Dim(1));
  }
  context.set_output(0, ElementType::int64, result);
}

void infer_top_k(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 1);
  if (x == nullptr) {
    context.set_output(0, context.input_type(0), std::nullopt);
    return context.set_output(1, ElementType::int64, std::nullopt);
  }
  const int axis = resolve_axis(context.attributes().integer("axis", -1), x->rank());
  const std::optional<std::vector<int64_t>> k = context.known_integers(1);
  Shape result = *x;
  result[axis] = Dim();
  if (k.has_value()) {
    if (k->size() != 1 || (*k)[0] < 0) context.fail("k must be one number of at least 0");
    if ((*x)[axis].is_fixed() && (*k)[0] > (*x)[axis].extent()) {
      context.fail("k is " + std::to_string((*k)[0]) + ", the axis has " + std::to_string((*x)[axis].extent()) +
                   " elements");
    }
    result[axis] = Dim((*k)[0]);
  }
  context.set_output(0, context.input_type(0), result);
  context.set_output(1, ElementType::int64, result);
}

// --- reference ----------------------------------------------------------------------------------------------------

// Calls function(line, outer, inner) with the elements of each line along the axis.
template <class T, class Function>
void for_each_line(const Tensor& x, const AxisView& view, Function function) {
  const std::vector<T> values = load<T>(x);
  std::vector<T> line(static_cast<size_t>(view.extent));
  for (int64_t o = 0; o < view.outer; ++o) {
    for (int64_t i = 0; i < view.inner; ++i) {
      for (int64_t e = 0; e < view.extent; ++e)
        line[static_cast<size_t>(e)] = values[static_cast<size_t>(view.at(o, e, i))];
      function(line, o, i);
    }
  }
}

template <bool Largest>
std::vector<Tensor> reference_arg_extreme(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const int axis = resolve_axis(node.attributes.integer("axis", 0), x.rank());
  const bool last = node.attributes.integer("select_last_index", 0) != 0;
  const AxisView view = view_axis(x.extents(), axis);
  if (view.extent == 0) throw UserError("the extreme of no elements");
  std::vector<Wide> result;
  with_number_type(x.type(), [&]<class T>(T) {
    for_each_line<T>(x, view, [&](const std::vector<T>& line, int64_t, int64_t) {
      size_t best = 0;
      for (size_t e = 1; e < line.size(); ++e) {
        const bool better = Largest ? line[e] > line[best] : line[e] < line[best];
        if (better || (last && line[e] == line[best])) best = e;
      }
      result.push_back(static_cast<Wide>(best));
    });
  });
  Extents extents = x.extents();
  if (node.attributes.integer("keepdims", 1) != 0)
    extents[static_cast<size_t>(axis)] = 1;
  else
    extents.erase(extents.begin() + axis);
  return {store<Wide>(ElementType::int64, extents, result)};
}

std::vector<Tensor> reference_top_k(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const int axis = resolve_axis(node.attributes.integer("axis", -1), x.rank());
  const bool largest = node.attributes.integer("largest", 1) != 0;
  const AxisView view = view_axis(x.extents(), axis);
  const int64_t k = single_integer(input_at(inputs, 1));
  if (k < 0 || k > view.extent)
    throw UserError("k is " + std::to_string(k) + ", the axis has " + std::to_string(view.extent) + " elements");
  Extents extents = x.extents();
  extents[static_cast<size_t>(axis)] = k;
  const AxisView result{.outer = view.outer, .extent = k, .inner = view.inner};
  std::vector<int64_t> source(static_cast<size_t>(count_of(extents)));
  Tensor indices(ElementType::int64, extents);
  const std::span<int64_t> index = indices.mutable_values<int64_t>();
  with_number_type(x.type(), [&]<class T>(T) {
    for_each_line<T>(x, view, [&](const std::vector<T>& line, int64_t o, int64_t i) {
      std::vector<int64_t> order(line.size());
      std::iota(order.begin(), order.end(), 0);
      std::ranges::stable_sort(order, [&](int64_t a, int64_t b) {
        const T x_a = line[static_cast<size_t>(a)];
        const T x_b = line[static_cast<size_t>(b)];
        return largest ? x_a > x_b : x_a < x_b;
      });
      for (int64_t e = 0; e < k; ++e) {
        const auto at = static_cast<size_t>(result.at(o, e, i));
        index[at] = order[static_cast<size_t>(e)];
        source[at] = view.at(o, index[at], i);
      }
    });
  });
  return {pick_elements(x, extents, source), std::move(indices)};
}

std::vector<Tensor> reference_cumulative_sum(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const AxisView view = view_axis(x.extents(), resolve_axis(single_integer(input_at(inputs, 1)), x.rank()));
  const bool exclusive = node.attributes.integer("exclusive", 0) != 0;
  const bool reverse = node.attributes.integer("reverse", 0) != 0;
  return with_number_type(x.type(), [&]<class T>(T) {
    std::vector<T> result(static_cast<size_t>(x.elements()));
    for_each_line<T>(x, view, [&](const std::vector<T>& line, int64_t o, int64_t i) {
      T sum = 0;
      for (int64_t step = 0; step < view.extent; ++step) {
        const int64_t e = reverse ? view.extent - 1 - step : step;
        const T before = sum;
        sum += line[static_cast<size_t>(e)];
        result[static_cast<size_t>(view.at(o, e, i))] = exclusive ? before : sum;
      }
    });
    return std::vector<Tensor>{store<T>(x.type(), x.extents(), result)};
  });
}

std::vector<AttributeSchema> extreme_attributes() {
  return {{"axis", "int", "the axis searched; 0"},
          {"keepdims", "int", "1 keeps the axis as 1; 1"},
          {"select_last_index", "int", "1 returns the last of equal extremes; 0"}};
}

}  // namespace

std::vector<OperatorSchema> ordering_operators() {
  return {{.name = "ArgMax",
           .summary = "index of the largest element along an axis",
           .attributes = extreme_attributes(),
           .infer = infer_arg_extreme,
           .cost = cost_per_input<1>,
           .reference = reference_arg_extreme<true>},
          {.name = "ArgMin",
           .summary = "index of the smallest element along an axis",
           .attributes = extreme_attributes(),
           .infer = infer_arg_extreme,
           .cost = cost_per_input<1>,
           .reference = reference_arg_extreme<false>},
          {.name = "TopK",
           .summary = "the K largest elements along an axis, and their indices",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .maximum_outputs = 2,
           .attributes = {{"axis", "int", "-1"},
                          {"largest", "int", "0 takes the smallest; 1"},
                          {"sorted", "int", "1 returns them in order; 1"}},
           .infer = infer_top_k,
           .cost = cost_per_input<1>,
           .reference = reference_top_k},
          {.name = "CumSum",
           .summary = "running sum along an axis",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .attributes = {{"exclusive", "int", "1 leaves out the element itself; 0"},
                          {"reverse", "int", "1 runs from the end; 0"}},
           .infer = infer_same_as_input,
           .cost = cost_per_output<1>,
           .reference = reference_cumulative_sum}};
}

}  // namespace nacre::operators
