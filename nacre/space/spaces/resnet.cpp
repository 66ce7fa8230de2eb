#include "nacre/space/spaces/resnet.hpp"

#include <algorithm>
#include <cmath>

#include "nacre/space/blocks.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

constexpr int64_t kLargeImage = 112;  // from this side on the stem halves the image twice, as in the paper

class ResnetSpace : public NetworkSpace {
 public:
  ResnetSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("resnet", options, context),
        channels_(options.integers("channels")),
        depths_(options.integers("depths")),
        kernels_(options.integers("kernels")),
        blocks_(options.texts("blocks")),
        activation_(activation_from_name(options.text("activation"), options.position("activation"))) {
    const auto [input_channels, height, width] = image_extents();
    large_stem_ =
        options.text("stem") == "large" || (options.text("stem") == "auto" && std::min(height, width) >= kLargeImage);
    for (const double factor : options.reals("width")) width_percent_.push_back(std::lround(factor * 100));
    for (const char* list : {"channels", "depths", "kernels", "blocks", "width"}) {
      if (options.json().at(list).empty())
        throw UserError(options.position(list), "space." + std::string(list) + ": expected at least one");
    }
    for (const int64_t kernel : kernels_) {
      if (kernel % 2 == 0)
        throw UserError(options.position("kernels"),
                        "space.kernels: expected odd numbers, found " + std::to_string(kernel));
    }
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    ElasticBuilder layers(choose, b);
    x = layers.convolution_norm_activation("stem", x, channels_[0],
                                           {.kernel = large_stem_ ? 7 : 3, .stride = large_stem_ ? 2 : 1}, activation_);
    if (large_stem_) x = layers.same_channels(x, b.max_pool(x, 3, 2, 1));
    for (size_t s = 0; s < channels_.size(); ++s) {
      const auto scope = choose.scope("stage" + std::to_string(s + 1), b);
      x = stage(choose, b, x, channels_[s], s == 0 ? 1 : 2);
    }
    return classifier(choose, b, pooled_features(choose, b, x), recipe);
  }

 private:
  ValueId stage(Chooser& choose, GraphBuilder& b, ValueId x, int64_t channels, int64_t stride) const {
    const Choice width = make_divisible(choose.pick("width_percent", width_percent_) * channels / 100, 8);
    return choose.repeat("depth", b, x, depths_, [&](GraphBuilder& b2, ValueId y, int64_t i) {
      const auto scope = choose.scope(std::to_string(i), b2);
      // Whether a shortcut projects must not depend on which width was chosen, so the first block of a stage always does.
      const bool first = i == 0;
      const ResidualBlock options{.kernel = choose.pick("kernel", kernels_),
                                  .stride = first ? stride : 1,
                                  .project = first,
                                  .activation = activation_};
      std::vector<Branch> branches;
      for (const std::string& kind : blocks_) {
        branches.push_back({kind, [&choose, &width, options, kind](GraphBuilder& b3, ValueId z) {
                              return kind == "basic" ? basic_block(choose, b3, z, width, options)
                                                     : bottleneck_block(choose, b3, z, width, options);
                            }});
      }
      return choose.layer("block", b2, y, branches);
    });
  }

  std::vector<int64_t> channels_;
  std::vector<int64_t> depths_;
  std::vector<int64_t> kernels_;
  std::vector<std::string> blocks_;
  std::vector<int64_t> width_percent_;
  Activation activation_;
  bool large_stem_ = false;
};

}  // namespace

RegistryRecord resnet_record() {
  return {.name = "resnet",
          .summary = "residual networks with searched depth and width of stages, kind and kernel of blocks",
          .source = "He et al. 2015, arXiv 1512.03385",
          .parameters = network_space_parameters(
              {{.name = "channels",
                .type = ParameterType::integer_list,
                .description = "channels of each stage at width 1; every stage but the first halves the image",
                .default_value = Json::array({16, 32, 64}),
                .minimum = 1,
                .maximum = 8192},
               {.name = "width",
                .type = ParameterType::real_list,
                .description = "multipliers of a stage's channels to choose from",
                .default_value = Json::array({0.5, 1.0}),
                .minimum = 0.05,
                .maximum = 16},
               {.name = "depths",
                .type = ParameterType::integer_list,
                .description = "blocks per stage to choose from, ascending",
                .default_value = Json::array({1, 2, 3}),
                .minimum = 1,
                .maximum = 100},
               {.name = "kernels",
                .type = ParameterType::integer_list,
                .description = "kernel sizes of blocks to choose from, odd",
                .default_value = Json::array({3, 5}),
                .minimum = 1,
                .maximum = 31},
               {.name = "blocks",
                .type = ParameterType::text_list,
                .description = "kinds of blocks to choose from",
                .default_value = Json::array({"basic"}),
                .choices = {"basic", "bottleneck"}},
               {.name = "stem",
                .type = ParameterType::text,
                .description = "small: 3x3; large: 7x7 and pooling, a quarter of the image; auto: by the image",
                .default_value = "auto",
                .choices = {"auto", "small", "large"}},
               {.name = "activation",
                .type = ParameterType::text,
                .description = "activation of all blocks",
                .default_value = "relu",
                .choices = {"relu", "relu6", "hard_swish", "swish", "gelu"}}}),
          .example = "space:\n  kind: resnet\n  channels: [16, 32]\n  depths: [1, 2]\n  blocks: [basic, bottleneck]\n"};
}

std::unique_ptr<Space> make_resnet_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<ResnetSpace>(options, context);
}

}  // namespace nacre
