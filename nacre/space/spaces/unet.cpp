#include "nacre/space/spaces/unet.hpp"

#include <algorithm>

#include "nacre/space/elastic.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

class UnetSpace : public NetworkSpace {
 public:
  UnetSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("unet", options, context, Answer::pixels),
        heights_(options.integers("heights")),
        filters_(options.integers("filters")),
        activation_(activation_from_name(options.text("activation"), options.position("activation"))) {
    for (const char* list : {"heights", "filters"}) {
      if (options.integers(list).empty())
        throw UserError(options.position(list), "space." + std::string(list) + ": expected at least one");
    }
    const auto [channels, height, width] = image_extents();
    const int64_t highest = std::ranges::max(heights_);
    const int64_t step = int64_t{1} << highest;
    if (height % step != 0 || width % step != 0) {
      throw UserError(options.position("heights"), "space.heights: a height of " + std::to_string(highest) +
                                                       " halves the image " + std::to_string(highest) + " times, but " +
                                                       std::to_string(height) + " x " + std::to_string(width) +
                                                       " does not divide by " + std::to_string(step));
    }
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe&) const override {
    std::vector<Branch> branches;
    for (const int64_t height : heights_) {
      branches.push_back({std::to_string(height), [this, &choose, height](GraphBuilder& b2, ValueId y) {
                            return ElasticBuilder(choose, b2)
                                .convolution("logits", level(choose, b2, y, 0, height), classes(),
                                             {.kernel = 1, .bias = true});
                          }});
    }
    return choose.layer("height", b, x, branches);
  }

 private:
  ValueId convolutions(Chooser& choose, GraphBuilder& b, ValueId x, const Choice& filters,
                       const std::string& name) const {
    ElasticBuilder layers(choose, b);
    x = layers.convolution_norm_activation(name + "1", x, filters, {.kernel = 3}, activation_);
    return layers.convolution_norm_activation(name + "2", x, filters, {.kernel = 3}, activation_);
  }

  // Features of this level's size and filters.
  ValueId level(Chooser& choose, GraphBuilder& b, ValueId x, int64_t depth, int64_t height) const {
    const auto scope = choose.scope("level" + std::to_string(depth), b);
    const Choice filters = choose.pick("filters", filters_);
    const ValueId here = convolutions(choose, b, x, filters, "down");
    if (depth == height) return here;
    ElasticBuilder layers(choose, b);
    ValueId below;
    {
      // Keys are flat ("level1/filters"), so that a level means the same at every height.
      const auto outside = choose.shared_scope("");
      below = level(choose, b, layers.same_channels(here, b.max_pool(here, 2, 2, 0)), depth + 1, height);
    }
    const ValueId both = layers.concatenate(here, layers.upsample("up", below, filters, 2));
    return convolutions(choose, b, both, filters, "merge");
  }

  std::vector<int64_t> heights_;
  std::vector<int64_t> filters_;
  Activation activation_;
};

}  // namespace

RegistryRecord unet_record() {
  return {.name = "unet",
          .summary = "U-Nets for segmentation with searched height and filters of levels",
          .source = "Ronneberger et al. 2015, arXiv 1505.04597; Yang et al. 2020, arXiv 2002.04116",
          .parameters =
              network_space_parameters({{.name = "heights",
                                         .type = ParameterType::integer_list,
                                         .description = "how often the image may be halved, to choose from",
                                         .default_value = Json::array({1, 2, 3}),
                                         .minimum = 0,
                                         .maximum = 8},
                                        {.name = "filters",
                                         .type = ParameterType::integer_list,
                                         .description = "filters of a level to choose from, each level for itself",
                                         .default_value = Json::array({4, 8, 16, 32}),
                                         .minimum = 1,
                                         .maximum = 4096},
                                        {.name = "activation",
                                         .type = ParameterType::text,
                                         .description = "activation of all convolutions",
                                         .default_value = "relu",
                                         .choices = {"relu", "relu6", "hard_swish", "swish", "gelu"}}}),
          .example = "space:\n  kind: unet\n  heights: [1, 2]\n  filters: [4, 8, 16]\n"};
}

std::unique_ptr<Space> make_unet_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<UnetSpace>(options, context);
}

}  // namespace nacre
