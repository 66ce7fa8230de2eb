#include "nacre/space/spaces/single_path.hpp"

#include <algorithm>

#include "nacre/space/blocks.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

struct Stage {
  int64_t channels = 0;
  int64_t layers = 0;
  int64_t stride = 1;  // of its first layer
};

// Around the searched stages: a convolution and a block before, a block (0: none) and a 1x1 convolution after.
struct Skeleton {
  std::string name;
  int64_t stem = 16, stem_stride = 1, first = 16;
  std::vector<Stage> stages;
  int64_t last = 0, head = 0;
  std::vector<int64_t> expansions;
};

const std::vector<Skeleton>& skeletons() {
  static const std::vector<Skeleton> kSkeletons = {
      {"imagenet", 32, 2, 16, {{24, 4, 2}, {40, 4, 2}, {80, 4, 2}, {96, 4, 1}, {192, 4, 2}}, 320, 1280, {3, 6}},
      {"small_32x32", 16, 1, 16, {{16, 3, 2}, {24, 3, 2}, {40, 3, 2}}, 0, 128, {2, 4}},
      {"digits_8x8", 8, 1, 8, {{12, 2, 1}, {16, 3, 2}, {24, 3, 2}}, 0, 64, {2, 4}}};
  return kSkeletons;
}

class SinglePathSpace final : public NetworkSpace {
 public:
  SinglePathSpace(const Options& options, const SpaceContext& context) : NetworkSpace("single_path", options, context) {
    const auto [channels, height, width] = image_extents();
    std::string preset = options.text("preset");
    const int64_t side = std::min(height, width);
    if (preset == "auto") preset = side <= 12 ? "digits_8x8" : side <= 96 ? "small_32x32" : "imagenet";
    skeleton_ = *std::ranges::find(skeletons(), preset, &Skeleton::name);
    kernels_ = options.integers("kernels");
    expansions_ = options.given("expansions") ? options.integers("expansions") : skeleton_.expansions;
    skips_ = options.boolean("skip");
    for (const int64_t kernel : kernels_)
      if (kernel % 2 == 0) throw UserError(options.position("kernels"), "space.kernels: expected odd numbers");
    for (std::vector<int64_t>* list : {&kernels_, &expansions_}) {
      if (list->empty()) throw UserError("space single_path: kernels and expansions need at least one number each");
      std::ranges::sort(*list);
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    ElasticBuilder layers(choose, b);
    x = layers.convolution_norm_activation("stem", x, skeleton_.stem, {.kernel = 3, .stride = skeleton_.stem_stride},
                                           Activation::relu);
    x = fixed("first", choose, b, x, skeleton_.first, 1);
    for (size_t s = 0; s < skeleton_.stages.size(); ++s) {
      const Stage& stage = skeleton_.stages[s];
      for (int64_t i = 0; i < stage.layers; ++i) {
        const auto scope = choose.scope("stage" + std::to_string(s + 1) + "/" + std::to_string(i), b);
        x = layer(choose, b, x, stage.channels, i == 0 ? stage.stride : 1);
      }
    }
    if (skeleton_.last > 0) x = fixed("last", choose, b, x, skeleton_.last, 6);
    x = layers.convolution_norm_activation("head", x, skeleton_.head, {.kernel = 1}, Activation::relu);
    return classifier(choose, b, pooled_features(choose, b, x), recipe);
  }

 private:
  static ValueId fixed(const char* name, Chooser& choose, GraphBuilder& b, ValueId x, int64_t channels,
                       int64_t expansion) {
    const auto scope = b.scope(name);
    return inverted_residual(choose, b, x, channels, {.kernel = 3, .expansion = expansion});
  }

  ValueId layer(Chooser& choose, GraphBuilder& b, ValueId x, int64_t channels, int64_t stride) const {
    const auto block = [this, &choose, channels, stride](GraphBuilder& b2, ValueId y) {
      const Choice kernel = choose.pick("kernel", kernels_), expansion = choose.pick("expansion", expansions_);
      return inverted_residual(choose, b2, y, channels, {.kernel = kernel, .expansion = expansion, .stride = stride});
    };
    std::vector<Branch> branches = {{"block", block}};
    if (skips_ && stride == 1 && b.channels(x) == channels)
      branches.push_back({"skip", [](GraphBuilder&, ValueId y) { return y; }});
    return choose.layer("layer", b, x, branches);
  }

  Skeleton skeleton_;
  std::vector<int64_t> kernels_, expansions_;
  bool skips_ = true;
};

}  // namespace

RegistryRecord single_path_record() {
  std::vector<std::string> presets = {"auto"};
  for (const Skeleton& skeleton : skeletons()) presets.push_back(skeleton.name);
  return {.name = "single_path",
          .summary =
              "inverted residuals whose kernel, expansion and presence are decisions of their own: every network a "
              "slice of "
              "the largest",
          .source = "Single-Path NAS, Stamoulis et al., arXiv 1904.02877",
          .parameters = network_space_parameters({{.name = "preset",
                                                   .type = ParameterType::text,
                                                   .description = "skeleton of stages; auto: by the size of the images",
                                                   .default_value = "auto",
                                                   .choices = presets},
                                                  {.name = "kernels",
                                                   .type = ParameterType::integer_list,
                                                   .description = "of a layer",
                                                   .default_value = {3, 5},
                                                   .minimum = 1,
                                                   .maximum = 31},
                                                  {.name = "expansions",
                                                   .type = ParameterType::integer_list,
                                                   .description = "of a layer's middle channels; default: the preset's",
                                                   .minimum = 1,
                                                   .maximum = 64},
                                                  {.name = "skip",
                                                   .type = ParameterType::boolean,
                                                   .description = "layers that keep the shape may be left out",
                                                   .default_value = true}}),
          .example = "space:\n  kind: single_path\n  kernels: [3, 5, 7]\n"};
}

std::unique_ptr<Space> make_single_path_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<SinglePathSpace>(options, context);
}

}  // namespace nacre
