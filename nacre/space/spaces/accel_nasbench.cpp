#include "nacre/space/spaces/accel_nasbench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "nacre/space/elastic.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

struct Block {
  int64_t channels, stride, most_layers;
};

constexpr std::array<Block, 7> kBlocks = {
    {{16, 1, 3}, {24, 2, 3}, {40, 2, 3}, {80, 2, 3}, {112, 1, 3}, {192, 2, 4}, {320, 1, 3}}};
constexpr std::array<int64_t, 3> kExpansions = {1, 4, 6};
constexpr std::array<int64_t, 2> kKernels = {3, 5};
constexpr std::array<int64_t, 4> kLayerCounts = {1, 2, 3, 4};
constexpr Activation kActivation = Activation::swish;

std::string block_name(size_t block) { return fmt::format("block{}", block + 1); }

class AccelNasbenchSpace : public NetworkSpace {
 public:
  AccelNasbenchSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("accel_nasbench", options, context) {
    static_cast<void>(image_extents());
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    ElasticBuilder layers(choose, b);
    x = layers.convolution_norm_activation("stem", x, 32, {.kernel = 3, .stride = 2}, kActivation);
    for (size_t i = 0; i < kBlocks.size(); ++i) x = block(choose, b, x, i);
    x = layers.convolution_norm_activation("head", x, 1280, {.kernel = 1}, kActivation);
    return classifier(choose, b, b.flatten(b.global_average_pool(x)), recipe);
  }

 private:
  static ValueId block(Chooser& choose, GraphBuilder& b, ValueId x, size_t index) {
    const Block& block = kBlocks[index];
    const auto scope = choose.scope(block_name(index), b);
    const Choice expansion = choose.pick("expansion", kExpansions);
    const Choice kernel = choose.pick("kernel", kKernels);
    const std::span<const int64_t> counts(kLayerCounts.data(), static_cast<size_t>(block.most_layers));
    return choose.repeat("layers", b, x, counts, [&](GraphBuilder& b2, ValueId y, int64_t i) {
      const auto layer_scope = b2.scope(fmt::format("layer{}", i + 1));
      return layer(choose, b2, y, expansion, kernel, block.channels, i == 0 ? block.stride : 1);
    });
  }

  static ValueId layer(Chooser& choose, GraphBuilder& b, ValueId x, const Choice& expansion, const Choice& kernel,
                       int64_t channels, int64_t stride) {
    ElasticBuilder layers(choose, b);
    const Choice before = layers.channels(x);
    const Choice middle = before * expansion;
    ValueId y = x;
    if (middle.elastic() != before.elastic())
      y = layers.convolution_norm_activation("expand", y, middle, {.kernel = 1}, kActivation);
    y = layers.depthwise_norm_activation("depthwise", y, {.kernel = kernel, .stride = stride}, kActivation);
    const Choice squeezed = before / 4;
    y = choose.layer(
        "squeeze_excite", b, y,
        {{"no", [](GraphBuilder&, ValueId z) { return z; }},
         {"yes", [&choose, squeezed](GraphBuilder& b2, ValueId z) {
            return ElasticBuilder(choose, b2).squeeze_excite("squeeze_excite", z, squeezed, Activation::sigmoid);
          }}});
    y = layers.convolution_norm_activation("project", y, channels, {.kernel = 1}, Activation::none);
    return stride == 1 && before.elastic() == channels ? b.add(x, y) : y;
  }
};

template <size_t n>
int64_t index_in(const std::array<int64_t, n>& alternatives, int64_t value, const std::string& text) {
  const auto found = std::ranges::find(alternatives, value);
  if (found == alternatives.end())
    throw UserError(fmt::format("space accel_nasbench: {} is no alternative of a block, found '{}'", value, text));
  return found - alternatives.begin();
}

}  // namespace

RegistryRecord accel_nasbench_record() {
  return {.name = "accel_nasbench",
          .summary =
              "seven blocks of inverted residuals with expansion, kernel, depth and squeeze-and-excitation, as in the "
              "benchmark",
          .source = "Accel-NASBench, Ahmad et al. 2024, arXiv 2404.08005",
          .parameters = network_space_parameters({}),
          .example = "space:\n  kind: accel_nasbench\n"};
}

std::unique_ptr<Space> make_accel_nasbench_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<AccelNasbenchSpace>(options, context);
}

Decisions accel_nasbench_decisions(const std::string& architecture) {
  std::vector<Decision> items;
  std::istringstream blocks(architecture);
  size_t block = 0;
  for (std::string text; std::getline(blocks, text, '|'); ++block) {
    std::istringstream letters(text);
    std::array<int64_t, 4> values{};
    const std::string expected = "ekls";
    for (size_t i = 0; i < values.size(); ++i) {
      char letter = 0;
      if (!(letters >> letter >> values[i]) || letter != expected[i] || block >= kBlocks.size())
        throw UserError(fmt::format("expected seven blocks such as e6k3l1s0 with | between, found '{}'", architecture));
    }
    const std::string scope = block_name(block) + "/";
    items.push_back({scope + "expansion", index_in(kExpansions, values[0], architecture)});
    items.push_back({scope + "kernel", index_in(kKernels, values[1], architecture)});
    items.push_back({scope + "layers", index_in(kLayerCounts, values[2], architecture)});
    items.push_back({scope + "squeeze_excite", index_in(std::array<int64_t, 2>{0, 1}, values[3], architecture)});
  }
  if (block != kBlocks.size())
    throw UserError(fmt::format("expected seven blocks such as e6k3l1s0 with | between, found '{}'", architecture));
  return Decisions(std::move(items));
}

}  // namespace nacre
