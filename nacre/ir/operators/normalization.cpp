// Normalisation by statistics of the batch (BatchNormalization), of the features (LayerNormalization), of the image
// (InstanceNormalization) and of groups of channels (GroupNormalization); over given axes (MeanVarianceNormalization), by
// the norm of a line (LpNormalization) and by neighboring channels (LRN).
#include <algorithm>
#include <cmath>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

Dim channels_of(const Shape& x) { return x.rank() < 2 ? Dim(1) : x[1]; }

// Inputs [first, last] are vectors with one entry per channel of input 0.
void check_channel_vectors(const InferenceContext& context, int first, int last) {
  const Shape* x = context.ranked_input(0, 1);
  for (int i = first; i <= last; ++i) {
    const Shape* vector = context.ranked_input(i, 1, 1);
    if (x != nullptr && vector != nullptr)
      same_dim(context, (*vector)[0], channels_of(*x), "entries of a statistic and channels");
  }
}

void infer_batch_normalization(InferenceContext& context) {
  check_channel_vectors(context, 1, 4);
  infer_same_as_input(context);
  context.set_output(1, context.input_type(3), context.input_shape(3));
  context.set_output(2, context.input_type(4), context.input_shape(4));
}

void infer_layer_normalization(InferenceContext& context) {
  infer_same_as_input(context);
  const Shape* x = context.ranked_input(0, 1);
  if (x == nullptr) return;
  const int axis = resolve_axis(context.attributes().integer("axis", -1), x->rank());
  if (const Shape* scale = context.ranked_input(1, 0, x->rank())) broadcast_shapes(context.graph(), *x, *scale);
  Shape statistic = *x;
  for (int i = axis; i < x->rank(); ++i) statistic[i] = Dim(1);
  context.set_output(1, ElementType::float32, statistic);
  context.set_output(2, ElementType::float32, statistic);
}

void infer_instance_normalization(InferenceContext& context) {
  check_channel_vectors(context, 1, 2);
  infer_same_as_input(context);
}

void infer_group_normalization(InferenceContext& context) {
  const int64_t groups = context.attributes().integer("num_groups", 0);
  if (groups < 1) context.fail("attribute 'num_groups' is missing or below 1");
  const Shape* x = context.ranked_input(0, 2);
  if (x != nullptr && (*x)[1].is_fixed() && (*x)[1].extent() % groups != 0) {
    context.fail(std::to_string((*x)[1].extent()) + " channels do not divide into " + std::to_string(groups) +
                 " groups");
  }
  check_channel_vectors(context, 1, 2);
  infer_same_as_input(context);
}

void infer_local_response(InferenceContext& context) {
  context.ranked_input(0, 2);
  if (context.attributes().integer("size", 0) < 1) context.fail("attribute 'size' is missing or below 1");
  infer_same_as_input(context);
}

void infer_lp_normalization(InferenceContext& context) {
  require_floating(context);
  const int64_t p = context.attributes().integer("p", 2);
  if (p != 1 && p != 2) context.fail("attribute 'p' is " + std::to_string(p) + ", expected 1 or 2");
  if (const Shape* x = context.ranked_input(0, 1)) resolve_axis(context.attributes().integer("axis", -1), x->rank());
  infer_same_as_input(context);
}

// ONNX's default axes: all but the channels.
std::vector<int64_t> variance_axes(const Node& node) {
  const std::span<const int64_t> given = node.attributes.integers("axes");
  return given.empty() ? std::vector<int64_t>{0, 2, 3} : std::vector<int64_t>(given.begin(), given.end());
}

void infer_mean_variance(InferenceContext& context) {
  require_floating(context);
  if (const Shape* x = context.ranked_input(0, 1)) resolve_axes(variance_axes(context.node()), x->rank());
  infer_same_as_input(context);
}

OperatorCost cost_local_response(const Graph& graph, const Node& node) {
  const int64_t size = node.attributes.integer("size", 1);
  return {.macs = 0, .flops = saturating_multiply(saturating_multiply(4, size), output_elements(graph, node))};
}

// --- reference ----------------------------------------------------------------------------------------------------

std::vector<Tensor> reference_batch_normalization(const Node& node, Inputs inputs) {
  if (node.attributes.integer("training_mode", 0) != 0) {
    throw UserError("BatchNormalization in training mode is not run by the reference executor; set training_mode to 0");
  }
  const Tensor& x = input_at(inputs, 0);
  const double epsilon = node.attributes.real("epsilon", 1e-5F);
  std::vector<double> values = load<double>(x);
  const std::vector<double> scale = load<double>(input_at(inputs, 1));
  const std::vector<double> bias = load<double>(input_at(inputs, 2));
  const std::vector<double> mean = load<double>(input_at(inputs, 3));
  const std::vector<double> variance = load<double>(input_at(inputs, 4));
  const AxisView view =
      x.rank() < 2 ? AxisView{.outer = 1, .extent = 1, .inner = x.elements()} : view_axis(x.extents(), 1);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto c = static_cast<size_t>(static_cast<int64_t>(i) / view.inner % view.extent);
    values[i] = (values[i] - mean[c]) / std::sqrt(variance[c] + epsilon) * scale[c] + bias[c];
  }
  return {store(x.type(), x.extents(), values)};
}

struct Moments {
  double mean = 0;
  double inverse_deviation = 0;
};

// Normalises each run of `length` consecutive elements in place; returns what it divided by.
std::vector<Moments> normalize_runs(std::vector<double>& values, int64_t length, double epsilon) {
  std::vector<Moments> all;
  const auto size = static_cast<size_t>(length);
  for (size_t begin = 0; size != 0 && begin < values.size(); begin += size) {
    double sum = 0;
    for (size_t i = begin; i < begin + size; ++i) sum += values[i];
    const double mean = sum / static_cast<double>(size);
    double squares = 0;
    for (size_t i = begin; i < begin + size; ++i) squares += (values[i] - mean) * (values[i] - mean);
    const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(size) + epsilon);
    for (size_t i = begin; i < begin + size; ++i) values[i] = (values[i] - mean) * inverse;
    all.push_back({.mean = mean, .inverse_deviation = inverse});
  }
  return all;
}

std::vector<Tensor> reference_layer_normalization(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const int axis = resolve_axis(node.attributes.integer("axis", -1), x.rank());
  std::vector<double> values = load<double>(x);
  Extents statistic = x.extents();
  int64_t length = 1;
  for (size_t i = static_cast<size_t>(axis); i < statistic.size(); ++i) {
    length *= statistic[i];
    statistic[i] = 1;
  }
  std::vector<Moments> moments = normalize_runs(values, length, node.attributes.real("epsilon", 1e-5F));
  const Tensor& scale = input_at(inputs, 1);
  const std::vector<double> scales = load<double>(scale);
  const std::vector<int64_t> at_scale = broadcast_positions(scale.extents(), x.extents());
  for (size_t i = 0; i < values.size(); ++i) values[i] *= scales[static_cast<size_t>(at_scale[i])];
  if (const Tensor* bias = optional_input(inputs, 2)) {
    const std::vector<double> biases = load<double>(*bias);
    const std::vector<int64_t> at_bias = broadcast_positions(bias->extents(), x.extents());
    for (size_t i = 0; i < values.size(); ++i) values[i] += biases[static_cast<size_t>(at_bias[i])];
  }
  moments.resize(static_cast<size_t>(count_of(statistic)));  // runs of no elements have none
  std::vector<double> means;
  std::vector<double> inverses;
  for (const Moments& m : moments) {
    means.push_back(m.mean);
    inverses.push_back(m.inverse_deviation);
  }
  return {store(x.type(), x.extents(), values), store(ElementType::float32, statistic, means),
          store(ElementType::float32, statistic, inverses)};
}

// InstanceNormalization is GroupNormalization with a group per channel.
std::vector<Tensor> normalize_groups(const Node& node, Inputs inputs, int64_t groups) {
  const Tensor& x = input_at(inputs, 0);
  std::vector<double> values = load<double>(x);
  const AxisView view = view_axis(x.extents(), 1);
  normalize_runs(values, view.extent / groups * view.inner, node.attributes.real("epsilon", 1e-5F));
  const std::vector<double> scale = load<double>(input_at(inputs, 1));
  const std::vector<double> bias = load<double>(input_at(inputs, 2));
  for (size_t i = 0; i < values.size(); ++i) {
    const auto c = static_cast<size_t>(static_cast<int64_t>(i) / view.inner % view.extent);
    values[i] = values[i] * scale[c] + bias[c];
  }
  return {store(x.type(), x.extents(), values)};
}

std::vector<Tensor> reference_instance_normalization(const Node& node, Inputs inputs) {
  return normalize_groups(node, inputs, input_at(inputs, 0).extents()[1]);
}

std::vector<Tensor> reference_group_normalization(const Node& node, Inputs inputs) {
  return normalize_groups(node, inputs, node.attributes.integer("num_groups", 1));
}

// x / (bias + alpha / size * sum of x^2 over `size` channels around)^beta
std::vector<Tensor> reference_local_response(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const int64_t size = node.attributes.integer("size", 1);
  const double alpha = node.attributes.real("alpha", 1e-4F), beta = node.attributes.real("beta", 0.75F);
  const double bias = node.attributes.real("bias", 1.0F);
  const std::vector<double> values = load<double>(x);
  std::vector<double> result(values.size());
  const AxisView view = view_axis(x.extents(), 1);
  for (int64_t o = 0; o < view.outer; ++o) {
    for (int64_t i = 0; i < view.inner; ++i) {
      for (int64_t c = 0; c < view.extent; ++c) {
        double squares = 0;
        const int64_t last = std::min(view.extent - 1, c + size / 2);
        for (int64_t k = std::max<int64_t>(0, c - (size - 1) / 2); k <= last; ++k) {
          const double value = values[static_cast<size_t>(view.at(o, k, i))];
          squares += value * value;
        }
        const auto at = static_cast<size_t>(view.at(o, c, i));
        result[at] = values[at] / std::pow(bias + alpha / static_cast<double>(size) * squares, beta);
      }
    }
  }
  return {store(x.type(), x.extents(), result)};
}

// A line of zeros stays so.
std::vector<Tensor> reference_lp_normalization(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const bool squared = node.attributes.integer("p", 2) == 2;
  const AxisView view = view_axis(x.extents(), resolve_axis(node.attributes.integer("axis", -1), x.rank()));
  std::vector<double> values = load<double>(x);
  for (int64_t o = 0; o < view.outer; ++o) {
    for (int64_t i = 0; i < view.inner; ++i) {
      double sum = 0;
      for (int64_t e = 0; e < view.extent; ++e) {
        const double value = values[static_cast<size_t>(view.at(o, e, i))];
        sum += squared ? value * value : std::abs(value);
      }
      const double norm = squared ? std::sqrt(sum) : sum;
      for (int64_t e = 0; norm != 0 && e < view.extent; ++e) values[static_cast<size_t>(view.at(o, e, i))] /= norm;
    }
  }
  return {store(x.type(), x.extents(), values)};
}

// (x - mean) / (deviation + 1e-9), by the operator's own function body.
std::vector<Tensor> reference_mean_variance(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  std::vector<bool> reduced(x.extents().size(), false);
  for (const int axis : resolve_axes(variance_axes(node), x.rank())) reduced[static_cast<size_t>(axis)] = true;
  Extents kept = x.extents();
  for (size_t axis = 0; axis < kept.size(); ++axis) {
    if (reduced[axis]) kept[axis] = 1;
  }
  const std::vector<int64_t> cell = broadcast_positions(kept, x.extents());
  std::vector<double> values = load<double>(x);
  const auto count = static_cast<size_t>(count_of(kept));
  const double size = static_cast<double>(values.size()) / static_cast<double>(std::max<size_t>(1, count));
  std::vector<double> mean(count), squares(count);
  for (size_t i = 0; i < values.size(); ++i) mean[static_cast<size_t>(cell[i])] += values[i] / size;
  for (size_t i = 0; i < values.size(); ++i) {
    const double distance = values[i] - mean[static_cast<size_t>(cell[i])];
    squares[static_cast<size_t>(cell[i])] += distance * distance / size;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const auto at = static_cast<size_t>(cell[i]);
    values[i] = (values[i] - mean[at]) / (std::sqrt(squares[at]) + 1e-9);
  }
  return {store(x.type(), x.extents(), values)};
}

}  // namespace

std::vector<OperatorSchema> normalization_operators() {
  return {{.name = "BatchNormalization",
           .summary = "(X - mean) / sqrt(var + epsilon) * scale + B per channel, with stored statistics",
           .minimum_inputs = 5,
           .maximum_inputs = 5,
           .maximum_outputs = 3,
           .attributes = {{"epsilon", "float", "added to the variance; 1e-5"},
                          {"momentum", "float", "weight of the old running statistic in training; 0.9"},
                          {"training_mode", "int", "1 normalises by the batch and returns new statistics; 0"}},
           .infer = infer_batch_normalization,
           .cost = cost_per_output<2>,
           .reference = reference_batch_normalization},
          {.name = "LayerNormalization",
           .summary = "zero mean and unit variance over axes [axis, rank), then scale and shift",
           .minimum_inputs = 2,
           .maximum_inputs = 3,
           .maximum_outputs = 3,
           .attributes = {{"axis", "int", "first normalised axis; -1"},
                          {"epsilon", "float", "added to the variance; 1e-5"},
                          {"stash_type", "int", "element type of the statistics; 1 (float32)"}},
           .infer = infer_layer_normalization,
           .cost = cost_per_output<7>,
           .reference = reference_layer_normalization},
          {.name = "InstanceNormalization",
           .summary = "zero mean and unit variance of each channel of each sample, then scale and shift",
           .minimum_inputs = 3,
           .maximum_inputs = 3,
           .attributes = {{"epsilon", "float", "added to the variance; 1e-5"}},
           .infer = infer_instance_normalization,
           .cost = cost_per_output<7>,
           .reference = reference_instance_normalization},
          {.name = "GroupNormalization",
           .summary = "zero mean and unit variance of each group of channels, then scale and shift per channel",
           .minimum_inputs = 3,
           .maximum_inputs = 3,
           .attributes = {{"epsilon", "float", "added to the variance; 1e-5"},
                          {"num_groups", "int", "groups that the channels divide into", true},
                          {"stash_type", "int", "element type of the statistics; 1 (float32)"}},
           .infer = infer_group_normalization,
           .cost = cost_per_output<7>,
           .reference = reference_group_normalization},
          {.name = "LRN",
           .summary = "each element by the squares of its neighbor channels (local response normalization)",
           .attributes = {{"alpha", "float", "1e-4"},
                          {"beta", "float", "0.75"},
                          {"bias", "float", "1"},
                          {"size", "int", "channels summed over", true}},
           .infer = infer_local_response,
           .cost = cost_local_response,
           .reference = reference_local_response},
          {.name = "LpNormalization",
           .summary = "each line along an axis divided by its norm",
           .attributes = {{"axis", "int", "-1"}, {"p", "int", "1 or 2; 2"}},
           .infer = infer_lp_normalization,
           .cost = cost_per_output<3>,
           .reference = reference_lp_normalization},
          {.name = "MeanVarianceNormalization",
           .summary = "zero mean and unit variance over axes",
           .attributes = {{"axes", "ints", "normalised together; 0, 2, 3"}},
           .infer = infer_mean_variance,
           .cost = cost_per_output<7>,
           .reference = reference_mean_variance}};
}

}  // namespace nacre::operators
