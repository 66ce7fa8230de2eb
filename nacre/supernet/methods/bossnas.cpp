// BossNAS (Li et al., ICCV 2021, arXiv 2103.12424): the chain of layers is cut into blocks that are trained one after the other
// without labels, by ensemble bootstrapping; the paths of a block are rated by how near they come to the center of all of them; a
// network's score is the sum over its blocks. The paper trains by LARS with batches of 4096, crops, flips and changes of color.
#include <fmt/format.h>

#include <algorithm>

#include "nacre/supernet/methods.hpp"

namespace nacre {
namespace {

std::vector<Parameter> parameters() {
  return {
      real_key("supernet_epochs", "passes over the training samples per block", 6, 1, 1e6),
      {.name = "supernet_recipe",
       .type = ParameterType::any,
       .description = "fields of train that are other for the supernet's weights, e.g. {learning_rate: 0.1}",
       .default_value = Json::object()},
      {.name = "blocks",
       .type = ParameterType::any,
       .description =
           "layers per block, e.g. [2, 2, 1], or their names, e.g. [[layer1, layer2], [layer3]]; three nearly "
           "equal blocks when not given"},
      {.name = "paths_per_step",
       .type = ParameterType::text,
       .description = "paths drawn in a step, or fair: each alternative of each decision in exactly one of them",
       .default_value = "fair"},
      word_key("target", "what a path is to predict: all paths of the step together, or its own other view (BYOL)",
               "ensemble", {"ensemble", "own"}),
      {.name = "own_views",
       .type = ParameterType::boolean,
       .description = "each path of a step has two views of its own, as on ImageNet",
       .default_value = false},
      real_key(
          "view_jitter",
          "a view's brightness and contrast (images) or noise (else) in standard deviations, beside crop_padding and "
          "horizontal_flip",
          0, 0, 10),
      real_key("base_momentum", "of the target's weights at the start of a block; it rises to 1", 0.99, 0, 1),
      integer_key("neck_hidden", "width of the hidden layer of neck and predictor", 4096, 2, 65536),
      integer_key("projection", "width of what is compared", 256, 2, 65536),
      word_key("weight_layout", "separate: each branch of a layer has its own; nested: what has one name is one tensor",
               "separate", {"separate", "nested"}),
      integer_key("most_paths", "that a block may have, for all are rated", 256, 1, 65536),
      integer_key("rating_samples", "of the validation split, without labels", 512, 2, 1e7),
      integer_key("calibration_samples", "training samples from which a path's batch statistics are taken", 256, 2,
                  1e7)};
}

BlockPartition partition_of(const ConfigNode& node) {
  const auto refuse = [&node] {
    throw UserError(node.position, "search.blocks: expected layers per block, e.g. [2, 2, 1], or lists of names");
  };
  BlockPartition partition;
  if (node.kind != ConfigNode::Kind::sequence || node.items.empty()) refuse();
  for (const ConfigNode& item : node.items) {
    if (item.kind == ConfigNode::Kind::sequence) {
      partition.names.emplace_back();
      for (const ConfigNode& name : item.items) partition.names.back().push_back(name.as_text("search.blocks"));
      if (item.items.empty()) refuse();
    } else {
      partition.sizes.push_back(item.as_integer("search.blocks"));
    }
  }
  if (!partition.names.empty() && !partition.sizes.empty()) refuse();
  return partition;
}

int64_t paths_of(const Options& options) {
  const std::string text = options.text("paths_per_step");
  if (text == "fair") return 0;
  const bool number =
      !text.empty() && text.size() < 6 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!number || std::stoll(text) < 1)
    throw UserError(options.position("paths_per_step"),
                    fmt::format("search.paths_per_step: expected fair or a number from 1, found '{}'", text));
  return std::stoll(text);
}

SupernetSettings settings_of(const Options& options, const Recipe& train) {
  SupernetSettings settings;
  settings.recipe = supernet_recipe(train, options.real("supernet_epochs"), options.node("supernet_recipe"), "search");
  settings.update = ArchitectureUpdate::none;
  settings.weight_paths = ActivePaths::one;
  settings.nested_weights = options.text("weight_layout") == "nested";
  BlockwiseSettings blockwise;
  if (options.has("blocks")) blockwise.partition = partition_of(options.node("blocks"));
  blockwise.paths_per_step = paths_of(options);
  blockwise.ensemble = options.text("target") == "ensemble";
  blockwise.own_views = options.boolean("own_views");
  blockwise.view_jitter = options.real("view_jitter");
  blockwise.base_momentum = options.real("base_momentum");
  blockwise.heads = {options.integer("neck_hidden"), options.integer("projection")};
  blockwise.most_paths = options.integer("most_paths");
  blockwise.rating_samples = options.integer("rating_samples");
  blockwise.calibration_samples = options.integer("calibration_samples");
  settings.blockwise = std::move(blockwise);
  return settings;
}

}  // namespace

void add_bossnas(Registry<MethodFactory>& list) {
  list.add(
      {.name = "bossnas",
       .summary = "blocks trained one after the other without labels; paths rated by the center of all of a block",
       .source = "BossNAS, Li et al., arXiv 2103.12424",
       .parameters = parameters(),
       .example = "search: {strategy: bossnas, trials: 4, blocks: [2, 2, 2], supernet_epochs: 10, view_jitter: 0.4}"},
      settings_of);
}

}  // namespace nacre
