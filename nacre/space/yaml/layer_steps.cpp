// Steps that are layers: the words of GraphBuilder and of space/blocks.hpp. They run in a scope of their own, so the layers
// they add have no further name.
#include <fmt/format.h>

#include "nacre/ir/tensor.hpp"
#include "nacre/space/blocks.hpp"
#include "nacre/space/yaml/step.hpp"

namespace nacre::yaml_space {
namespace {

constexpr int64_t kLargestSize = 1 << 24;

void need_rank(const Place& place, int rank, const char* what) {
  const Shape& shape = place.builder.shape(place.x);
  if (shape.rank() != rank)
    throw UserError(fmt::format("expected {}, found the shape {}", what, place.builder.graph().shape_text(shape)));
}

void need_image(const Place& place) { need_rank(place, 4, "an image [batch, channels, height, width]"); }

// Sizes of layers are bounded, so that a slip of the pen is an error here and not an exhausted memory later.
Choice bounded(const Size& size, const Place& place, const char* key, int64_t least = 1) {
  const Choice value = size.evaluate(place);
  if (value.elastic() < least || value.elastic() > kLargestSize) {
    throw UserError(fmt::format("{} must be {} .. {}, found {}", key, least, kLargestSize, value.elastic()));
  }
  return value;
}

// For sizes on which the form of the network depends: a choice among them is structural.
int64_t plain(const Size& size, const Place& place, const char* key, int64_t least = 1) {
  return bounded(size, place, key, least).value();
}

Choice odd_kernel(const Size& size, const Place& place) {
  const Choice kernel = bounded(size, place, "kernel");
  if (kernel.elastic() % 2 == 0) throw UserError(fmt::format("kernel must be odd, found {}", kernel.elastic()));
  return kernel;
}

const std::vector<std::string>& activation_words() {
  static const std::vector<std::string> kWords = {"none",    "relu",  "relu6", "hard_swish", "hard_sigmoid",
                                                  "sigmoid", "swish", "gelu",  "tanh"};
  return kWords;
}

Activation read_activation(const StepReader& reader, const std::string& key) {
  return activation_from_name(reader.word(key, activation_words()));
}

// --- convolutions

struct ConvolutionSizes {
  Size kernel, stride, dilation, groups;
  bool bias;

  explicit ConvolutionSizes(const StepReader& reader)
      : kernel(reader.size("kernel")),
        stride(reader.size("stride")),
        dilation(reader.size("dilation")),
        groups(reader.size("groups")),
        bias(reader.boolean("bias")) {}

  ElasticConvolution evaluate(const Place& place) const {
    return {.kernel = odd_kernel(kernel, place),
            .stride = plain(stride, place, "stride"),
            .dilation = plain(dilation, place, "dilation"),
            .groups = plain(groups, place, "groups"),
            .bias = bias};
  }
};

void check_groups(const Choice& out, int64_t groups) {
  if (out.elastic() % groups != 0)
    throw UserError(fmt::format("{} output channels do not divide into {} groups", out.elastic(), groups));
}

void read_convolution(StepReader& reader, Step& step) {
  step.run = [out = reader.size("out"), sizes = ConvolutionSizes(reader)](const Place& place) {
    need_image(place);
    const Choice channels = bounded(out, place, "out");
    const ElasticConvolution options = sizes.evaluate(place);
    check_groups(channels, options.groups);
    return place.layers().convolution("", place.x, channels, options);
  };
}

void read_convolution_norm_activation(StepReader& reader, Step& step) {
  step.run = [out = reader.size("out"), sizes = ConvolutionSizes(reader),
              kind = read_activation(reader, "activation")](const Place& place) {
    need_image(place);
    const Choice channels = bounded(out, place, "out");
    const ElasticConvolution options = sizes.evaluate(place);
    check_groups(channels, options.groups);
    return place.layers().convolution_norm_activation("", place.x, channels, options, kind);
  };
}

void read_depthwise(StepReader& reader, Step& step) {
  step.run = [kernel = reader.size("kernel"), stride = reader.size("stride"), dilation = reader.size("dilation"),
              bias = reader.boolean("bias")](const Place& place) {
    need_image(place);
    return place.layers().depthwise("", place.x,
                                    {.kernel = odd_kernel(kernel, place),
                                     .stride = plain(stride, place, "stride"),
                                     .dilation = plain(dilation, place, "dilation"),
                                     .bias = bias});
  };
}

void read_inverted_residual(StepReader& reader, Step& step) {
  step.run = [out = reader.size("out"), kernel = reader.size("kernel"), expansion = reader.size("expansion"),
              groups = reader.size("groups"), stride = reader.size("stride"),
              kind = read_activation(reader, "activation"),
              squeeze_excite = reader.boolean("squeeze_excite")](const Place& place) {
    need_image(place);
    const InvertedResidual options{.kernel = odd_kernel(kernel, place),
                                   .expansion = bounded(expansion, place, "expansion"),
                                   .groups = plain(groups, place, "groups"),
                                   .stride = plain(stride, place, "stride"),
                                   .activation = kind,
                                   .squeeze_excite = squeeze_excite};
    const Choice channels = bounded(out, place, "out");
    check_groups(channels, options.groups);
    return inverted_residual(place.choose(), place.builder, place.x, channels, options);
  };
}

void read_skip_connection(StepReader& reader, Step& step) {
  step.run = [out = reader.size("out"), stride = reader.size("stride"),
              kind = read_activation(reader, "activation")](const Place& place) {
    need_image(place);
    return skip_connection(place.choose(), place.builder, place.x, bounded(out, place, "out"),
                           plain(stride, place, "stride"), kind);
  };
}

void read_residual_block(StepReader& reader, Step& step) {
  step.run = [bottleneck = step.kind == "bottleneck_block", out = reader.size("out"), kernel = reader.size("kernel"),
              stride = reader.size("stride"), kind = read_activation(reader, "activation")](const Place& place) {
    need_image(place);
    const ResidualBlock options{
        .kernel = odd_kernel(kernel, place), .stride = plain(stride, place, "stride"), .activation = kind};
    const auto block = bottleneck ? bottleneck_block : basic_block;
    return block(place.choose(), place.builder, place.x, bounded(out, place, "out"), options);
  };
}

void read_squeeze_excite(StepReader& reader, Step& step) {
  step.run = [reduction = reader.size("reduction"), gate = read_activation(reader, "gate")](const Place& place) {
    need_image(place);
    ElasticBuilder layers = place.layers();
    return layers.squeeze_excite(
        "", place.x, make_divisible(layers.channels(place.x) / plain(reduction, place, "reduction"), 4), gate);
  };
}

// --- normalization, activation, pooling

void read_batch_norm(StepReader&, Step& step) {
  step.run = [](const Place& place) {
    if (place.builder.shape(place.x).rank() < 2) throw UserError("expected a value with channels");
    return place.layers().batch_norm("", place.x);
  };
}

void read_layer_norm(StepReader&, Step& step) {
  step.run = [](const Place& place) { return place.layers().layer_norm("", place.x); };
}

void read_activation_step(StepReader& reader, Step& step) {
  step.run = [kind = read_activation(reader, "kind")](const Place& place) {
    return place.layers().activation(place.x, kind);
  };
}

void read_channel_shuffle(StepReader& reader, Step& step) {
  step.run = [groups = reader.size("groups")](const Place& place) {
    need_image(place);
    return place.layers().same_channels(place.x,
                                        place.builder.channel_shuffle(place.x, plain(groups, place, "groups")));
  };
}

void read_pool(StepReader& reader, Step& step) {
  step.run = [average = step.kind == "average_pool", kernel = reader.size("kernel"), stride = reader.size("stride"),
              padding = reader.size("padding")](const Place& place) {
    need_image(place);
    const int64_t k = plain(kernel, place, "kernel");
    const int64_t s = plain(stride, place, "stride");
    const int64_t p = plain(padding, place, "padding", 0);
    if (p >= k) throw UserError(fmt::format("padding must be less than the kernel, found {} and {}", p, k));
    for (const int axis : {2, 3}) {
      const int64_t extent = place.builder.extent(place.x, axis);
      if (extent + 2 * p < k) throw UserError(fmt::format("a kernel of {} does not fit an extent of {}", k, extent));
    }
    return place.layers().same_channels(
        place.x, average ? place.builder.average_pool(place.x, k, s, p) : place.builder.max_pool(place.x, k, s, p));
  };
}

void read_global_average_pool(StepReader&, Step& step) {
  step.run = [](const Place& place) {
    need_image(place);
    return place.layers().same_channels(place.x, place.builder.global_average_pool(place.x));
  };
}

void read_flatten(StepReader&, Step& step) {
  step.run = [](const Place& place) {
    const ValueId flat = place.builder.flatten(place.x);
    const Shape& shape = place.builder.shape(place.x);
    const bool channels_remain =
        shape.rank() == 4 && place.builder.extent(place.x, 2) == 1 && place.builder.extent(place.x, 3) == 1;
    return channels_remain ? place.layers().same_channels(place.x, flat) : flat;
  };
}

// --- features and tokens

void read_linear(StepReader& reader, Step& step) {
  step.run = [out = reader.size("out"), bias = reader.boolean("bias")](const Place& place) {
    if (place.builder.shape(place.x).rank() > 3)
      throw UserError("expected features [batch, features] or tokens; put flatten or tokens before");
    return place.layers().linear("", place.x, bounded(out, place, "out"), bias);
  };
}

void read_dropout(StepReader& reader, Step& step) {
  const std::string ratio = reader.word("ratio");
  double number = 0;
  if (ratio != "recipe") {
    number = reader.value("ratio").as_real("dropout.ratio");
    if (!(number >= 0 && number < 1))
      throw UserError(reader.value("ratio").position,
                      "dropout.ratio: expected a number 0 .. 1 or recipe, found " + ratio);
  }
  step.run = [from_recipe = ratio == "recipe", number](const Place& place) {
    const double chosen = from_recipe ? place.build.recipe.dropout : number;
    return chosen > 0
               ? place.layers().same_channels(place.x, place.builder.dropout(place.x, static_cast<float>(chosen)))
               : place.x;
  };
}

void read_classifier(StepReader&, Step& step) {
  step.run = [](const Place& place) {
    need_rank(place, 2, "features [batch, features]; put global_average_pool and flatten before");
    const double dropout = place.build.recipe.dropout;
    ValueId x = place.x;
    if (dropout > 0) x = place.layers().same_channels(x, place.builder.dropout(x, static_cast<float>(dropout)));
    return place.layers().linear("", x, place.build.classes);
  };
}

void read_tokens(StepReader&, Step& step) {
  step.run = [](const Place& place) {
    need_image(place);
    return image_tokens(place.builder, place.x);
  };
}

void read_mean_tokens(StepReader&, Step& step) {
  step.run = [](const Place& place) {
    need_rank(place, 3, "tokens [batch, tokens, features]");
    return mean_tokens(place.builder, place.x);
  };
}

void read_self_attention(StepReader& reader, Step& step) {
  step.run = [heads = reader.size("heads")](const Place& place) {
    need_rank(place, 3, "tokens [batch, tokens, features]");
    return place.builder.self_attention("", place.x, plain(heads, place, "heads"));
  };
}

// --- records

const StepKey kOut = {"out", "output channels"};
const StepKey kKernel = {"kernel", "odd", "3"};
const StepKey kStride = {"stride", "", "1"};
const StepKey kDilation = {"dilation", "", "1"};
const StepKey kGroups = {"groups", "", "1"};
const StepKey kBias = {"bias", "", "false"};
const StepKey kActivation = {"activation", "", "relu"};

}  // namespace

std::span<const StepKind> layer_step_kinds() {
  static const std::vector<StepKind> kKinds = {
      {"convolution",
       "a convolution with 'same' padding",
       {kOut, kKernel, kStride, kDilation, kGroups, kBias},
       "out",
       read_convolution},
      {"convolution_norm_activation",
       "a convolution, batch-norm and an activation",
       {kOut, kKernel, kStride, kDilation, kGroups, kBias, kActivation},
       "out",
       read_convolution_norm_activation},
      {"depthwise",
       "a convolution of each channel by itself",
       {kKernel, kStride, kDilation, kBias},
       "kernel",
       read_depthwise},
      {"inverted_residual",
       "1x1 expansion, depthwise, 1x1 projection (arXiv 1801.04381)",
       {kOut,
        kKernel,
        {"expansion", "middle over input channels", "6"},
        kGroups,
        kStride,
        kActivation,
        {"squeeze_excite", "", "false"}},
       "out",
       read_inverted_residual},
      {"skip_connection",
       "the identity, or a strided 1x1 convolution where shapes differ",
       {kOut, kStride, kActivation},
       "out",
       read_skip_connection},
      {"basic_block",
       "two convolutions and a shortcut (arXiv 1512.03385)",
       {kOut, kKernel, kStride, kActivation},
       "out",
       read_residual_block},
      {"bottleneck_block",
       "1x1, k x k, 1x1 and a shortcut (arXiv 1512.03385)",
       {kOut, kKernel, kStride, kActivation},
       "out",
       read_residual_block},
      {"squeeze_excite",
       "channels scaled by a gate (arXiv 1709.01507)",
       {{"reduction", "of channels inside", "4"}, {"gate", "activation of the gate", "hard_sigmoid"}},
       "reduction",
       read_squeeze_excite},
      {"batch_norm", "batch normalization over channels", {}, "", read_batch_norm},
      {"layer_norm", "normalization over the last axis", {}, "", read_layer_norm},
      {"activation",
       "relu, relu6, hard_swish, hard_sigmoid, sigmoid, swish, gelu or tanh",
       {{"kind", "which"}},
       "kind",
       read_activation_step},
      {"channel_shuffle",
       "channels of groups mixed (arXiv 1707.01083)",
       {{"groups", "how many"}},
       "groups",
       read_channel_shuffle},
      {"max_pool",
       "largest of a window",
       {{"kernel", "", "2"}, {"stride", "", "2"}, {"padding", "", "0"}},
       "kernel",
       read_pool},
      {"average_pool",
       "mean of a window",
       {{"kernel", "", "2"}, {"stride", "", "2"}, {"padding", "", "0"}},
       "kernel",
       read_pool},
      {"global_average_pool", "mean over the image, 1x1 remains", {}, "", read_global_average_pool},
      {"flatten", "all axes but the batch in one", {}, "", read_flatten},
      {"linear",
       "a linear layer over the last axis",
       {{"out", "output features"}, {"bias", "", "true"}},
       "out",
       read_linear},
      {"dropout",
       "zeroes features in training",
       {{"ratio", "0 .. 1, or recipe for train.dropout", "recipe"}},
       "ratio",
       read_dropout},
      {"classifier", "dropout of the recipe and a linear layer to the classes", {}, "", read_classifier},
      {"tokens", "an image as tokens [batch, height * width, channels]", {}, "", read_tokens},
      {"mean_tokens", "the mean over tokens", {}, "", read_mean_tokens},
      {"self_attention",
       "multi-head self-attention over tokens (arXiv 1706.03762)",
       {{"heads", "divide the features", "4"}},
       "heads",
       read_self_attention}};
  return kKinds;
}

}  // namespace nacre::yaml_space
