#include "nacre/space/blocks.hpp"

#include <array>
#include <cmath>
#include <limits>

#include "nacre/ir/tensor.hpp"

namespace nacre {

ValueId inverted_residual(Chooser& choose, GraphBuilder& builder, ValueId x, const Choice& out_channels,
                          const InvertedResidual& options) {
  ElasticBuilder layers(choose, builder);
  const Choice in_channels = layers.channels(x);
  const Choice middle = make_divisible(in_channels * options.expansion, 8);
  const ElasticConvolution pointwise = {.kernel = 1, .groups = options.groups, .bias = options.bias};
  ValueId y = x;
  if (options.always_expand || middle.elastic() != in_channels.elastic()) {
    y = layers.convolution_norm_activation("expand", y, middle, pointwise, options.activation);
    if (options.groups > 1) y = layers.same_channels(y, builder.channel_shuffle(y, options.groups));
  }
  y = layers.depthwise_norm_activation(
      "depthwise", y, {.kernel = options.kernel, .stride = options.stride, .bias = options.bias}, options.activation);
  if (options.squeeze_excite) y = layers.squeeze_excite("squeeze_excite", y, make_divisible(middle / 4, 8));
  y = layers.convolution_norm_activation("project", y, out_channels, pointwise, Activation::none);
  const bool residual = options.stride == 1 && in_channels.elastic() == out_channels.elastic();
  return residual ? layers.same_channels(y, builder.add(x, y)) : y;
}

ValueId skip_connection(Chooser& choose, GraphBuilder& builder, ValueId x, const Choice& out_channels, int64_t stride,
                        Activation activation) {
  ElasticBuilder layers(choose, builder);
  if (stride == 1 && builder.channels(x) == out_channels.elastic()) return x;
  return layers.convolution_norm_activation("skip", x, out_channels, {.kernel = 1, .stride = stride}, activation);
}

namespace {

ValueId add_shortcut(ElasticBuilder& layers, GraphBuilder& builder, ValueId x, ValueId y, const Choice& out_channels,
                     const ResidualBlock& options) {
  ValueId shortcut = x;
  if (options.project || options.stride != 1 || builder.channels(x) != out_channels.elastic()) {
    shortcut = layers.convolution_norm_activation("shortcut", x, out_channels, {.kernel = 1, .stride = options.stride},
                                                  Activation::none);
  }
  return layers.activation(layers.same_channels(y, builder.add(y, shortcut)), options.activation);
}

}  // namespace

ValueId basic_block(Chooser& choose, GraphBuilder& builder, ValueId x, const Choice& out_channels,
                    const ResidualBlock& options) {
  ElasticBuilder layers(choose, builder);
  ValueId y = layers.convolution_norm_activation(
      "conv1", x, out_channels, {.kernel = options.kernel, .stride = options.stride}, options.activation);
  y = layers.convolution_norm_activation("conv2", y, out_channels, {.kernel = options.kernel}, Activation::none);
  return add_shortcut(layers, builder, x, y, out_channels, options);
}

ValueId bottleneck_block(Chooser& choose, GraphBuilder& builder, ValueId x, const Choice& out_channels,
                         const ResidualBlock& options) {
  ElasticBuilder layers(choose, builder);
  const Choice middle = make_divisible(out_channels / 4, 4);
  ValueId y = layers.convolution_norm_activation("reduce", x, middle, {.kernel = 1}, options.activation);
  y = layers.convolution_norm_activation("conv", y, middle, {.kernel = options.kernel, .stride = options.stride},
                                         options.activation);
  y = layers.convolution_norm_activation("expand", y, out_channels, {.kernel = 1}, Activation::none);
  return add_shortcut(layers, builder, x, y, out_channels, options);
}

ValueId activated_convolution(std::string_view name, GraphBuilder& builder, ValueId x, int64_t channels, int64_t kernel,
                              int64_t stride) {
  const auto scope = builder.scope(name);
  return builder.batch_norm("bn", builder.convolution("conv", builder.activation(x, Activation::relu), channels,
                                                      {.kernel = kernel, .stride = stride}));
}

namespace {

// 1x1 of stride 2; where a side was odd, the shifted image ends in zeros, so that both halves have as many places.
ValueId odd_pixels(GraphBuilder& builder, ValueId shifted, int64_t channels, std::array<int64_t, 2> zeros) {
  if (zeros[0] == 0 && zeros[1] == 0) return builder.convolution("odd", shifted, channels, {.kernel = 1, .stride = 2});
  const auto scope = builder.scope("odd");
  const ValueId weight = builder.parameter("weight", {channels, builder.channels(shifted), 1, 1},
                                           {Distribution::Kind::kaiming_normal_fan_out, 1.4142135623730951});
  return builder.node("Conv", {shifted, weight},
                      {{"kernel_shape", std::vector<int64_t>{1, 1}},
                       {"pads", std::vector<int64_t>{0, 0, zeros[0], zeros[1]}},
                       {"strides", std::vector<int64_t>{2, 2}}});
}

}  // namespace

ValueId factorized_reduce(std::string_view name, GraphBuilder& builder, ValueId x, int64_t channels, int64_t stride,
                          Activation activation) {
  const auto scope = builder.scope(name);
  const ValueId active = builder.activation(x, activation);
  if (stride == 1) return builder.batch_norm("bn", builder.convolution("all", active, channels, {.kernel = 1}));
  const int64_t end = std::numeric_limits<int64_t>::max();
  const ValueId shifted = builder.node("Slice", {active, builder.constant(Tensor::of<int64_t>({2}, {1, 1}), "starts"),
                                                 builder.constant(Tensor::of<int64_t>({2}, {end, end}), "ends"),
                                                 builder.constant(Tensor::of<int64_t>({2}, {2, 3}), "axes")});
  const ValueId even = builder.convolution("even", active, channels / 2, {.kernel = 1, .stride = 2});
  const ValueId odd =
      odd_pixels(builder, shifted, channels - channels / 2, {builder.extent(x, 2) % 2, builder.extent(x, 3) % 2});
  return builder.batch_norm("bn", builder.node("Concat", {even, odd}, {{"axis", int64_t{1}}}));
}

ValueId pooled_features(Chooser& choose, GraphBuilder& builder, ValueId x) {
  ElasticBuilder layers(choose, builder);
  const ValueId pooled = layers.same_channels(x, builder.global_average_pool(x));
  return layers.same_channels(x, builder.flatten(pooled));
}

ValueId image_tokens(GraphBuilder& builder, ValueId x) {
  const int64_t channels = builder.channels(x);
  const int64_t tokens = builder.extent(x, 2) * builder.extent(x, 3);
  const ValueId flat =
      builder.node("Reshape", {x, builder.constant(Tensor::of<int64_t>({3}, {0, channels, tokens}), "token_shape")});
  return builder.node("Transpose", {flat}, {{"perm", std::vector<int64_t>{0, 2, 1}}});
}

ValueId mean_tokens(GraphBuilder& builder, ValueId x) {
  return builder.node("ReduceMean", {x, builder.constant(Tensor::of<int64_t>({1}, {1}), "token_axis")},
                      {{"keepdims", int64_t{0}}});
}

ValueId grid_attention(std::string_view name, GraphBuilder& builder, ValueId x, int64_t heads) {
  const auto scope = builder.scope(name);
  const int64_t channels = builder.channels(x), height = builder.extent(x, 2), width = builder.extent(x, 3);
  if (heads < 1 || channels % heads != 0)
    throw UserError("attention '" + builder.scope_path() + "': " + std::to_string(channels) +
                    " channels do not divide into " + std::to_string(heads) + " heads");
  const int64_t depth = channels / heads;
  const auto in_heads = [&](std::string_view part) {  // [N, heads, depth, places]
    const ValueId projected = builder.convolution(part, x, channels, {.kernel = 1});
    return builder.node(
        "Reshape",
        {projected, builder.constant(Tensor::of<int64_t>({4}, {0, heads, depth, height * width}), "head_shape")});
  };
  const auto turned = [&](ValueId y) {
    return builder.node("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
  };
  const ValueId query = turned(in_heads("query")), key = in_heads("key"), value = turned(in_heads("value"));
  const ValueId scale =
      builder.constant(Tensor::scalar(static_cast<float>(1.0 / std::sqrt(static_cast<double>(depth)))), "scale");
  const ValueId scores = builder.node("Mul", {builder.node("MatMul", {query, key}), scale});
  const ValueId weights = builder.node("Softmax", {scores}, {{"axis", int64_t{-1}}});
  const ValueId mixed = turned(builder.node("MatMul", {weights, value}));
  return builder.node("Reshape",
                      {mixed, builder.constant(Tensor::of<int64_t>({4}, {0, channels, height, width}), "image_shape")});
}

ValueId zero_scaled_norm(std::string_view name, GraphBuilder& builder, ValueId x) {
  const ValueId y = builder.batch_norm(name, x);
  Graph& graph = builder.graph();
  const ValueId scale = graph.nodes().back().inputs[1];
  graph.initializer(graph.value(scale).initializer).distribution = {Distribution::Kind::constant, 0};
  return y;
}

}  // namespace nacre
