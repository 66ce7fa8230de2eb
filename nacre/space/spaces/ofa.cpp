#include "nacre/space/spaces/ofa.hpp"

#include <algorithm>

#include "nacre/space/blocks.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

struct Unit {
  int64_t channels = 0;
  int64_t stride = 1;
  Activation activation = Activation::relu;
  bool squeeze_excite = false;
};

struct Skeleton {
  std::string name;
  int64_t stem = 16, stem_stride = 1, first = 16;  // first: channels of the fixed block
  std::vector<Unit> units;
  int64_t last = 0, features = 0;  // 1x1 convolutions before and after pooling
  std::vector<int64_t> depths, expansions;
};

const std::vector<Skeleton>& skeletons() {
  constexpr Activation kRelu = Activation::relu, kHardSwish = Activation::hard_swish;
  static const std::vector<Skeleton> kSkeletons = {
      {"imagenet",
       16,
       2,
       16,
       {{24, 2, kRelu, false},
        {40, 2, kRelu, true},
        {80, 2, kHardSwish, false},
        {112, 1, kHardSwish, true},
        {160, 2, kHardSwish, true}},
       960,
       1280,
       {2, 3, 4},
       {3, 4, 6}},
      {"imagenet_1.2",
       24,
       2,
       24,
       {{32, 2, kRelu, false},
        {48, 2, kRelu, true},
        {96, 2, kHardSwish, false},
        {136, 1, kHardSwish, true},
        {192, 2, kHardSwish, true}},
       1152,
       1536,
       {2, 3, 4},
       {3, 4, 6}},
      {"small_32x32",
       16,
       1,
       16,
       {{16, 2, kRelu, false}, {24, 2, kRelu, true}, {40, 2, kHardSwish, true}},
       96,
       128,
       {1, 2, 3},
       {2, 3, 4}},
      {"digits_8x8",
       8,
       1,
       8,
       {{12, 1, kRelu, false}, {16, 2, kRelu, true}, {24, 2, kHardSwish, true}},
       48,
       64,
       {1, 2, 3},
       {2, 3, 4}}};
  return kSkeletons;
}

class OfaSpace final : public NetworkSpace {
 public:
  OfaSpace(const Options& options, const SpaceContext& context) : NetworkSpace("ofa", options, context) {
    const auto [channels, height, width] = image_extents();
    std::string preset = options.text("preset");
    const int64_t side = std::min(height, width);
    if (preset == "auto") preset = side <= 12 ? "digits_8x8" : side <= 96 ? "small_32x32" : "imagenet";
    skeleton_ = *std::ranges::find(skeletons(), preset, &Skeleton::name);
    kernels_ = options.integers("kernels");
    depths_ = options.given("depths") ? options.integers("depths") : skeleton_.depths;
    expansions_ = options.given("expansions") ? options.integers("expansions") : skeleton_.expansions;
    for (const int64_t kernel : kernels_)
      if (kernel % 2 == 0) throw UserError(options.position("kernels"), "space.kernels: expected odd numbers");
    if (options.has("resolutions")) {
      resolutions_ = options.integers("resolutions");
      std::ranges::sort(resolutions_);
      resolutions_.erase(std::unique(resolutions_.begin(), resolutions_.end()), resolutions_.end());
    }
    for (std::vector<int64_t>* list : {&kernels_, &depths_, &expansions_}) {
      if (list->empty()) throw UserError("space ofa: kernels, depths and expansions need at least one number each");
      std::ranges::sort(*list);
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    ElasticBuilder layers(choose, b);
    if (!resolutions_.empty()) x = resized(b, x, choose.pick("resolution", resolutions_).elastic());
    x = layers.convolution_norm_activation("stem", x, skeleton_.stem, {.kernel = 3, .stride = skeleton_.stem_stride},
                                           Activation::hard_swish);
    {
      const auto scope = b.scope("first");
      x = inverted_residual(choose, b, x, skeleton_.first, {.kernel = 3, .expansion = 1});
    }
    for (size_t i = 0; i < skeleton_.units.size(); ++i) {
      const auto scope = choose.scope("unit" + std::to_string(i + 1), b);
      x = unit(choose, b, x, skeleton_.units[i]);
    }
    x = layers.convolution_norm_activation("last", x, skeleton_.last, {.kernel = 1}, Activation::hard_swish);
    x = b.activation(b.convolution("features", b.global_average_pool(x), skeleton_.features, {.kernel = 1}),
                     Activation::hard_swish);
    return classifier(choose, b, b.flatten(x), recipe);
  }

 private:
  static ValueId resized(GraphBuilder& b, ValueId x, int64_t side) {
    Attributes attributes;
    attributes.set("mode", std::string("linear"));
    attributes.set("axes", std::vector<int64_t>{2, 3});
    const ValueId sizes = b.constant(Tensor::of<int64_t>({2}, {side, side}), "resolution");
    return b.node("Resize", {x, kNone, kNone, sizes}, std::move(attributes));
  }

  ValueId unit(Chooser& choose, GraphBuilder& b, ValueId x, const Unit& unit) const {
    return choose.repeat("depth", b, x, depths_, [&](GraphBuilder& b2, ValueId y, int64_t i) {
      const auto scope = choose.scope(std::to_string(i), b2);
      const Choice kernel = choose.pick("kernel", kernels_), expansion = choose.pick("expansion", expansions_);
      return inverted_residual(choose, b2, y, unit.channels,
                               {.kernel = kernel,
                                .expansion = expansion,
                                .stride = i == 0 ? unit.stride : 1,
                                .activation = unit.activation,
                                .squeeze_excite = unit.squeeze_excite});
    });
  }

  Skeleton skeleton_;
  std::vector<int64_t> kernels_, depths_, expansions_, resolutions_;
};

}  // namespace

RegistryRecord ofa_record() {
  std::vector<std::string> presets = {"auto"};
  for (const Skeleton& skeleton : skeletons()) presets.push_back(skeleton.name);
  return {
      .name = "ofa",
      .summary =
          "units of inverted residuals, elastic in depth, kernel and expansion: every network a slice of the largest",
      .source = "Once-for-All, Cai et al., arXiv 1908.09791",
      .parameters = network_space_parameters({{.name = "preset",
                                               .type = ParameterType::text,
                                               .description = "skeleton of units; auto: by the size of the images",
                                               .default_value = "auto",
                                               .choices = presets},
                                              {.name = "kernels",
                                               .type = ParameterType::integer_list,
                                               .description = "of a layer",
                                               .default_value = {3, 5, 7},
                                               .minimum = 1,
                                               .maximum = 31},
                                              {.name = "depths",
                                               .type = ParameterType::integer_list,
                                               .description = "layers of a unit; default: the preset's",
                                               .minimum = 1,
                                               .maximum = 64},
                                              {.name = "resolutions",
                                               .type = ParameterType::integer_list,
                                               .description = "sides that images are resized to; several become a "
                                                              "decision; default: as they come",
                                               .minimum = 2,
                                               .maximum = 4096},
                                              {.name = "expansions",
                                               .type = ParameterType::integer_list,
                                               .description = "of a layer's middle channels; default: the preset's",
                                               .minimum = 1,
                                               .maximum = 64}}),
      .example = "space:\n  kind: ofa\n  kernels: [3, 5]\n"};
}

std::unique_ptr<Space> make_ofa_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<OfaSpace>(options, context);
}

}  // namespace nacre
