#include "nacre/space/spaces/hytra.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/space/blocks.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

constexpr int64_t kLargeImage = 112;  // from this side on the stem halves the image twice, as in the paper
constexpr int64_t kExpansion = 4;

class HytraSpace : public NetworkSpace {
 public:
  HytraSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("hytra", options, context),
        channels_(options.integers("channels")),
        layers_(options.integer("layers")),
        attention_scales_(options.integer("attention_scales")),
        head_width_(options.integer("head_width")),
        last_stride_(options.integer("last_stride")),
        any_start_(options.text("start") == "any"),
        any_step_(options.text("steps") == "any"),
        squeeze_excite_(options.boolean("squeeze_excite")),
        average_shortcut_(options.boolean("average_shortcut")),
        activation_(activation_from_name(options.text("activation"), options.position("activation"))) {
    const auto [input_channels, height, width] = image_extents();
    const bool large =
        options.text("stem") == "large" || (options.text("stem") == "auto" && std::min(height, width) >= kLargeImage);
    large_stem_ = large;
    check(options);
    const int64_t divisor = (large ? 4 : 1) * divisor_of_scales();
    if (height % divisor != 0 || width % divisor != 0)
      throw UserError(fmt::format("space 'hytra' with {} scales needs sides that are multiples of {}, found {} x {}",
                                  channels_.size(), divisor, height, width));
    stem_channels_ = options.has("stem_channels") ? options.integer("stem_channels") : channels_[0] / kExpansion;
  }

  // The decisions that lead to these scales and operators ("conv", "att"), one per layer.
  Decisions decide_layers(const std::vector<std::pair<size_t, std::string>>& layers) const {
    if (static_cast<int64_t>(layers.size()) != layers_)
      throw UserError(fmt::format("a hytra of this space has {} layers, found {}", layers_, layers.size()));
    std::vector<Decision> items;
    size_t scale = 0;
    for (size_t i = 0; i < layers.size(); ++i) {
      const std::vector<size_t> next = reachable(i, scale);
      const auto found = std::ranges::find(next, layers[i].first);
      if (found == next.end())
        throw UserError(fmt::format("layer {}: from {} channels there is no way to {}", i + 1, channels_[scale],
                                    channels_.at(layers[i].first)));
      const std::string prefix = layer_scope(i) + "/";
      if (next.size() > 1) items.push_back({prefix + scale_name(i, scale), found - next.begin()});
      scale = layers[i].first;
      const bool attends = layers[i].second == "att";
      if (offers_attention(scale))
        items.push_back({prefix + "op", attends ? 1 : 0});
      else if (attends)
        throw UserError(fmt::format("layer {}: there is no attention at {} channels", i + 1, channels_[scale]));
    }
    return Decisions(std::move(items));
  }

  // From the last scale up: attention where it is offered, then convolution.
  std::pair<size_t, std::string> meaning_of(char code) const {
    char at = '0';
    for (size_t scale = channels_.size(); scale-- > 0;) {
      if (offers_attention(scale) && at++ == code) return {scale, "att"};
      if (at++ == code) return {scale, "conv"};
    }
    throw UserError(
        fmt::format("a code of this hytra is a digit 0 .. {}, found '{}'", static_cast<char>(at - 1), code));
  }

  size_t scales() const { return channels_.size(); }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    x = b.convolution_norm_activation("stem", x, stem_channels_,
                                      {.kernel = large_stem_ ? 7 : 3, .stride = large_stem_ ? 2 : 1}, activation_);
    if (large_stem_) x = b.max_pool(x, 3, 2, 1);
    size_t scale = 0;
    for (size_t i = 0; i < static_cast<size_t>(layers_); ++i) {
      const auto scope = choose.scope(layer_scope(i), b);
      const std::vector<size_t> next = reachable(i, scale);
      std::vector<int64_t> alternatives;
      for (const size_t to : next) alternatives.push_back(channels_[to]);
      const int64_t chosen = choose.pick(scale_name(i, scale), alternatives).value();
      const size_t to = next[static_cast<size_t>(std::ranges::find(alternatives, chosen) - alternatives.begin())];
      x = one_layer(choose, b, x, scale, to);
      scale = to;
    }
    return classifier(choose, b, b.flatten(b.global_average_pool(x)), recipe);
  }

 private:
  void check(const Options& options) const {
    if (channels_.empty() || !std::ranges::is_sorted(channels_, std::less_equal<>()))
      throw UserError(options.position("channels"), "space.channels: expected ascending numbers");
    if (attention_scales_ > static_cast<int64_t>(channels_.size()))
      throw UserError(options.position("attention_scales"),
                      fmt::format("space.attention_scales: there are {} scales", channels_.size()));
    for (size_t scale = 0; scale < channels_.size(); ++scale) {
      if (channels_[scale] % kExpansion != 0)
        throw UserError(options.position("channels"), "space.channels: expected multiples of 4");
      if (offers_attention(scale) && channels_[scale] / kExpansion % head_width_ != 0)
        throw UserError(options.position("head_width"),
                        fmt::format("space.head_width: a quarter of {} channels does not divide into heads of {}",
                                    channels_[scale], head_width_));
    }
  }
  int64_t divisor_of_scales() const {
    int64_t divisor = 1;
    for (size_t scale = 1; scale < channels_.size(); ++scale) divisor *= stride_into(scale);
    return divisor;
  }
  static std::string layer_scope(size_t layer) { return fmt::format("layer{}", layer + 1); }
  std::string scale_name(size_t layer, size_t from) const {
    return layer == 0 ? "channels" : fmt::format("channels_after_{}", channels_[from]);
  }
  bool offers_attention(size_t scale) const {
    return static_cast<int64_t>(channels_.size() - scale) <= attention_scales_;
  }
  int64_t stride_into(size_t scale) const { return scale == 0 ? 1 : scale + 1 == channels_.size() ? last_stride_ : 2; }
  // Scales where a layer may be that comes after `from`.
  std::vector<size_t> reachable(size_t layer, size_t from) const {
    const bool all = layer == 0 ? any_start_ : any_step_;
    std::vector<size_t> scales;
    for (size_t to = from; to < channels_.size() && (all || to <= from + 1); ++to) scales.push_back(to);
    return scales;
  }

  ValueId one_layer(Chooser& choose, GraphBuilder& b, ValueId x, size_t from, size_t to) const {
    for (size_t passed = from + 1; passed < to; ++passed)  // scales that are jumped over
      x = b.convolution_norm_activation(fmt::format("pass{}", channels_[passed]), x, channels_[passed],
                                        {.kernel = 3, .stride = stride_into(passed)}, activation_);
    const int64_t stride = to > from ? stride_into(to) : 1;
    const auto scope = b.scope(fmt::format("at{}", channels_[to]));
    const auto branch = [this, to, stride](const char* kind) {
      return Branch{kind,
                    [this, to, stride, attends = std::string_view(kind) == "att", kind](GraphBuilder& b2, ValueId y) {
                      const auto inside = b2.scope(kind);
                      return residual(b2, y, channels_[to], stride, attends);
                    }};
    };
    std::vector<Branch> branches = {branch("conv")};
    if (offers_attention(to)) branches.push_back(branch("att"));
    return choose.layer("op", b, x, branches);
  }

  ValueId residual(GraphBuilder& b, ValueId x, int64_t channels, int64_t stride, bool attends) const {
    const int64_t middle = channels / kExpansion;
    const std::string going = stride > 1 ? "_down" : "";  // what is strided has weights of its own
    ValueId y = b.convolution("reduce" + going, x, middle, {.kernel = 1});
    y = b.depthwise("position" + going, y, {.kernel = 3, .stride = stride, .bias = true});
    y = b.activation(b.batch_norm("norm1" + going, y), activation_);
    y = attends ? grid_attention("attention", b, y, middle / head_width_)
                : b.convolution("conv", y, middle, {.kernel = 3});
    y = b.activation(b.batch_norm("norm2", y), activation_);
    y = zero_scaled_norm("norm3", b, b.convolution("expand", y, channels, {.kernel = 1}));
    if (squeeze_excite_ && !attends)
      y = b.squeeze_excite("squeeze_excite", y, std::max<int64_t>(channels / 16, 8), Activation::sigmoid);
    return b.activation(b.add(y, shortcut(b, x, channels, stride)), activation_);
  }

  ValueId shortcut(GraphBuilder& b, ValueId x, int64_t channels, int64_t stride) const {
    const int64_t from = b.channels(x);
    if (stride == 1 && from == channels) return x;
    const std::string name = stride > 1 ? "shortcut_down" : "shortcut";
    if (average_shortcut_) {
      if (stride > 1) x = b.average_pool(x, stride, stride, 0);
      return b.convolution_norm_activation(name, x, channels, {.kernel = 1}, Activation::none);
    }
    return b.convolution_norm_activation(name, x, channels, {.kernel = stride > 1 ? 3 : 1, .stride = stride},
                                         activation_);
  }

  std::vector<int64_t> channels_;
  int64_t layers_, attention_scales_, head_width_, last_stride_, stem_channels_ = 0;
  bool any_start_, any_step_, squeeze_excite_, average_shortcut_;
  Activation activation_;
  bool large_stem_ = false;
};

Parameter whole(std::string name, std::string description, Json fallback, double low, double high) {
  return {.name = std::move(name),
          .type = ParameterType::integer,
          .description = std::move(description),
          .default_value = std::move(fallback),
          .minimum = low,
          .maximum = high};
}

}  // namespace

RegistryRecord hytra_record() {
  return {
      .name = "hytra",
      .summary = "residual layers of convolution or attention at scales that only go down; where they do is searched",
      .source = "BossNAS, Li et al. 2021, arXiv 2103.12424",
      .parameters = network_space_parameters(
          {{.name = "channels",
            .type = ParameterType::integer_list,
            .description = "channels at each scale; every scale but the first halves the image",
            .default_value = Json::array({256, 512, 1024, 2048}),
            .minimum = 4,
            .maximum = 65536},
           whole("layers", "after the stem", 16, 1, 64),
           whole("attention_scales", "so many of the last scales offer attention", 2, 0, 16),
           whole("head_width", "channels of an attention head", 64, 1, 4096),
           whole("last_stride", "into the last scale; 1: it keeps the image's size (BossNet-T1)", 2, 1, 2),
           {.name = "start",
            .type = ParameterType::text,
            .description = "where the first layer may be: at any scale, or at most one step below the first",
            .default_value = "any",
            .choices = {"any", "one"}},
           {.name = "steps",
            .type = ParameterType::text,
            .description = "how many scales a later layer may go down",
            .default_value = "one",
            .choices = {"one", "any"}},
           {.name = "stem",
            .type = ParameterType::text,
            .description = "small: 3x3; large: 7x7 and pooling, a quarter of the image; auto: by the image",
            .default_value = "auto",
            .choices = {"auto", "small", "large"}},
           whole("stem_channels", "a quarter of the first scale's when not given", nullptr, 1, 65536),
           {.name = "activation",
            .type = ParameterType::text,
            .description = "of all layers",
            .default_value = "relu",
            .choices = {"relu", "swish", "hard_swish", "gelu"}},
           {.name = "squeeze_excite",
            .type = ParameterType::boolean,
            .description = "gates on the convolutional layers' channels (BossNet-T)",
            .default_value = false},
           {.name = "average_shortcut",
            .type = ParameterType::boolean,
            .description =
                "shortcuts that change shape average and project by 1x1, in place of a convolution (BossNet-T)",
            .default_value = false}}),
      .example = "space:\n  kind: hytra\n  channels: [32, 64]\n  layers: 4\n  head_width: 8\n  stem: small\n"};
}

std::unique_ptr<Space> make_hytra_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<HytraSpace>(options, context);
}

Decisions hytra_decisions(const Space& space, const std::string& text) {
  const auto* hytra = dynamic_cast<const HytraSpace*>(&space);
  NACRE_CHECK(hytra != nullptr, "not a hytra space");
  std::vector<std::pair<size_t, std::string>> layers;
  if (text.find('|') == std::string::npos) {
    for (const char code : text) layers.push_back(hytra->meaning_of(code));
    return hytra->decide_layers(layers);
  }
  size_t scale = 0;
  for (const char c : text) {
    if (c == '|') {
      if (++scale >= hytra->scales())
        throw UserError(fmt::format("genotype '{}' has more scales than the space's {}", text, hytra->scales()));
    } else if (c == '0' || c == '1') {
      layers.emplace_back(scale, c == '0' ? "att" : "conv");
    } else {
      throw UserError(fmt::format("genotype '{}': expected 0 (att), 1 (conv) and | between scales", text));
    }
  }
  return hytra->decide_layers(layers);
}

}  // namespace nacre
