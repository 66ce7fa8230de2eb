#include "nacre/space/spaces/hypercuboid.hpp"

#include <algorithm>

#include "nacre/space/blocks.hpp"
#include "nacre/space/lattice.hpp"
#include "nacre/space/network_space.hpp"
#include "nacre/space/spaces/cell_operators.hpp"
#include "nacre/space/spaces/cell_space.hpp"

namespace nacre {
namespace {

class HypercuboidSpace final : public NetworkSpace {
 public:
  HypercuboidSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("hypercuboid", options, context),
        channels_(options.integers("channels")),
        operators_(cell_operators_from(options)),
        features_(options.integer("features")) {
    if (channels_.empty()) throw UserError(options.position("channels"), "space.channels: expected at least one");
    std::ranges::sort(channels_);
    if (std::ranges::adjacent_find(channels_) != channels_.end())
      throw UserError(options.position("channels"), "space.channels: a number stands there twice");
    const auto [depth, height, width] = image_extents();
    const int64_t side = std::min(height, width);
    int64_t most = 0;
    while ((side >> (most + 1)) >= 2) ++most;
    pairs_ = options.has("pairs") ? options.integer("pairs") : std::clamp<int64_t>(most, 1, 4);
    if (side >> pairs_ < 1)
      throw UserError(options.position("pairs"), "space.pairs: images of side " + std::to_string(side) +
                                                     " cannot be halved " + std::to_string(pairs_) + " times");
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    Lattice lattice;
    lattice.states = channels_;
    lattice.enter = [](GraphBuilder& b2, ValueId y, int64_t channels) {
      const auto scope = b2.scope("stem");
      return b2.batch_norm("bn", b2.convolution("conv", y, channels, {.kernel = 3}));
    };
    for (int64_t pair = 1; pair <= pairs_; ++pair) {
      for (const int64_t stride : {1, 2}) {
        lattice.steps.push_back({std::to_string(pair) + (stride == 1 ? "a" : "b"),
                                 [this, stride](int64_t, int64_t to) { return branches(to, stride); }});
      }
    }
    lattice.leave = [this](GraphBuilder& b2, ValueId y, int64_t) {
      const auto scope = b2.scope("last");
      return apply_cell_operator("sharp3", b2, y, features_, 1, CellStyle::darts);
    };
    x = lattice_path("grid", choose, b, x, lattice);
    return classifier(choose, b, pooled_features(choose, b, x), recipe);
  }

 private:
  std::vector<Branch> branches(int64_t channels, int64_t stride) const {
    std::vector<Branch> all;
    for (const std::string& name : operators_) {
      all.push_back({name, [&name, channels, stride](GraphBuilder& b, ValueId x) {
                       return apply_cell_operator(name, b, x, channels, stride, CellStyle::darts);
                     }});
    }
    return all;
  }

  std::vector<int64_t> channels_;
  std::vector<std::string> operators_;
  int64_t features_, pairs_ = 4;
};

}  // namespace

RegistryRecord hypercuboid_record() {
  return {.name = "hypercuboid",
          .summary = "a path through a grid of channels and operators, pairs of layers of stride 1 and 2",
          .source = "sharpDARTS, Hundt et al., arXiv 1903.09900",
          .parameters = network_space_parameters(
              {{.name = "channels",
                .type = ParameterType::integer_list,
                .description = "that a layer may have; the paper's: 32, 64, 128, 256",
                .default_value = {8, 16, 32},
                .minimum = 1,
                .maximum = 4096},
               {.name = "pairs",
                .type = ParameterType::integer,
                .description = "of layers, each halves the sides; default: up to four, while two pixels are left",
                .minimum = 1,
                .maximum = 8},
               cell_operators_parameter({"sharp3", "max"}),
               {.name = "features",
                .type = ParameterType::integer,
                .description = "channels before the classifier; the paper's: 768",
                .default_value = 64,
                .minimum = 1,
                .maximum = 8192}}),
          .example = "space:\n  kind: hypercuboid\n  channels: [8, 16]\n  pairs: 2\n"};
}

std::unique_ptr<Space> make_hypercuboid_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<HypercuboidSpace>(options, context);
}

}  // namespace nacre
