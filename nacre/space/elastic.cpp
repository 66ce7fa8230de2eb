#include "nacre/space/elastic.hpp"

#include <fmt/format.h>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

ConvolutionOptions plain(const ElasticConvolution& options) {
  return {.kernel = options.kernel.elastic(),
          .stride = options.stride,
          .dilation = options.dilation,
          .groups = options.groups,
          .bias = options.bias,
          .padding = options.padding};
}

int64_t positive(std::string_view what, std::string_view name, const Choice& size) {
  if (size.elastic() < 1)
    throw UserError(
        fmt::format("layer '{}': {} must be at least 1, found {} = {}", name, what, size.text(), size.elastic()));
  return size.elastic();
}

}  // namespace

void ElasticTable::note(ValueId value, int axis, const Choice& extent) {
  if (!extent.is_constant()) entries_.insert_or_assign({value, axis}, extent);
}

const Choice* ElasticTable::find(ValueId value, int axis) const {
  const auto found = entries_.find({value, axis});
  return found == entries_.end() ? nullptr : &found->second;
}

Choice ElasticBuilder::channels(ValueId x) const {
  if (table_ != nullptr) {
    if (const Choice* elastic = table_->find(x, 1)) return *elastic;
  }
  return Choice(builder_.channels(x));
}

ValueId ElasticBuilder::same_channels(ValueId from, ValueId to) {
  if (table_ != nullptr) {
    if (const Choice* elastic = table_->find(from, 1)) table_->note(to, 1, *elastic);
  }
  return to;
}

void ElasticBuilder::note_convolution(ValueId result, const Choice& in_channels, const Choice& out_channels,
                                      const Choice& kernel, bool depthwise) {
  const Graph& graph = builder_.graph();
  const Node& node = graph.node(graph.value(result).producer);
  const ValueId weight = node.inputs[1];
  table_->note(weight, 0, out_channels);
  if (!depthwise) table_->note(weight, 1, in_channels / node.attributes.integer("group", 1));
  table_->note(weight, 2, kernel);
  table_->note(weight, 3, kernel);
  if (node.inputs.size() > 2) table_->note(node.inputs[2], 0, out_channels);
  table_->note(result, 1, out_channels);
}

// Scale, bias and statistics of a normalization over `axis` of x.
void ElasticBuilder::note_features(ValueId result, ValueId x, int axis) {
  const Choice* elastic = table_->find(x, axis);
  if (elastic == nullptr) return;
  const Choice extent = *elastic;
  const Graph& graph = builder_.graph();
  const Node& node = graph.node(graph.value(result).producer);
  for (size_t i = 1; i < node.inputs.size(); ++i) table_->note(node.inputs[i], 0, extent);
  table_->note(result, axis, extent);
}

ValueId ElasticBuilder::convolution(std::string_view name, ValueId x, const Choice& out_channels,
                                    const ElasticConvolution& options) {
  positive("kernel", name, options.kernel);
  const ValueId result = builder_.convolution(name, x, positive("channels", name, out_channels), plain(options));
  if (table_ != nullptr) note_convolution(result, channels(x), out_channels, options.kernel, false);
  return result;
}

ValueId ElasticBuilder::depthwise(std::string_view name, ValueId x, const ElasticConvolution& options) {
  positive("kernel", name, options.kernel);
  const ValueId result = builder_.depthwise(name, x, plain(options));
  if (table_ != nullptr) note_convolution(result, channels(x), channels(x), options.kernel, true);
  return result;
}

ValueId ElasticBuilder::batch_norm(std::string_view name, ValueId x) {
  const ValueId result = builder_.batch_norm(name, x);
  if (table_ != nullptr) note_features(result, x, 1);
  return result;
}

ValueId ElasticBuilder::layer_norm(std::string_view name, ValueId x) {
  const ValueId result = builder_.layer_norm(name, x);
  if (table_ != nullptr) note_features(result, x, builder_.shape(x).rank() - 1);
  return result;
}

ValueId ElasticBuilder::upsample(std::string_view name, ValueId x, const Choice& out_channels, int64_t factor) {
  const auto scope = builder_.scope(name);
  const ValueId weight =
      builder_.parameter("weight", {channels(x).elastic(), positive("channels", name, out_channels), factor, factor},
                         {Distribution::Kind::kaiming_normal_fan_in, 1.0});
  const ValueId result =
      builder_.node("ConvTranspose", {x, weight}, {{"strides", std::vector<int64_t>{factor, factor}}});
  if (table_ != nullptr) {
    table_->note(weight, 0, channels(x));
    table_->note(weight, 1, out_channels);
    table_->note(result, 1, out_channels);
  }
  return result;
}

ValueId ElasticBuilder::concatenate(ValueId a, ValueId b) {
  if (table_ != nullptr && (table_->find(a, 1) != nullptr || table_->find(b, 1) != nullptr)) {
    throw UserError("channels that depend on decisions (" + channels(a).text() + ", " + channels(b).text() +
                    ") are concatenated: such a space has no weights that networks could share");
  }
  return builder_.node("Concat", {a, b}, {{"axis", int64_t{1}}});
}

ValueId ElasticBuilder::convolution_norm_activation(std::string_view name, ValueId x, const Choice& out_channels,
                                                    const ElasticConvolution& options, Activation kind) {
  const auto scope = builder_.scope(name);
  return activation(batch_norm("bn", convolution("conv", x, out_channels, options)), kind);
}

ValueId ElasticBuilder::depthwise_norm_activation(std::string_view name, ValueId x, const ElasticConvolution& options,
                                                  Activation kind) {
  const auto scope = builder_.scope(name);
  return activation(batch_norm("bn", depthwise("conv", x, options)), kind);
}

ValueId ElasticBuilder::activation(ValueId x, Activation kind) {
  return same_channels(x, builder_.activation(x, kind));
}

ValueId ElasticBuilder::squeeze_excite(std::string_view name, ValueId x, const Choice& squeezed, Activation gate) {
  const size_t first = builder_.graph().nodes().size();
  const ValueId result = builder_.squeeze_excite(name, x, positive("squeezed channels", name, squeezed), gate);
  if (table_ == nullptr) return result;
  const Choice all = channels(x);
  Choice current = all;
  bool reducing = true;  // of its two convolutions the first reduces, the second expands
  for (size_t i = first; i < builder_.graph().nodes().size(); ++i) {
    const Node& node = builder_.graph().nodes()[i];
    if (node.op == "Conv") {
      const Choice out = reducing ? squeezed : all;
      note_convolution(node.outputs[0], current, out, 1, false);
      current = out;
      reducing = false;
    } else {
      table_->note(node.outputs[0], 1, current);
    }
  }
  return same_channels(x, result);
}

ValueId ElasticBuilder::linear(std::string_view name, ValueId x, const Choice& out_features, bool bias) {
  const int last = builder_.shape(x).rank() - 1;
  const ValueId result = builder_.linear(name, x, positive("features", name, out_features), bias);
  if (table_ == nullptr) return result;
  const Graph& graph = builder_.graph();
  const Node* node = &graph.node(graph.value(result).producer);
  const bool gemm = node->op == "Gemm";
  if (gemm && node->inputs.size() > 2) table_->note(node->inputs[2], 0, out_features);
  if (node->op == "Add") {  // past rank 2: MatMul, then the bias
    table_->note(node->inputs[1], 0, out_features);
    table_->note(node->inputs[0], last, out_features);
    node = &graph.node(graph.value(node->inputs[0]).producer);
  }
  table_->note(node->inputs[1], gemm ? 0 : 1, out_features);  // a Gemm holds its weight transposed
  if (const Choice* in_features = table_->find(x, last)) {
    const Choice in = *in_features;
    table_->note(node->inputs[1], gemm ? 1 : 0, in);
  }
  table_->note(result, last, out_features);
  return result;
}

}  // namespace nacre
