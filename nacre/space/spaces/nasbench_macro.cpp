#include "nacre/space/spaces/nasbench_macro.hpp"

#include <fmt/format.h>

#include "nacre/space/blocks.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

constexpr std::array<int64_t, 3> kLayersPerStage = {2, 3, 3};
constexpr size_t kLayers = 8;

std::string layer_key(size_t layer) { return fmt::format("layer{}", layer + 1); }

class NasbenchMacroSpace : public NetworkSpace {
 public:
  NasbenchMacroSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("nasbench_macro", options, context) {
    const auto [channels, height, width] = image_extents();
    if (height < 8 || width < 8)
      throw UserError(
          fmt::format("space 'nasbench_macro' halves images three times: it needs sides of at least 8, found {} x {}",
                      height, width));
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    int64_t channels = 32;
    x = b.convolution_norm_activation("stem", x, channels, {.kernel = 3}, Activation::relu);
    size_t layer = 0;
    for (const int64_t layers : kLayersPerStage) {
      channels *= 2;
      for (int64_t i = 0; i < layers; ++i, ++layer) x = one_layer(choose, b, x, layer, channels, i == 0 ? 2 : 1);
    }
    x = b.convolution_norm_activation("head", x, 1280, {.kernel = 1}, Activation::relu);
    return classifier(choose, b, b.flatten(b.global_average_pool(x)), recipe);
  }

 private:
  static ValueId one_layer(Chooser& choose, GraphBuilder& b, ValueId x, size_t layer, int64_t channels,
                           int64_t stride) {
    const auto scope = b.scope(layer_key(layer));
    const auto block = [&choose, channels, stride](int64_t kernel, int64_t expansion) {
      return [&choose, channels, stride, kernel, expansion](GraphBuilder& b2, ValueId y) {
        return inverted_residual(choose, b2, y, channels, {.kernel = kernel, .expansion = expansion, .stride = stride});
      };
    };
    const std::vector<Branch> branches = {{"identity",
                                           [&choose, channels, stride](GraphBuilder& b2, ValueId y) {
                                             return skip_connection(choose, b2, y, channels, stride, Activation::none);
                                           }},
                                          {"mb3_k3", block(3, 3)},
                                          {"mb6_k5", block(5, 6)}};
    return choose.layer(layer_key(layer), b, x, branches);
  }
};

}  // namespace

RegistryRecord nasbench_macro_record() {
  return {.name = "nasbench_macro",
          .summary = "eight layers of a chain, each the identity or one of two inverted residuals, as in the benchmark",
          .source = "NAS-Bench-Macro, Su et al. 2021, arXiv 2103.11922",
          .parameters = network_space_parameters({}),
          .example = "space:\n  kind: nasbench_macro\n"};
}

std::unique_ptr<Space> make_nasbench_macro_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<NasbenchMacroSpace>(options, context);
}

Decisions nasbench_macro_decisions(const std::string& code) {
  std::vector<Decision> items;
  if (code.size() != kLayers)
    throw UserError(fmt::format("a nasbench_macro code has {} digits, found '{}'", kLayers, code));
  for (size_t i = 0; i < kLayers; ++i) {
    if (code[i] < '0' || code[i] > '2')
      throw UserError(fmt::format("a digit of a nasbench_macro code is 0 .. 2, found '{}'", code));
    items.push_back({layer_key(i), code[i] - '0'});
  }
  return Decisions(std::move(items));
}

}  // namespace nacre
