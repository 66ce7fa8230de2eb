#include "nacre/space/spaces/nats_size.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "nacre/space/blocks.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

constexpr std::array<int64_t, 8> kWidths = {8, 16, 24, 32, 40, 48, 56, 64};
constexpr size_t kParts = 5;

std::string width_key(size_t part) { return fmt::format("width{}", part + 1); }

ValueId cell(GraphBuilder& b, ValueId x, int64_t channels) {
  const auto convolution = [&](const char* name, ValueId y) { return activated_convolution(name, b, y, channels, 3); };
  const ValueId first = convolution("0-1", x);
  const ValueId second = b.add(convolution("0-2", x), convolution("1-2", first));
  ValueId skipped = x;
  if (b.channels(x) != channels) {
    const auto scope = b.scope("0-3");
    skipped = b.batch_norm("bn", b.convolution("conv", x, channels, {.kernel = 1}));
  }
  return b.add(b.add(skipped, convolution("1-3", first)), convolution("2-3", second));
}

ValueId reduction(GraphBuilder& b, ValueId x, int64_t channels) {
  const ValueId y =
      activated_convolution("conv_b", b, activated_convolution("conv_a", b, x, channels, 3, 2), channels, 3);
  return b.add(b.convolution("shortcut", b.average_pool(x, 2, 2, 0), channels, {.kernel = 1}), y);
}

class NatsSizeSpace : public NetworkSpace {
 public:
  NatsSizeSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("nats_size", options, context), offered_(options.integers("widths")) {
    if (offered_.empty() || !std::ranges::is_sorted(offered_, std::less_equal<>()))
      throw UserError(options.position("widths"), "space.widths: expected ascending numbers");
    const auto [channels, height, width] = image_extents();
    if (height % 4 != 0 || width % 4 != 0)
      throw UserError(
          fmt::format("space 'nats_size' halves images twice: it needs sides that are multiples of 4, found {} x {}",
                      height, width));
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    std::array<int64_t, kParts> widths{};
    for (size_t i = 0; i < kParts; ++i) widths[i] = choose.pick(width_key(i), offered_).elastic();
    {
      const auto scope = b.scope("stem");
      x = b.batch_norm("bn", b.convolution("conv", x, widths[0], {.kernel = 3}));
    }
    for (size_t i = 0; i < kParts; ++i) {
      const auto scope = b.scope(fmt::format("part{}", i + 1));
      x = i % 2 == 0 ? cell(b, x, widths[i]) : reduction(b, x, widths[i]);
    }
    x = b.activation(b.batch_norm("last_norm", x), Activation::relu);
    return classifier(choose, b, b.flatten(b.global_average_pool(x)), recipe);
  }

 private:
  std::vector<int64_t> offered_;
};

}  // namespace

RegistryRecord nats_size_record() {
  return {.name = "nats_size",
          .summary = "one given cell, the widths of five parts are searched, as in the benchmark",
          .source = "NATS-Bench size space, Dong et al. 2021, arXiv 2009.00437",
          .parameters = network_space_parameters({{.name = "widths",
                                                   .type = ParameterType::integer_list,
                                                   .description = "channels to choose from; the benchmark's by default",
                                                   .default_value = Json(kWidths),
                                                   .minimum = 1,
                                                   .maximum = 4096}}),
          .example = "space:\n  kind: nats_size\n"};
}

std::unique_ptr<Space> make_nats_size_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<NatsSizeSpace>(options, context);
}

Decisions nats_size_decisions(const std::string& widths) {
  std::vector<Decision> items;
  std::istringstream parts(widths);
  for (std::string part; std::getline(parts, part, ':');) {
    const auto found = std::ranges::find_if(kWidths, [&](int64_t width) { return std::to_string(width) == part; });
    if (found == kWidths.end())
      throw UserError(fmt::format("a width of nats_size is 8, 16 .. 64, found '{}' in '{}'", part, widths));
    items.push_back({width_key(items.size()), found - kWidths.begin()});
  }
  if (items.size() != kParts)
    throw UserError(fmt::format("expected {} widths with : between, found '{}'", kParts, widths));
  return Decisions(std::move(items));
}

}  // namespace nacre
