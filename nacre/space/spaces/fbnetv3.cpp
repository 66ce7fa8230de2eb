#include "nacre/space/spaces/fbnetv3.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "nacre/space/blocks.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

using Numbers = std::vector<int64_t>;

struct Stage {
  int64_t stride = 1;
  bool squeeze_excite = false;
  Numbers channels, depths;
  Numbers kernels;  // of the first block and of the others
  Numbers first_expansions, expansions;
};

struct Preset {
  std::string name;
  int64_t stem_stride;
  Numbers stem;
  std::vector<Stage> stages;
  Numbers head_expansions;
  int64_t features;  // that the classifier reads
};

const std::vector<Preset>& presets() {
  static const std::vector<Preset> kPresets = {
      {"imagenet",
       2,
       {16, 24, 32},
       {{1, false, {16, 24}, {1, 2, 3}, {3}, {1}, {1}},
        {2, false, {24, 32, 40}, {3, 4, 5, 6}, {3, 5}, {4, 5}, {2, 3}},
        {2, true, {40, 48, 56}, {3, 4, 5}, {3, 5}, {4, 5}, {2, 3}},
        {2, false, {72, 80, 88, 96, 104}, {3, 4, 5}, {3, 5}, {4, 5}, {2, 3}},
        {1, true, {104, 112, 120, 128, 136, 144, 152, 160}, {4, 5, 6, 7, 8, 9}, {3, 5}, {4, 5}, {2, 3}},
        {2,
         true,
         {176, 184, 192, 200, 208, 216, 224, 232, 240, 248, 256, 264},
         {4, 5, 6, 7},
         {3, 5},
         {4, 5, 6},
         {3, 4, 5}},
        {1, true, {208, 216, 224, 232, 240, 248, 256, 264, 272, 280, 288}, {1, 2}, {3, 5}, {5, 6}, {5, 6}}},
       {5, 6},
       1984},
      {"small",
       1,
       {8, 16},
       {{1, false, {8, 16}, {1, 2}, {3}, {1}, {1}},
        {2, false, {16, 24}, {1, 2, 3}, {3, 5}, {2, 3, 4}, {2, 3}},
        {2, true, {24, 32, 40}, {1, 2, 3}, {3, 5}, {2, 3, 4}, {2, 3}},
        {1, true, {40, 48, 64}, {1, 2}, {3, 5}, {3, 4}, {2, 3}}},
       {2, 3},
       128}};
  return kPresets;
}

// Channels inside squeeze-and-excitation: a quarter of the block's input to the nearest multiple of 8, the next one where that
// would be less than 95 % of it. For inputs that are multiples of 8.
Choice squeezed(const Choice& in_channels) {
  const Choice quarter = in_channels / 4;
  return in_channels.elastic() < 160 ? (quarter + 7) / 8 * 8 : (quarter + 4) / 8 * 8;
}

class Fbnetv3Space final : public NetworkSpace {
 public:
  Fbnetv3Space(const Options& options, const SpaceContext& context) : NetworkSpace("fbnetv3", options, context) {
    const auto [channels, height, width] = image_extents();
    const std::string name = options.text("preset") == "auto" ? (std::min(height, width) > 96 ? "imagenet" : "small")
                                                              : options.text("preset");
    preset_ = *std::ranges::find(presets(), name, &Preset::name);
    paddings_ = options.integers("paddings");
    if (!paddings_.empty() && paddings_.size() != preset_.stages.size()) {
      throw UserError(options.position("paddings"),
                      fmt::format("space.paddings: expected one number for each of {} stages, found {}",
                                  preset_.stages.size(), paddings_.size()));
    }
  }

  Decisions parse(const std::string& text) const {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, '|');) parts.push_back(part);
    if (parts.size() != preset_.stages.size() + 2) {
      throw UserError(
          fmt::format("network: expected the stem, {} stages and the head's expansion with | between, found "
                      "{} parts in '{}'",
                      preset_.stages.size(), parts.size(), text));
    }
    Decisions decisions;
    decide(decisions, "stem/channels", preset_.stem, single(parts.front()));
    for (size_t i = 0; i < preset_.stages.size(); ++i) parse_stage(parts[i + 1], i, decisions);
    decide(decisions, "head/expansion", preset_.head_expansions, single(parts.back()));
    return decisions;
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    ElasticBuilder layers(choose, b);
    {
      const auto scope = choose.scope("stem", b);
      x = layers.convolution_norm_activation("conv", x, choose.pick("channels", preset_.stem),
                                             {.kernel = 3, .stride = preset_.stem_stride}, Activation::hard_swish);
    }
    for (size_t i = 0; i < preset_.stages.size(); ++i) {
      const auto scope = choose.scope(stage_name(i), b);
      x = stage(choose, b, x, i);
    }
    const auto scope = choose.scope("head", b);
    const Choice expansion = choose.pick("expansion", preset_.head_expansions);
    x = layers.convolution_norm_activation("expand", x, layers.channels(x) * expansion, {.kernel = 1},
                                           Activation::hard_swish);
    x = layers.same_channels(x, b.global_average_pool(x));
    x = layers.activation(layers.convolution("features", x, preset_.features, {.kernel = 1, .bias = true}),
                          Activation::hard_swish);
    return classifier(choose, b, layers.same_channels(x, b.flatten(x)), recipe);
  }

 private:
  static std::string stage_name(size_t i) { return "stage" + std::to_string(i + 1); }

  ValueId stage(Chooser& choose, GraphBuilder& b, ValueId x, size_t number) const {
    const Stage& stage = preset_.stages[number];
    const Choice channels = choose.pick("channels", stage.channels);
    const Choice first_kernel = choose.pick("kernel_first", stage.kernels),
                 kernel = choose.pick("kernel", stage.kernels);
    const Choice first_expansion = choose.pick("expansion_first", stage.first_expansions);
    const Choice expansion = choose.pick("expansion", stage.expansions);
    return choose.repeat("depth", b, x, stage.depths, [&](GraphBuilder& b2, ValueId y, int64_t i) {
      const auto scope = choose.scope(std::to_string(i), b2);
      ElasticConvolution middle = {.kernel = i == 0 ? first_kernel : kernel, .stride = i == 0 ? stage.stride : 1};
      if (i == 0 && !paddings_.empty() && paddings_[number] >= 0) middle.padding = paddings_[number];
      return block(choose, b2, y, channels, i == 0 ? first_expansion : expansion, middle, stage.squeeze_excite);
    });
  }

  static ValueId block(Chooser& choose, GraphBuilder& b, ValueId x, const Choice& channels, const Choice& expansion,
                       const ElasticConvolution& middle, bool squeeze_excite) {
    ElasticBuilder layers(choose, b);
    const Choice in_channels = layers.channels(x);
    const Choice widened = in_channels * expansion;
    ValueId y = x;
    if (widened.elastic() != in_channels.elastic())
      y = layers.convolution_norm_activation("expand", y, widened, {.kernel = 1}, Activation::hard_swish);
    y = layers.depthwise_norm_activation("depthwise", y, middle, Activation::hard_swish);
    if (squeeze_excite) y = layers.squeeze_excite("squeeze_excite", y, squeezed(in_channels));
    y = layers.convolution_norm_activation("project", y, channels, {.kernel = 1}, Activation::none);
    const bool residual = middle.stride == 1 && in_channels.elastic() == channels.elastic();
    return residual ? layers.same_channels(y, b.add(x, y)) : y;
  }

  static int64_t single(const std::string& part) {
    std::istringstream words(part);
    int64_t number = 0;
    std::string rest;
    if (!(words >> number) || (words >> rest)) throw UserError("network: expected one number, found '" + part + "'");
    return number;
  }

  void parse_stage(const std::string& part, size_t i, Decisions& decisions) const {
    std::istringstream words(part);
    int64_t first_kernel = 0, kernel = 0, channels = 0, depth = 0, first_expansion = 0, expansion = 0;
    char comma = 0, second_comma = 0;
    std::string rest;
    words >> first_kernel >> comma >> kernel >> channels >> depth >> first_expansion >> second_comma >> expansion;
    if (!words || comma != ',' || second_comma != ',' || (words >> rest)) {
      throw UserError(
          "network: expected 'kernel_first,kernel channels depth expansion_first,expansion', e.g. '5,5 24 4 "
          "4,2', found '" +
          part + "'");
    }
    const Stage& stage = preset_.stages[i];
    const std::string scope = stage_name(i);
    decide(decisions, scope + "/kernel_first", stage.kernels, first_kernel);
    decide(decisions, scope + "/kernel", stage.kernels, kernel);
    decide(decisions, scope + "/channels", stage.channels, channels);
    decide(decisions, scope + "/depth", stage.depths, depth);
    decide(decisions, scope + "/expansion_first", stage.first_expansions, first_expansion);
    decide(decisions, scope + "/expansion", stage.expansions, expansion);
  }

  Preset preset_;
  Numbers paddings_;
};

}  // namespace

RegistryRecord fbnetv3_record() {
  return {.name = "fbnetv3",
          .summary = "stages of inverted residual blocks; kernel and expansion of a stage's first block are its own",
          .source = "Dai et al., FBNetV3, CVPR 2021, arXiv 2006.02049",
          .parameters = network_space_parameters(
              {{.name = "preset",
                .type = ParameterType::text,
                .description = "imagenet: seven stages around the released networks; small: four, for 28 to 96 pixels; "
                               "auto: by the image",
                .default_value = "auto",
                .choices = {"auto", "imagenet", "small"}},
               {.name = "paddings",
                .type = ParameterType::integer_list,
                .description =
                    "of the first depthwise convolution of each stage, -1: same; some released networks have odd ones",
                .default_value = Json::array(),
                .minimum = -1,
                .maximum = 16}}),
          .example = "space:\n  kind: fbnetv3\n  preset: small\n  recipe:\n    learning_rate: [0.03, 0.1]\n"};
}

std::unique_ptr<Space> make_fbnetv3_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<Fbnetv3Space>(options, context);
}

Decisions fbnetv3_decisions(const Space& space, const std::string& text) {
  const auto* own = dynamic_cast<const Fbnetv3Space*>(&space);
  NACRE_CHECK(own != nullptr, "not the space fbnetv3");
  return own->parse(text);
}

}  // namespace nacre
