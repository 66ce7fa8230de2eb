#include "nacre/space/spaces/nasnet.hpp"

#include <fmt/format.h>

#include "nacre/space/blocks.hpp"
#include "nacre/space/spaces/cell_space.hpp"

namespace nacre {
namespace {

const std::vector<std::string>& paper_operators() {
  static const std::vector<std::string> kOperators = {"skip", "rect3", "rect7", "dilconv3", "avg",  "max", "max5",
                                                      "max7", "conv1", "conv3", "sep3",     "sep5", "sep7"};
  return kOperators;
}

CellGrammar grammar_from(const Options& options) {
  CellGrammar grammar;
  grammar.blocks = options.integer("blocks");
  grammar.operators = cell_operators_from(options);
  grammar.combine = options.texts("combine");
  const std::string concat = options.text("concat");
  grammar.output = concat == "all"        ? CellGrammar::Output::all
                   : concat == "released" ? CellGrammar::Output::released
                                          : CellGrammar::Output::unused;
  grammar.inputs_may_leave = true;
  grammar.newer_first = options.text("index_order") == "newer_first";
  grammar.style = CellStyle::nasnet;
  const std::vector<std::string> ways = {"add", "concat"};
  for (const std::string& way : grammar.combine) {
    if (way != "add" && way != "concat")
      throw UserError(options.position("combine"), unknown_name_message("way to combine", way, ways));
  }
  if (grammar.combine.empty() || (grammar.combine.size() > 1 && grammar.combine[0] == grammar.combine.back()))
    throw UserError(options.position("combine"), "space.combine: expected add, concat or both");
  return grammar;
}

class NasnetSpace final : public CellSpace {
 public:
  NasnetSpace(const Options& options, const SpaceContext& context)
      : CellSpace("nasnet", options, context, grammar_from(options)),
        channels_(options.integer("channels")),
        repeats_(options.integer("repeats")),
        skeleton_(options.text("skeleton")) {
    const auto [input_channels, height, width] = image_extents();
    const int64_t least = small() ? 2 : 17;
    if (std::min(height, width) < least) {
      throw UserError(fmt::format("space 'nasnet' with skeleton {} needs images of at least {} x {}, found {} x {}",
                                  skeleton_, least, least, height, width));
    }
    if (!small() && channels_ % 4 != 0)
      throw UserError(options.position("channels"),
                      fmt::format("space.channels: expected a multiple of 4 with skeleton: {}", skeleton_));
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    ValueId before = kNone, last = stem(b, x);  // outputs of the cell before the last and of the last
    std::vector<std::string> names;
    const auto advance = [&](const std::string& name, ValueId earlier, const CellPlace& place) {
      names.push_back(name);
      const ValueId next = adapted(choose, b, name, earlier, last, place);
      before = last;
      last = next;
    };
    if (!small()) {
      for (int64_t i = 0; i < 2; ++i) {
        advance("stem_cell" + std::to_string(i), before, {.channels = channels_ / (i == 0 ? 4 : 2), .reduction = true});
      }
    }
    int64_t channels = channels_;
    for (int64_t i = 0; i < 3 * repeats_; ++i) {
      const ValueId earlier = before;
      const bool reduces = i == repeats_ || i == 2 * repeats_;
      if (reduces) {
        channels *= 2;
        advance("reduction" + std::to_string(i / repeats_), before, {.channels = channels, .reduction = true});
      }
      const bool skips = reduces && skeleton_ == "large";
      advance("cell" + std::to_string(i), skips ? earlier : before, {.channels = channels});
    }
    tag(b, names, "cell" + std::to_string(2 * repeats_ - 1));
    last = b.activation(last, Activation::relu);
    return classifier(choose, b, b.flatten(b.global_average_pool(last)), recipe);
  }

 private:
  bool small() const { return skeleton_ == "cifar"; }

  ValueId stem(GraphBuilder& b, ValueId x) const {
    const auto scope = b.scope("stem");
    const ConvolutionOptions small_options = {.kernel = 3};
    const ConvolutionOptions large_options = {.kernel = 3, .stride = 2, .padding = 0};
    const int64_t channels = small() ? 3 * channels_ : skeleton_ == "mobile" ? 32 : 96;
    return b.batch_norm("bn", b.convolution("conv", x, channels, small() ? small_options : large_options));
  }

  // The cell on its inputs, brought to its channels and to the sides of the newer one.
  ValueId adapted(Chooser& choose, GraphBuilder& b, const std::string& name, ValueId before, ValueId last,
                  const CellPlace& place) const {
    const auto scope = b.scope(name);
    ValueId older = before == kNone ? last : before;
    if (b.extent(older, 2) != b.extent(last, 2))
      older = factorized_reduce("older", b, older, place.channels);
    else if (before != kNone && b.channels(older) != place.channels)
      older = activated_convolution("older", b, older, place.channels, 1);
    const ValueId newer = activated_convolution("newer", b, last, place.channels, 1);
    return cell(choose, b, older, newer, place);
  }

  const int64_t channels_;
  const int64_t repeats_;
  const std::string skeleton_;
};

}  // namespace

RegistryRecord nasnet_record() {
  return {
      .name = "nasnet",
      .summary = "a normal and a reduction cell of blocks with two operators each, repeated N times between reductions",
      .source = "NASNet, Zoph et al. 2017, arXiv 1707.07012",
      .parameters = network_space_parameters(
          {{.name = "channels",
            .type = ParameterType::integer,
            .description = "of the first cells (F); doubled at both reductions (paper: 32, 44 mobile, 168 large)",
            .default_value = 16,
            .minimum = 1,
            .maximum = 4096},
           {.name = "repeats",
            .type = ParameterType::integer,
            .description = "normal cells in each of the three stages (N; paper: 2 while searching, then 4 to 7)",
            .default_value = 2,
            .minimum = 1,
            .maximum = 100},
           {.name = "skeleton",
            .type = ParameterType::text,
            .description = "cifar: a small stem; mobile and large: a stem that shrinks images eightfold",
            .default_value = "cifar",
            .choices = {"cifar", "mobile", "large"}},
           {.name = "blocks",
            .type = ParameterType::integer,
            .description = "of a cell (B)",
            .default_value = 5,
            .minimum = 1,
            .maximum = 8},
           cell_operators_parameter(paper_operators()),
           {.name = "combine",
            .type = ParameterType::text_list,
            .description = "how a block combines its two: add, concat",
            .default_value = {"add", "concat"}},
           {.name = "concat",
            .type = ParameterType::text,
            .description = "what a cell puts side by side: states that no block reads, all blocks, or released: as "
                           "unused, and the two more that the released NASNet-A keeps",
            .default_value = "unused",
            .choices = {"unused", "all", "released"}},
           {.name = "index_order",
            .type = ParameterType::text,
            .description = "which input is state 0",
            .default_value = "newer_first",
            .choices = {"newer_first", "older_first"}}}),
      .example = "space:\n  kind: nasnet\n  channels: 4\n  repeats: 1\n  blocks: 2\n"};
}

std::unique_ptr<Space> make_nasnet_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<NasnetSpace>(options, context);
}

}  // namespace nacre
