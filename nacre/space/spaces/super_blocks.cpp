#include "nacre/space/spaces/super_blocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>

#include "nacre/space/blocks.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

// What the options leave open.
struct Preset {
  std::string name;
  std::string family;
  std::vector<int64_t> strides;
  int64_t stem_stride;
  int64_t head;
  int64_t stem_least, stem_most, stem_step;
  int64_t channels_most, channels_step;
  int64_t bottleneck_most, bottleneck_step;
  std::vector<int64_t> kernels;
  int64_t depth_most;
};

const std::vector<Preset>& presets() {
  static const std::vector<Preset> kPresets = {
      {"deepmad_resnet", "residual", {2, 2, 2, 1, 2}, 2, 0, 16, 64, 8, 2048, 8, 512, 8, {3, 5}, 24},
      {"deepmad_mobile", "inverted", {1, 2, 2, 2, 2}, 2, 1792, 16, 48, 8, 1280, 8, 3840, 16, {3, 5, 7}, 16},
      {"small_resnet", "residual", {1, 2, 2}, 1, 0, 8, 32, 4, 256, 8, 64, 4, {3, 5}, 12},
      {"small_mobile", "inverted", {1, 2, 2}, 1, 0, 8, 32, 4, 128, 8, 384, 16, {3, 5}, 8}};
  return kPresets;
}

const Preset& preset_of(const std::string& name) {
  const auto found = std::ranges::find(presets(), name, &Preset::name);
  NACRE_CHECK(found != presets().end());
  return *found;
}

std::vector<int64_t> steps(int64_t least, int64_t most, int64_t step) {
  std::vector<int64_t> numbers;
  for (int64_t number = least; number <= most; number += step) numbers.push_back(number);
  return numbers;
}

// round(0.25 m) brought down to a multiple of 8, at least 8: of the bottleneck m, as the released networks have it.
Choice squeezed(const Choice& bottleneck) { return (bottleneck + 2) / 4 / 8 * 8; }

int64_t halved(int64_t extent, int64_t stride) { return (extent + stride - 1) / stride; }

class SuperBlocksSpace final : public NetworkSpace {
 public:
  SuperBlocksSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("super_blocks", options, context), extents_(image_extents()) {
    const Preset& preset = preset_of(options.text("preset") == "auto"
                                         ? (std::min(extents_[1], extents_[2]) > 96 ? "deepmad_resnet" : "small_resnet")
                                         : options.text("preset"));
    inverted_ = preset.family == "inverted";
    const auto given = [&](const char* key, std::vector<int64_t> fallback) {
      std::vector<int64_t> numbers = options.integers(key);
      if (numbers.empty()) return fallback;
      std::vector<int64_t> sorted = numbers;
      std::ranges::sort(sorted);
      if (std::ranges::adjacent_find(sorted) != sorted.end())
        throw UserError(options.position(key), fmt::format("space.{}: a number stands twice", key));
      return sorted;
    };
    stem_ = given("stem_channels", steps(preset.stem_least, preset.stem_most, preset.stem_step));
    channels_ = given("channels", steps(preset.channels_step, preset.channels_most, preset.channels_step));
    // Below 30 channels a bottleneck has no room for squeeze-and-excitation of a quarter.
    bottlenecks_ = given(
        "bottlenecks", steps(inverted_ ? 32 : preset.bottleneck_step, preset.bottleneck_most, preset.bottleneck_step));
    kernels_ = given("kernels", preset.kernels);
    depths_ = given("depths", steps(1, preset.depth_most, 1));
    strides_ = options.integers("strides").empty() ? preset.strides : options.integers("strides");
    stem_kernel_ = options.integer("stem_kernel");
    stem_stride_ = options.has("stem_stride") ? options.integer("stem_stride") : preset.stem_stride;
    head_ = options.has("head_channels") ? options.integer("head_channels") : preset.head;
    for (const int64_t kernel : kernels_) check_odd(kernel, options.position("kernels"), "kernels");
    check_odd(stem_kernel_, options.position("stem_kernel"), "stem_kernel");
    if (inverted_ && bottlenecks_.front() < 30)
      throw UserError(options.position("bottlenecks"), "space.bottlenecks: inverted blocks need 30 or more, found " +
                                                           std::to_string(bottlenecks_.front()));
  }

  Decisions parse(const std::string& text) const {
    const auto malformed = [&] {
      return UserError(
          "network: expected 'stem; channels,bottleneck,kernel,depth ...', e.g. '32; 96,40,5,1 384,40,5,6', found '" +
          text + "'");
    };
    std::istringstream stream(text);
    Decisions decisions;
    int64_t stem = 0;
    char mark = 0;
    if (!(stream >> stem >> mark) || mark != ';') throw malformed();
    decide(decisions, "stem/channels", stem_, stem);
    size_t count = 0;
    for (int64_t channels = 0; stream >> channels;) {
      int64_t bottleneck = 0, kernel = 0, depth = 0;
      std::array<char, 3> commas = {};
      stream >> commas[0] >> bottleneck >> commas[1] >> kernel >> commas[2] >> depth;
      if (!stream || commas != std::array{',', ',', ','}) throw malformed();
      const std::string scope = "block" + std::to_string(++count);
      decide(decisions, scope + "/channels", channels_, channels);
      decide(decisions, scope + "/bottleneck", bottlenecks_, bottleneck);
      decide(decisions, scope + "/kernel", kernels_, kernel);
      decide(decisions, scope + "/depth", depths_, depth);
    }
    if (!stream.eof()) throw malformed();
    if (count != strides_.size()) {
      throw UserError(fmt::format("network: expected {} super-blocks, one for each of space.strides, found {} in '{}'",
                                  strides_.size(), count, text));
    }
    return decisions;
  }

  std::optional<NetworkSummary> summarize(const Decisions& decisions) const override {
    return Summary(*this, decisions).result();
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    ElasticBuilder layers(choose, b);
    {
      const auto scope = choose.scope("stem", b);
      x = layers.convolution_norm_activation("conv", x, choose.pick("channels", stem_),
                                             {.kernel = stem_kernel_, .stride = stem_stride_}, activation());
    }
    for (size_t i = 0; i < strides_.size(); ++i) {
      const auto scope = choose.scope("block" + std::to_string(i + 1), b);
      x = super_block(choose, b, x, strides_[i]);
    }
    if (head_ > 0) x = layers.convolution_norm_activation("head", x, head_, {.kernel = 1}, activation());
    return classifier(choose, b, pooled_features(choose, b, x), recipe);
  }

 private:
  static void check_odd(int64_t kernel, const SourcePosition& position, const char* key) {
    if (kernel % 2 == 0)
      throw UserError(position, fmt::format("space.{}: expected odd numbers, found {}", key, kernel));
  }

  Activation activation() const { return inverted_ ? Activation::swish : Activation::relu; }

  ValueId super_block(Chooser& choose, GraphBuilder& b, ValueId x, int64_t stride) const {
    const Choice channels = choose.pick("channels", channels_);
    const Choice bottleneck = choose.pick("bottleneck", bottlenecks_);
    const Choice kernel = choose.pick("kernel", kernels_);
    return choose.repeat("depth", b, x, depths_, [&](GraphBuilder& b2, ValueId y, int64_t i) {
      const auto scope = choose.scope(std::to_string(i), b2);
      return block(choose, b2, y, channels, bottleneck, {.kernel = kernel, .stride = i == 0 ? stride : 1});
    });
  }

  ValueId block(Chooser& choose, GraphBuilder& b, ValueId x, const Choice& channels, const Choice& bottleneck,
                const ElasticConvolution& middle) const {
    ElasticBuilder layers(choose, b);
    ValueId y = layers.convolution_norm_activation("reduce", x, bottleneck, {.kernel = 1}, activation());
    if (inverted_) {
      y = layers.depthwise_norm_activation("depthwise", y, middle, activation());
      y = excite(layers, b, y, bottleneck);
    } else {
      y = layers.convolution_norm_activation("conv", y, bottleneck, middle, activation());
    }
    y = layers.convolution_norm_activation("expand", y, channels, {.kernel = 1}, Activation::none);
    const bool same = b.channels(x) == channels.elastic();
    if (inverted_ && !same) return y;
    ValueId shortcut = middle.stride == 1 ? x : layers.same_channels(x, pool(b, x));
    if (!same) {
      shortcut = layers.convolution_norm_activation("shortcut", shortcut, channels, {.kernel = 1}, Activation::none);
    }
    y = layers.same_channels(y, b.add(y, shortcut));
    return inverted_ ? y : layers.activation(y, activation());
  }

  // Average of 2 x 2, halving; at an odd extent the last row and column stand alone.
  static ValueId pool(GraphBuilder& b, ValueId x) {
    const bool even = b.extent(x, 2) % 2 == 0 && b.extent(x, 3) % 2 == 0;
    return even ? b.average_pool(x, 2, 2, 0) : b.average_pool(x, 3, 2, 1);
  }

  // Squeeze-and-excitation with batch normalization after both convolutions.
  ValueId excite(ElasticBuilder& layers, GraphBuilder& b, ValueId x, const Choice& bottleneck) const {
    const auto scope = b.scope("squeeze_excite");
    ValueId gate = layers.same_channels(x, b.global_average_pool(x));
    gate = layers.convolution_norm_activation("reduce", gate, squeezed(bottleneck), {.kernel = 1}, Activation::relu);
    gate = layers.convolution_norm_activation("expand", gate, bottleneck, {.kernel = 1}, Activation::sigmoid);
    return layers.same_channels(x, b.node("Mul", {x, gate}));
  }

  // The formulas of the network above.
  class Summary {
   public:
    Summary(const SuperBlocksSpace& space, const Decisions& decisions)
        : space_(space),
          decisions_(decisions),
          channels_(space.extents_[0]),
          height_(space.extents_[1]),
          width_(space.extents_[2]) {}

    NetworkSummary result() {
      halve(space_.stem_stride_);
      layer(chosen("stem/channels", space_.stem_), space_.stem_kernel_);
      for (size_t i = 0; i < space_.strides_.size(); ++i) super_block(i);
      if (space_.head_ > 0) layer(space_.head_, 1);
      close_scale();
      summary_.params += (channels_ + 1) * space_.classes();
      summary_.macs += channels_ * space_.classes();
      return std::move(summary_);
    }

   private:
    int64_t chosen(const std::string& key, const std::vector<int64_t>& alternatives) const {
      const int64_t* index = decisions_.find(key);
      return alternatives[index == nullptr ? 0 : static_cast<size_t>(*index)];
    }

    int64_t area() const { return height_ * width_; }
    void halve(int64_t stride) {
      height_ = halved(height_, stride);
      width_ = halved(width_, stride);
    }

    // A convolution with batch normalization; on the path that is judged, or beside it.
    void convolution(int64_t in, int64_t out, int64_t kernel, int64_t groups, int64_t outputs, bool counts) {
      const int64_t width = in / groups * kernel * kernel;
      summary_.params += width * out + 2 * out;
      summary_.macs += width * out * outputs;
      if (!counts) return;
      scale_.log_widths += std::log(static_cast<double>(width));
      ++scale_.layers;
    }
    void layer(int64_t out, int64_t kernel) {
      convolution(channels_, out, kernel, 1, area(), true);
      channels_ = out;
    }

    void close_scale() {
      scale_.channels = channels_;
      scale_.area = area();
      summary_.scales.push_back(scale_);
      scale_ = {};
    }

    void super_block(size_t i) {
      const std::string scope = "block" + std::to_string(i + 1);
      const int64_t out = chosen(scope + "/channels", space_.channels_);
      const int64_t bottleneck = chosen(scope + "/bottleneck", space_.bottlenecks_);
      const int64_t kernel = chosen(scope + "/kernel", space_.kernels_);
      const int64_t depth = chosen(scope + "/depth", space_.depths_);
      for (int64_t j = 0; j < depth; ++j) block(out, bottleneck, kernel, j == 0 ? space_.strides_[i] : 1);
      summary_.depths.push_back(depth);
      summary_.widths.push_back(out);
    }

    void block(int64_t out, int64_t bottleneck, int64_t kernel, int64_t stride) {
      const int64_t before = area();
      if (halved(height_, stride) * halved(width_, stride) < before) close_scale();
      convolution(channels_, bottleneck, 1, 1, before, true);
      halve(stride);
      convolution(bottleneck, bottleneck, kernel, space_.inverted_ ? bottleneck : 1, area(), true);
      if (space_.inverted_) {
        const int64_t narrow = squeezed(bottleneck).elastic();
        convolution(bottleneck, narrow, 1, 1, 1, false);
        convolution(narrow, bottleneck, 1, 1, 1, false);
      }
      convolution(bottleneck, out, 1, 1, area(), true);
      if (!space_.inverted_ && channels_ != out) convolution(channels_, out, 1, 1, area(), false);
      channels_ = out;
    }

    const SuperBlocksSpace& space_;
    const Decisions& decisions_;
    int64_t channels_, height_, width_;
    EntropyScale scale_;
    NetworkSummary summary_;
  };

  std::array<int64_t, 3> extents_;
  bool inverted_ = false;
  std::vector<int64_t> stem_, channels_, bottlenecks_, kernels_, depths_, strides_;
  int64_t stem_kernel_ = 3, stem_stride_ = 1, head_ = 0;
};

}  // namespace

RegistryRecord super_blocks_record() {
  return {
      .name = "super_blocks",
      .summary = "stem and super-blocks of equal blocks whose channels, bottleneck, kernel and depth are searched",
      .source = "Shen et al., DeepMAD, CVPR 2023, arXiv 2303.02165",
      .parameters = network_space_parameters(
          {{.name = "preset",
            .type = ParameterType::text,
            .description = "family of blocks, strides and the numbers to choose from; auto: by the image",
            .default_value = "auto",
            .choices = {"auto", "deepmad_resnet", "deepmad_mobile", "small_resnet", "small_mobile"}},
           {.name = "stem_channels",
            .type = ParameterType::integer_list,
            .description = "channels of the stem to choose from; empty: the preset's",
            .default_value = Json::array(),
            .minimum = 1,
            .maximum = 8192},
           {.name = "stem_kernel",
            .type = ParameterType::integer,
            .description = "odd",
            .default_value = 3,
            .minimum = 1,
            .maximum = 31},
           {.name = "stem_stride",
            .type = ParameterType::integer,
            .description = "of the stem; unless given the preset's",
            .minimum = 1,
            .maximum = 4},
           {.name = "channels",
            .type = ParameterType::integer_list,
            .description = "channels of a super-block to choose from; empty: the preset's",
            .default_value = Json::array(),
            .minimum = 1,
            .maximum = 8192},
           {.name = "bottlenecks",
            .type = ParameterType::integer_list,
            .description = "channels inside its blocks; empty: the preset's",
            .default_value = Json::array(),
            .minimum = 1,
            .maximum = 32768},
           {.name = "kernels",
            .type = ParameterType::integer_list,
            .description = "kernel sizes, odd; empty: the preset's",
            .default_value = Json::array(),
            .minimum = 1,
            .maximum = 31},
           {.name = "depths",
            .type = ParameterType::integer_list,
            .description = "blocks of a super-block to choose from; empty: the preset's",
            .default_value = Json::array(),
            .minimum = 1,
            .maximum = 100},
           {.name = "strides",
            .type = ParameterType::integer_list,
            .description =
                "of the first block of each super-block; their number is that of the super-blocks; empty: the preset's",
            .default_value = Json::array(),
            .minimum = 1,
            .maximum = 2},
           {.name = "head_channels",
            .type = ParameterType::integer,
            .description = "channels of a last 1x1 convolution, 0: none; unless given the preset's",
            .minimum = 0,
            .maximum = 32768}}),
      .example = "space:\n  kind: super_blocks\n  preset: small_resnet\n  strides: [1, 2]\n"};
}

std::unique_ptr<Space> make_super_blocks_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<SuperBlocksSpace>(options, context);
}

Decisions super_block_decisions(const Space& space, const std::string& text) {
  const auto* blocks = dynamic_cast<const SuperBlocksSpace*>(&space);
  NACRE_CHECK(blocks != nullptr, "not a space of super-blocks");
  return blocks->parse(text);
}

}  // namespace nacre
