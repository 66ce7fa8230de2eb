#include "nacre/space/spaces/transnas101.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "nacre/ir/tensor.hpp"
#include "nacre/space/blocks.hpp"
#include "nacre/space/cell_graph.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

constexpr int64_t kBaseChannels = 64;
constexpr std::array<int64_t, 3> kModuleCounts = {4, 5, 6};
constexpr std::array<int64_t, 4> kModuleKinds = {1, 2, 3, 4};

constexpr std::array<CellEdge, 6> kEdges = {{{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}}};
const std::array<std::string, 4> kOperators = {"none", "skip_connect", "conv1x1", "conv3x3"};

std::string module_key(int64_t module) { return fmt::format("module{}", module + 1); }

ValueId stem(GraphBuilder& b, ValueId x) {
  const auto scope = b.scope("stem");
  x = b.batch_norm("bn", b.convolution("conv", x, kBaseChannels / 2, {.kernel = 3, .stride = 2}));
  return activated_convolution("second", b, x, kBaseChannels, 3, 2);
}

// Channels and stride of a module by its digit.
std::pair<int64_t, int64_t> module_size(int64_t kind, int64_t channels) {
  return {kind % 2 == 0 ? 2 * channels : channels, kind > 2 ? 2 : 1};
}

// Zero of another size: every second pixel, the channels twice, times nothing.
ValueId zero(GraphBuilder& b, ValueId x, int64_t channels, int64_t stride) {
  if (stride > 1) x = b.max_pool(x, 1, stride, 0);
  const ValueId nothing = b.node("Mul", {x, b.constant(Tensor::scalar(0.0F), "zero")});
  return b.channels(x) == channels ? nothing : b.node("Concat", {nothing, nothing}, {{"axis", int64_t{1}}});
}

ValueId apply_operator(size_t kind, GraphBuilder& b, ValueId x, int64_t channels, int64_t stride) {
  switch (kind) {
    case 0: return zero(b, x, channels, stride);
    case 1: return stride == 1 && b.channels(x) == channels ? x : factorized_reduce("reduce", b, x, channels);
    case 2: return activated_convolution("conv1x1", b, x, channels, 1, stride);
    default: return activated_convolution("conv3x3", b, x, channels, 3, stride);
  }
}

class MicroSpace : public NetworkSpace {
 public:
  MicroSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("transnas101_micro", options, context), modules_(options.text("modules")) {
    int64_t multiple = 4;
    for (const char module : modules_) {
      if (module < '1' || module > '4')
        throw UserError(options.position("modules"), "space.modules: expected digits 1 .. 4, found '" + modules_ + "'");
      if (module > '2') multiple *= 2;
    }
    const auto [channels, height, width] = image_extents();
    if (multiple > 4096 || height % multiple != 0 || width % multiple != 0) {
      throw UserError(
          fmt::format("space 'transnas101_micro' needs images with sides that are multiples of {}, found {} x {}",
                      multiple, height, width));
    }
  }

  std::optional<CellGraph> cell_of(const Decisions& complete) const override {
    return cell_of_edges(complete, kEdges, kOperators);
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    x = stem(b, x);
    int64_t channels = kBaseChannels;
    for (size_t i = 0; i < modules_.size(); ++i) {
      const auto scope = b.scope(fmt::format("module{}", i + 1));
      int64_t stride = 1;
      std::tie(channels, stride) = module_size(modules_[i] - '0', channels);
      for (const char* block : {"first", "second"}) {
        const auto block_scope = b.scope(block);
        x = cell(choose, b, x, channels, stride);
        stride = 1;
      }
    }
    return classifier(choose, b, b.flatten(b.global_average_pool(x)), recipe);
  }

 private:
  static ValueId cell(Chooser& choose, GraphBuilder& b, ValueId x, int64_t channels, int64_t stride) {
    const auto shared = choose.scope("cell");
    std::array<ValueId, 4> nodes = {x, kNone, kNone, kNone};
    for (const CellEdge& edge : kEdges) {
      const auto scope = b.scope(edge.name());
      std::vector<Branch> branches;
      for (size_t kind = 0; kind < kOperators.size(); ++kind) {
        branches.push_back(
            {kOperators[kind], [kind, channels, stride = edge.from == 0 ? stride : 1](GraphBuilder& b2, ValueId y) {
               return apply_operator(kind, b2, y, channels, stride);
             }});
      }
      const ValueId arriving = choose.layer(edge.name(), b, nodes[static_cast<size_t>(edge.from)], branches);
      ValueId& node = nodes[static_cast<size_t>(edge.to)];
      node = node == kNone ? arriving : b.add(node, arriving);
    }
    return nodes.back();
  }

  std::string modules_;
};

class MacroSpace : public NetworkSpace {
 public:
  MacroSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("transnas101_macro", options, context) {
    static_cast<void>(image_extents());
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    const int64_t modules = choose.pick("modules", kModuleCounts).value();
    x = stem(b, x);
    int64_t channels = kBaseChannels;
    for (int64_t i = 0; i < modules; ++i) {
      const auto scope = b.scope(module_key(i));
      int64_t stride = 1;
      std::tie(channels, stride) = module_size(choose.pick(module_key(i), kModuleKinds).elastic(), channels);
      x = residual("first", b, x, channels, stride);
      x = residual("second", b, x, channels, 1);
    }
    return classifier(choose, b, b.flatten(b.global_average_pool(x)), recipe);
  }

 private:
  static ValueId residual(std::string_view name, GraphBuilder& b, ValueId x, int64_t channels, int64_t stride) {
    const auto scope = b.scope(name);
    const ValueId y =
        activated_convolution("conv_b", b, activated_convolution("conv_a", b, x, channels, 3, stride), channels, 3);
    if (stride == 1 && b.channels(x) == channels) return b.add(x, y);
    const auto shortcut_scope = b.scope("shortcut");
    return b.add(b.batch_norm("bn", b.convolution("conv", x, channels, {.kernel = 1, .stride = stride})), y);
  }
};

void check_digits(const std::string& space, const std::string& code, char lowest, char highest) {
  for (const char digit : code) {
    if (digit < lowest || digit > highest)
      throw UserError(fmt::format("a digit of a {} code is {} .. {}, found '{}'", space, lowest, highest, code));
  }
}

}  // namespace

RegistryRecord transnas101_micro_record() {
  return {.name = "transnas101_micro",
          .summary = "one repeated cell with four operators on six edges, for large images, as in the benchmark",
          .source = "TransNAS-Bench-101, Duan et al. 2021, arXiv 2105.11871",
          .parameters = network_space_parameters(
              {{.name = "modules",
                .type = ParameterType::text,
                .description = "two cells each: 1 plain, 2 twice the channels, 3 half the side, 4 both",
                .default_value = "41414"}}),
          .example = "space:\n  kind: transnas101_micro\n  modules: '41'\n"};
}

std::unique_ptr<Space> make_transnas101_micro_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<MicroSpace>(options, context);
}

Decisions transnas101_micro_decisions(const std::string& code) {
  if (code.size() != kEdges.size())
    throw UserError(fmt::format("a transnas101_micro code has {} digits, found '{}'", kEdges.size(), code));
  check_digits("transnas101_micro", code, '0', '3');
  std::vector<Decision> items;
  for (size_t i = 0; i < kEdges.size(); ++i) items.push_back({"cell/" + kEdges[i].name(), code[i] - '0'});
  return Decisions(std::move(items));
}

RegistryRecord transnas101_macro_record() {
  return {
      .name = "transnas101_macro",
      .summary =
          "4 to 6 residual modules, each plain, of twice the channels, of half the side, or both, as in the benchmark",
      .source = "TransNAS-Bench-101, Duan et al. 2021, arXiv 2105.11871",
      .parameters = network_space_parameters({}),
      .example = "space:\n  kind: transnas101_macro\n"};
}

std::unique_ptr<Space> make_transnas101_macro_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<MacroSpace>(options, context);
}

Decisions transnas101_macro_decisions(const std::string& code) {
  const auto count = std::ranges::find(kModuleCounts, static_cast<int64_t>(code.size()));
  if (count == kModuleCounts.end())
    throw UserError(fmt::format("a transnas101_macro code has 4 to 6 digits, found '{}'", code));
  check_digits("transnas101_macro", code, '1', '4');
  std::vector<Decision> items = {{"modules", count - kModuleCounts.begin()}};
  for (size_t i = 0; i < code.size(); ++i) items.push_back({module_key(static_cast<int64_t>(i)), code[i] - '1'});
  return Decisions(std::move(items));
}

}  // namespace nacre
