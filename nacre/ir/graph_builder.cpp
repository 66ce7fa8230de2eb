#include "nacre/ir/graph_builder.hpp"

#include <array>
#include <cmath>

#include "nacre/ir/schema.hpp"

namespace nacre {
namespace {

struct ActivationRow {
  Activation kind;
  std::string_view name;
};

constexpr std::array kActivations = {ActivationRow{Activation::none, "none"},
                                     ActivationRow{Activation::relu, "relu"},
                                     ActivationRow{Activation::relu6, "relu6"},
                                     ActivationRow{Activation::hard_swish, "hard_swish"},
                                     ActivationRow{Activation::hard_sigmoid, "hard_sigmoid"},
                                     ActivationRow{Activation::sigmoid, "sigmoid"},
                                     ActivationRow{Activation::swish, "swish"},
                                     ActivationRow{Activation::gelu, "gelu"},
                                     ActivationRow{Activation::tanh, "tanh"}};

// Weights before a rectifier keep the variance of gradients (He et al., arXiv 1502.01852).
constexpr Distribution kConvolutionWeight = {Distribution::Kind::kaiming_normal_fan_out, 1.4142135623730951};
constexpr Distribution kOnes = {Distribution::Kind::constant, 1.0};
constexpr Distribution kZeros = {Distribution::Kind::constant, 0.0};

// Weights and biases of linear layers: uniform within 1/sqrt(inputs).
Distribution fan_in_uniform(int64_t inputs) {
  return {Distribution::Kind::uniform, 1.0 / std::sqrt(static_cast<double>(inputs))};
}

}  // namespace

Activation activation_from_name(std::string_view name, const SourcePosition& position) {
  std::vector<std::string> names;
  for (const ActivationRow& row : kActivations) {
    if (row.name == name) return row.kind;
    names.emplace_back(row.name);
  }
  throw UserError(position, unknown_name_message("activation", name, names));
}

std::string_view activation_name(Activation activation) {
  for (const ActivationRow& row : kActivations) {
    if (row.kind == activation) return row.name;
  }
  throw InternalError("internal error: an activation without a name");
}

// --- scopes -------------------------------------------------------------------------------------------------------

namespace {

// Room for the networks that searches build by the thousand; larger ones grow.
constexpr size_t kUsualNodes = 96;
constexpr size_t kUsualValues = 320;

}  // namespace

GraphBuilder::GraphBuilder(std::string name) {
  graph_.name = std::move(name);
  graph_.reserve(kUsualNodes, kUsualValues);
}

Graph GraphBuilder::take() {
  Graph result = std::move(graph_);
  graph_ = Graph();
  path_.clear();
  return result;
}

GraphBuilder::ScopeGuard::ScopeGuard(GraphBuilder& builder, std::string_view name)
    : builder_(builder), outer_length_(builder.path_.size()), outer_scope_(builder.graph_.current_scope) {
  if (!builder.path_.empty() && !name.empty()) builder.path_ += '/';
  builder.path_ += name;
  builder.graph_.current_scope = builder.graph_.add_scope(builder.path_);
}

GraphBuilder::ScopeGuard::~ScopeGuard() {
  builder_.path_.resize(std::min(outer_length_, builder_.path_.size()));
  builder_.graph_.current_scope = outer_scope_;
}

std::string GraphBuilder::scoped(std::string_view name) const {
  std::string result;
  result.reserve(path_.size() + 1 + name.size());
  result += path_;
  if (!path_.empty() && !name.empty()) result += '/';
  result += name;
  return result;
}

// --- values and nodes ---------------------------------------------------------------------------------------------

ValueId GraphBuilder::input(std::string name, ElementType type, Shape shape) {
  return graph_.add_input(std::move(name), type, shape);
}

void GraphBuilder::output(ValueId value, std::string name) { graph_.add_output(value, std::move(name)); }

ValueId GraphBuilder::node(std::string_view op, std::vector<ValueId> inputs, Attributes attributes, int outputs,
                           std::string_view domain) {
  const NodeId id = graph_.add_node(op, std::move(inputs), outputs, std::move(attributes), domain);
  infer_node(graph_, id);
  return graph_.node(id).outputs[0];
}

ValueId GraphBuilder::constant(Tensor value, std::string_view name) {
  return shared_constant(name, std::make_shared<const Tensor>(std::move(value)));
}

// Constants without a name of their own are told apart by their number.
ValueId GraphBuilder::shared_constant(std::string_view name, std::shared_ptr<const Tensor> value) {
  std::string full = scoped(name.empty() ? "constant" : name);
  full += '_';
  full += std::to_string(graph_.values().size());
  return graph_.add_initializer(std::move(full), std::move(value));
}

ValueId GraphBuilder::integers(std::string_view name, std::initializer_list<int64_t> values) {
  return constant(Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values), name);
}

ValueId GraphBuilder::parameter(std::string_view name, Shape shape, Distribution distribution, bool trainable) {
  return graph_.add_parameter(scoped(name), ElementType::float32, shape, distribution, trainable);
}

const Shape& GraphBuilder::shape(ValueId x) const {
  const std::optional<Shape>& shape = graph_.value(x).shape;
  NACRE_CHECK(shape.has_value(), "a layer on a value of unknown rank: " + value_text(graph_, x));
  return *shape;
}

int64_t GraphBuilder::extent(ValueId x, int axis) const {
  const Shape& all = shape(x);
  const int resolved = axis < 0 ? axis + all.rank() : axis;
  NACRE_CHECK(resolved >= 0 && resolved < all.rank() && all[resolved].is_fixed(),
              "a layer needs a fixed extent: " + value_text(graph_, x));
  return all[resolved].extent();
}

int64_t GraphBuilder::channels(ValueId x) const { return extent(x, 1); }

// --- convolution and normalisation --------------------------------------------------------------------------------

ValueId GraphBuilder::convolution(std::string_view name, ValueId x, int64_t out_channels,
                                  const ConvolutionOptions& options) {
  const ScopeGuard guard(*this, name);
  const int64_t in_channels = channels(x);
  if (options.groups < 1 || in_channels % options.groups != 0) {
    throw UserError("convolution '" + path_ + "': " + std::to_string(in_channels) + " channels do not divide into " +
                    std::to_string(options.groups) + " groups");
  }
  NACRE_CHECK(options.padding.has_value() || options.kernel % 2 == 1, "an even kernel has no 'same' padding: " + path_);
  const int64_t group_channels = in_channels / options.groups;
  const int64_t k = options.kernel;
  std::vector<ValueId> inputs;
  inputs.reserve(3);
  inputs.push_back(x);
  inputs.push_back(parameter("weight", {out_channels, group_channels, k, k}, kConvolutionWeight));
  if (options.bias) inputs.push_back(parameter("bias", {out_channels}, fan_in_uniform(group_channels * k * k)));
  const int64_t padding = options.padding.value_or(options.dilation * (k - 1) / 2);
  Attributes attributes;
  attributes.reserve(4);
  attributes.set("kernel_shape", std::vector<int64_t>{k, k});
  if (padding != 0) attributes.set("pads", std::vector<int64_t>(4, padding));
  if (options.stride != 1) attributes.set("strides", std::vector<int64_t>(2, options.stride));
  if (options.dilation != 1) attributes.set("dilations", std::vector<int64_t>(2, options.dilation));
  if (options.groups != 1) attributes.set("group", options.groups);
  return node("Conv", std::move(inputs), std::move(attributes));
}

ValueId GraphBuilder::depthwise(std::string_view name, ValueId x, const ConvolutionOptions& options) {
  ConvolutionOptions grouped = options;
  grouped.groups = channels(x);
  return convolution(name, x, channels(x), grouped);
}

ValueId GraphBuilder::batch_norm(std::string_view name, ValueId x, float epsilon, float momentum) {
  const ScopeGuard guard(*this, name);
  const Shape per_channel = {channels(x)};
  const ValueId scale = parameter("weight", per_channel, kOnes);
  const ValueId bias = parameter("bias", per_channel, kZeros);
  const ValueId mean = parameter("running_mean", per_channel, kZeros, false);
  const ValueId variance = parameter("running_var", per_channel, kOnes, false);
  Attributes attributes;
  attributes.reserve(2);
  attributes.set("epsilon", epsilon);
  attributes.set("momentum", momentum);
  return node("BatchNormalization", {x, scale, bias, mean, variance}, std::move(attributes));
}

ValueId GraphBuilder::layer_norm(std::string_view name, ValueId x, float epsilon) {
  const ScopeGuard guard(*this, name);
  const Shape features = {extent(x, -1)};
  const ValueId scale = parameter("weight", features, kOnes);
  const ValueId bias = parameter("bias", features, kZeros);
  Attributes attributes;
  attributes.set("axis", int64_t{-1});
  attributes.set("epsilon", epsilon);
  return node("LayerNormalization", {x, scale, bias}, std::move(attributes));
}

ValueId GraphBuilder::convolution_norm_activation(std::string_view name, ValueId x, int64_t out_channels,
                                                  const ConvolutionOptions& options, Activation kind) {
  const ScopeGuard guard(*this, name);
  const ValueId convolved = convolution("conv", x, out_channels, options);
  return activation(batch_norm("bn", convolved), kind);
}

ValueId GraphBuilder::squeeze_excite(std::string_view name, ValueId x, int64_t squeezed, Activation gate) {
  const ScopeGuard guard(*this, name);
  const ConvolutionOptions pointwise = {.kernel = 1, .bias = true};
  const ValueId mean = global_average_pool(x);
  const ValueId narrow = activation(convolution("reduce", mean, squeezed, pointwise), Activation::relu);
  const ValueId wide = activation(convolution("expand", narrow, channels(x), pointwise), gate);
  return node("Mul", {x, wide});
}

// --- linear layers and attention ----------------------------------------------------------------------------------

ValueId GraphBuilder::linear(std::string_view name, ValueId x, int64_t out_features, bool bias) {
  const ScopeGuard guard(*this, name);
  const int64_t in_features = extent(x, -1);
  const Distribution distribution = fan_in_uniform(in_features);
  if (shape(x).rank() == 2) {
    std::vector<ValueId> inputs = {x, parameter("weight", {out_features, in_features}, distribution)};
    if (bias) inputs.push_back(parameter("bias", {out_features}, distribution));
    Attributes attributes;
    attributes.set("transB", int64_t{1});
    return node("Gemm", std::move(inputs), std::move(attributes));
  }
  const ValueId product = node("MatMul", {x, parameter("weight", {in_features, out_features}, distribution)});
  return bias ? add(product, parameter("bias", {out_features}, distribution)) : product;
}

ValueId GraphBuilder::self_attention(std::string_view name, ValueId x, int64_t heads) {
  const ScopeGuard guard(*this, name);
  const int64_t features = extent(x, 2);
  if (heads < 1 || features % heads != 0) {
    throw UserError("attention '" + path_ + "': " + std::to_string(features) + " features do not divide into " +
                    std::to_string(heads) + " heads");
  }
  const int64_t width = features / heads;
  // [batch, tokens, features] -> [batch, heads, tokens, width], keys turned for the product.
  const auto split = [&](std::string_view part, std::vector<int64_t> order) {
    const ValueId projected = linear(part, x, features);
    const ValueId parts = node("Reshape", {projected, integers("shape", {0, 0, heads, width})});
    Attributes attributes;
    attributes.set("perm", std::move(order));
    return node("Transpose", {parts}, std::move(attributes));
  };
  const ValueId query = split("query", {0, 2, 1, 3});
  const ValueId key = split("key", {0, 2, 3, 1});
  const ValueId value = split("value", {0, 2, 1, 3});
  const ValueId scale =
      constant(Tensor::scalar(static_cast<float>(1.0 / std::sqrt(static_cast<double>(width)))), "scale");
  const ValueId scores = node("Mul", {node("MatMul", {query, key}), scale});
  const ValueId mixed = node("MatMul", {node("Softmax", {scores}, {{"axis", int64_t{-1}}}), value});
  const ValueId merged = node("Transpose", {mixed}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  return linear("out", node("Reshape", {merged, integers("shape", {0, 0, features})}), features);
}

// --- layers without parameters ------------------------------------------------------------------------------------

ValueId GraphBuilder::activation(ValueId x, Activation kind) {
  switch (kind) {
    case Activation::none: return x;
    case Activation::relu: return node("Relu", {x});
    case Activation::relu6: {
      static const auto zero = std::make_shared<const Tensor>(Tensor::scalar(0.0F));
      static const auto six = std::make_shared<const Tensor>(Tensor::scalar(6.0F));
      const ValueId low = shared_constant("minimum", zero);
      return node("Clip", {x, low, shared_constant("maximum", six)});
    }
    case Activation::hard_swish: return node("HardSwish", {x});
    case Activation::hard_sigmoid: return node("HardSigmoid", {x}, {{"alpha", 1.0F / 6.0F}, {"beta", 0.5F}});
    case Activation::sigmoid: return node("Sigmoid", {x});
    case Activation::swish: return node("Mul", {x, node("Sigmoid", {x})});
    case Activation::gelu: return node("Gelu", {x});
    case Activation::tanh: return node("Tanh", {x});
  }
  throw InternalError("internal error: an activation without a layer");
}

ValueId GraphBuilder::channel_shuffle(ValueId x, int64_t groups) {
  const int64_t all = channels(x);
  if (groups < 1 || all % groups != 0) {
    throw UserError("channel shuffle in '" + path_ + "': " + std::to_string(all) + " channels do not divide into " +
                    std::to_string(groups) + " groups");
  }
  const int64_t height = extent(x, 2);
  const int64_t width = extent(x, 3);
  const ValueId parts = node("Reshape", {x, integers("shape", {0, groups, all / groups, height, width})});
  const ValueId turned = node("Transpose", {parts}, {{"perm", std::vector<int64_t>{0, 2, 1, 3, 4}}});
  return node("Reshape", {turned, integers("shape", {0, all, height, width})});
}

ValueId GraphBuilder::add(ValueId a, ValueId b) { return node("Add", {a, b}); }

namespace {

Attributes pool_attributes(int64_t kernel, int64_t stride, int64_t padding) {
  Attributes attributes;
  attributes.set("kernel_shape", std::vector<int64_t>(2, kernel));
  if (padding != 0) attributes.set("pads", std::vector<int64_t>(4, padding));
  if (stride != 1) attributes.set("strides", std::vector<int64_t>(2, stride));
  return attributes;
}

}  // namespace

ValueId GraphBuilder::max_pool(ValueId x, int64_t kernel, int64_t stride, int64_t padding) {
  return node("MaxPool", {x}, pool_attributes(kernel, stride, padding));
}

ValueId GraphBuilder::average_pool(ValueId x, int64_t kernel, int64_t stride, int64_t padding, bool count_padding) {
  Attributes attributes = pool_attributes(kernel, stride, padding);
  if (count_padding) attributes.set("count_include_pad", int64_t{1});
  return node("AveragePool", {x}, std::move(attributes));
}

ValueId GraphBuilder::global_average_pool(ValueId x) { return node("GlobalAveragePool", {x}); }

ValueId GraphBuilder::flatten(ValueId x) { return node("Flatten", {x}); }

ValueId GraphBuilder::dropout(ValueId x, float ratio) {
  return node("Dropout", {x, constant(Tensor::scalar(ratio), "ratio")});
}

}  // namespace nacre
