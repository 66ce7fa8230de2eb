#include "nacre/space/spaces/resnet9.hpp"

#include "nacre/space/blocks.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

constexpr int kBlocks = 3;

class Resnet9Space : public NetworkSpace {
 public:
  Resnet9Space(const Options& options, const SpaceContext& context)
      : NetworkSpace("resnet9", options, context),
        stem_filters_(options.integers("stem_filters")),
        filters_(options.integers("filters")),
        skips_(options.integers("skips")) {
    for (const char* list : {"stem_filters", "filters", "skips"}) {
      if (options.integers(list).empty())
        throw UserError(options.position(list), "space." + std::string(list) + ": expected at least one");
    }
    image_extents();  // refuses what is no image
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    ElasticBuilder layers(choose, b);
    {
      const auto scope = choose.scope("stem", b);
      x = layers.convolution_norm_activation("conv", x, choose.pick("filters", stem_filters_), {.kernel = 3},
                                             Activation::relu);
    }
    for (int i = 1; i <= kBlocks; ++i) {
      const auto scope = choose.scope("block" + std::to_string(i), b);
      x = layers.convolution_norm_activation("conv", x, choose.pick("filters", filters_), {.kernel = 3, .stride = 2},
                                             Activation::relu);
      x = choose.repeat("skips", b, x, skips_, [&](GraphBuilder& b2, ValueId y, int64_t at) {
        const auto inner = choose.scope("skip" + std::to_string(at), b2);
        ElasticBuilder inside(choose, b2);
        const ValueId convolved =
            inside.convolution_norm_activation("conv", y, inside.channels(y), {.kernel = 3}, Activation::relu);
        return inside.same_channels(y, b2.add(y, convolved));
      });
    }
    return classifier(choose, b, pooled_features(choose, b, x), recipe);
  }

 private:
  std::vector<int64_t> stem_filters_;
  std::vector<int64_t> filters_;
  std::vector<int64_t> skips_;
};

}  // namespace

RegistryRecord resnet9_record() {
  return {
      .name = "resnet9",
      .summary = "a stem and three residual blocks of searched filters and shortcuts, as in NASAIC",
      .source = "Yang et al. 2020, arXiv 2002.04116, section 4",
      .parameters = network_space_parameters({{.name = "stem_filters",
                                               .type = ParameterType::integer_list,
                                               .description = "filters of the stem to choose from",
                                               .default_value = Json::array({8, 16, 32, 64}),
                                               .minimum = 1,
                                               .maximum = 4096},
                                              {.name = "filters",
                                               .type = ParameterType::integer_list,
                                               .description = "filters of a block (FN) to choose from",
                                               .default_value = Json::array({32, 64, 128, 256}),
                                               .minimum = 1,
                                               .maximum = 4096},
                                              {.name = "skips",
                                               .type = ParameterType::integer_list,
                                               .description = "convolutions with a shortcut in a block (SK), ascending",
                                               .default_value = Json::array({0, 1, 2}),
                                               .minimum = 0,
                                               .maximum = 16}}),
      .example = "space:\n  kind: resnet9\n  filters: [16, 32, 64]\n"};
}

std::unique_ptr<Space> make_resnet9_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<Resnet9Space>(options, context);
}

}  // namespace nacre
