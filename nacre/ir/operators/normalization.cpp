// Normalisation by statistics of the batch (BatchNormalization), of the features (LayerNormalization), of the image
// (InstanceNormalization) and of groups of channels (GroupNormalization).
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
    if (x != nullptr && vector != nullptr) same_dim(context, (*vector)[0], channels_of(*x), "entries of a statistic and channels");
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
    context.fail(std::to_string((*x)[1].extent()) + " channels do not divide into " + std::to_string(groups) + " groups");
  }
  check_channel_vectors(context, 1, 2);
  infer_same_as_input(context);
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
           .cost = cost_per_output<2>},
          {.name = "LayerNormalization",
           .summary = "zero mean and unit variance over axes [axis, rank), then scale and shift",
           .minimum_inputs = 2,
           .maximum_inputs = 3,
           .maximum_outputs = 3,
           .attributes = {{"axis", "int", "first normalised axis; -1"},
                          {"epsilon", "float", "added to the variance; 1e-5"},
                          {"stash_type", "int", "element type of the statistics; 1 (float32)"}},
           .infer = infer_layer_normalization,
           .cost = cost_per_output<7>},
          {.name = "InstanceNormalization",
           .summary = "zero mean and unit variance of each channel of each sample, then scale and shift",
           .minimum_inputs = 3,
           .maximum_inputs = 3,
           .attributes = {{"epsilon", "float", "added to the variance; 1e-5"}},
           .infer = infer_instance_normalization,
           .cost = cost_per_output<7>},
          {.name = "GroupNormalization",
           .summary = "zero mean and unit variance of each group of channels, then scale and shift per channel",
           .minimum_inputs = 3,
           .maximum_inputs = 3,
           .attributes = {{"epsilon", "float", "added to the variance; 1e-5"},
                          {"num_groups", "int", "groups that the channels divide into", true},
                          {"stash_type", "int", "element type of the statistics; 1 (float32)"}},
           .infer = infer_group_normalization,
           .cost = cost_per_output<7>}};
}

}  // namespace nacre::operators
