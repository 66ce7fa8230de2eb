#include "nacre/space/spaces/stacked_cells.hpp"

#include <fmt/format.h>

#include "nacre/space/blocks.hpp"

namespace nacre {

StackedCells::StackedCells(std::string name, const Options& options, const SpaceContext& context, CellGrammar grammar)
    : CellSpace(std::move(name), options, context, std::move(grammar)),
      channels_(options.integer("channels")),
      cells_(options.integer("cells")),
      large_stem_(options.text("stem") == "imagenet") {
  const auto [input_channels, height, width] = image_extents();
  const int64_t multiple = large_stem_ ? 32 : 4;
  if (height % multiple != 0 || width % multiple != 0) {
    throw UserError(
        fmt::format("space '{}' halves images {} times: it needs sides that are multiples of {}, found {} x {}",
                    this->name(), large_stem_ ? "five" : "two", multiple, height, width));
  }
  if (large_stem_ && channels_ % 2 != 0)
    throw UserError(options.position("channels"), "space.channels: expected an even number with stem: imagenet");
}

ValueId StackedCells::network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const {
  auto [before, last] = stem(b, x);  // outputs of the cell before the last and of the last
  bool reduced = large_stem_;        // `before` has twice the side of `last`
  int64_t channels = channels_;
  std::vector<std::string> names;
  for (int64_t i = 0; i < cells_; ++i) {
    names.push_back("cell" + std::to_string(i));
    const auto scope = b.scope(names.back());
    const bool reduction = i == cells_ / 3 || i == 2 * cells_ / 3;
    if (reduction) channels *= 2;
    const ValueId older = reduced ? factorized_reduce("preprocess0", b, before, channels)
                                  : activated_convolution("preprocess0", b, before, channels, 1);
    const ValueId newer = activated_convolution("preprocess1", b, last, channels, 1);
    before = last;
    last = cell(choose, b, older, newer, {.channels = channels, .reduction = reduction});
    reduced = reduction;
  }
  tag(b, names, names[static_cast<size_t>(2 * cells_ / 3)]);
  return classifier(choose, b, b.flatten(b.global_average_pool(last)), recipe);
}

std::pair<ValueId, ValueId> StackedCells::stem(GraphBuilder& b, ValueId x) const {
  const auto scope = b.scope("stem");
  const auto layer = [&](const char* name, ValueId y, int64_t channels, int64_t stride) {
    const auto inner = b.scope(name);
    return b.batch_norm("bn", b.convolution("conv", y, channels, {.kernel = 3, .stride = stride}));
  };
  if (!large_stem_) {
    const ValueId y = layer("first", x, 3 * channels_, 1);
    return {y, y};
  }
  const ValueId half = b.activation(layer("first", x, channels_ / 2, 2), Activation::relu);
  const ValueId quarter = layer("second", half, channels_, 2);
  return {quarter, layer("third", b.activation(quarter, Activation::relu), channels_, 2)};
}

std::vector<Parameter> stacked_cells_parameters(std::vector<Parameter> own) {
  std::vector<Parameter> all = {
      {.name = "channels",
       .type = ParameterType::integer,
       .description = "of the first cells; doubled at both reductions (papers: 36 on CIFAR-10, 48 on ImageNet)",
       .default_value = 16,
       .minimum = 1,
       .maximum = 4096},
      {.name = "cells",
       .type = ParameterType::integer,
       .description = "in all, reductions at one and two thirds (papers: 20 and 14)",
       .default_value = 8,
       .minimum = 2,
       .maximum = 200}};
  all.insert(all.end(), own.begin(), own.end());
  all.push_back({.name = "stem",
                 .type = ParameterType::text,
                 .description = "small: one 3x3 convolution; imagenet: three of stride 2",
                 .default_value = "small",
                 .choices = {"small", "imagenet"}});
  return network_space_parameters(std::move(all));
}

}  // namespace nacre
