#include "nacre/space/spaces/darts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "nacre/space/blocks.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

const std::vector<std::string>& known_operators() {
  static const std::vector<std::string> kOperators = {"max", "avg", "skip", "sep3", "sep5", "dil3", "dil5"};
  return kOperators;
}

ValueId separable(GraphBuilder& b, ValueId x, int64_t kernel, int64_t stride) {
  const int64_t channels = b.channels(x);
  for (const char* half : {"first", "second"}) {
    const auto scope = b.scope(half);
    x = b.depthwise("depthwise", b.activation(x, Activation::relu), {.kernel = kernel, .stride = stride});
    x = b.batch_norm("bn", b.convolution("pointwise", x, channels, {.kernel = 1}));
    stride = 1;
  }
  return x;
}

ValueId dilated(GraphBuilder& b, ValueId x, int64_t kernel, int64_t stride) {
  const int64_t channels = b.channels(x);
  x = b.depthwise("depthwise", b.activation(x, Activation::relu), {.kernel = kernel, .stride = stride, .dilation = 2});
  return b.batch_norm("bn", b.convolution("pointwise", x, channels, {.kernel = 1}));
}

ValueId apply_operator(const std::string& name, GraphBuilder& b, ValueId x, int64_t stride) {
  const auto scope = b.scope(name);
  if (name == "max") return b.max_pool(x, 3, stride, 1);
  if (name == "avg") return b.average_pool(x, 3, stride, 1);
  if (name == "skip") return stride == 1 ? x : factorized_reduce("reduce", b, x, b.channels(x));
  const int64_t kernel = name.ends_with('3') ? 3 : 5;
  return name.starts_with("sep") ? separable(b, x, kernel, stride) : dilated(b, x, kernel, stride);
}

class DartsSpace : public NetworkSpace {
 public:
  DartsSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("darts", options, context),
        channels_(options.integer("channels")),
        cells_(options.integer("cells")),
        nodes_(options.integer("nodes")),
        operators_(options.texts("operators")),
        large_stem_(options.text("stem") == "imagenet") {
    for (const std::string& name : operators_) {
      if (std::ranges::find(known_operators(), name) == known_operators().end())
        throw UserError(options.position("operators"), unknown_name_message("operator", name, known_operators()));
    }
    if (operators_.empty()) throw UserError(options.position("operators"), "space.operators: expected at least one");
    const auto [input_channels, height, width] = image_extents();
    const int64_t multiple = large_stem_ ? 32 : 4;
    if (height % multiple != 0 || width % multiple != 0) {
      throw UserError(
          fmt::format("space 'darts' halves images {} times: it needs sides that are multiples of {}, found "
                      "{} x {}",
                      large_stem_ ? "five" : "two", multiple, height, width));
    }
    if (large_stem_ && channels_ % 2 != 0)
      throw UserError(options.position("channels"), "space.channels: expected an even number with stem: imagenet");
  }

  int64_t nodes() const { return nodes_; }
  const std::vector<std::string>& operators() const { return operators_; }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    ValueId before = kNone, last = kNone;  // outputs of the cell before the last and of the last
    std::tie(before, last) = stem(b, x);
    bool reduced = large_stem_;  // `before` has twice the side of `last`
    int64_t channels = channels_;
    for (int64_t i = 0; i < cells_; ++i) {
      const auto scope = b.scope("cell" + std::to_string(i));
      const bool reduction = i == cells_ / 3 || i == 2 * cells_ / 3;
      if (reduction) channels *= 2;
      const ValueId s0 = reduced ? factorized_reduce("preprocess0", b, before, channels)
                                 : activated_convolution("preprocess0", b, before, channels, 1);
      const ValueId s1 = activated_convolution("preprocess1", b, last, channels, 1);
      before = last;
      last = cell(choose, b, s0, s1, reduction);
      reduced = reduction;
    }
    return classifier(choose, b, b.flatten(b.global_average_pool(last)), recipe);
  }

 private:
  std::pair<ValueId, ValueId> stem(GraphBuilder& b, ValueId x) const {
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

  ValueId cell(Chooser& choose, GraphBuilder& b, ValueId s0, ValueId s1, bool reduction) const {
    const auto shared = choose.scope(reduction ? "reduction" : "normal");
    std::vector<ValueId> states = {s0, s1};
    for (int64_t i = 0; i < nodes_; ++i) {
      const auto scope = choose.scope("node" + std::to_string(i), b);
      states.push_back(node(choose, b, states, reduction));
    }
    return b.node("Concat", {states.begin() + 2, states.end()}, {{"axis", int64_t{1}}});
  }

  // The sum of two edges; which two is one decision, the operator of each another.
  ValueId node(Chooser& choose, GraphBuilder& b, const std::vector<ValueId>& states, bool reduction) const {
    std::vector<Branch> pairs;
    for (size_t i = 0; i < states.size(); ++i) {
      for (size_t j = i + 1; j < states.size(); ++j) {
        pairs.push_back(
            {fmt::format("{}+{}", i, j), [this, &choose, &states, i, j, reduction](GraphBuilder& b2, ValueId) {
               return b2.add(edge(choose, b2, states, i, reduction), edge(choose, b2, states, j, reduction));
             }});
      }
    }
    return choose.layer("inputs", b, states[0], pairs);
  }

  ValueId edge(Chooser& choose, GraphBuilder& b, const std::vector<ValueId>& states, size_t from,
               bool reduction) const {
    const auto scope = choose.scope("from" + std::to_string(from), b);
    const int64_t stride = reduction && from < 2 ? 2 : 1;
    std::vector<Branch> branches;
    for (const std::string& name : operators_) {
      branches.push_back(
          {name, [name, stride](GraphBuilder& b2, ValueId y) { return apply_operator(name, b2, y, stride); }});
    }
    return choose.layer("op", b, states[from], branches);
  }

  int64_t channels_;
  int64_t cells_;
  int64_t nodes_;
  std::vector<std::string> operators_;
  bool large_stem_;
};

// The two edges of one node: "sep3 1, skip 0".
void add_node(std::vector<Decision>& items, const std::string& text, const std::string& scope, int64_t states,
              const std::vector<std::string>& operators) {
  std::vector<std::pair<int64_t, std::string>> edges;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    std::istringstream words(part);
    std::string name, rest;
    int64_t from = -1;
    if (!(words >> name >> from) || (words >> rest))
      throw UserError("genotype: expected an operator and an input, e.g. sep3 1, found '" + part + "'");
    if (std::ranges::find(operators, name) == operators.end())
      throw UserError(unknown_name_message("operator", name, operators));
    if (from < 0 || from >= states)
      throw UserError(fmt::format("genotype: {} has the inputs 0 .. {}, found {}", scope, states - 1, from));
    edges.emplace_back(from, name);
  }
  if (edges.size() != 2) throw UserError("genotype: expected two edges, found '" + text + "'");
  std::ranges::sort(edges);
  if (edges[0].first == edges[1].first)
    throw UserError("genotype: the edges of '" + text + "' come from one input; expected two");
  int64_t rank = 0;  // of the pair among all pairs in order
  for (int64_t i = 0; i < edges[0].first; ++i) rank += states - 1 - i;
  rank += edges[1].first - edges[0].first - 1;
  if (states > 2) items.push_back({scope + "/inputs", rank});
  for (const auto& [from, name] : edges) {
    if (operators.size() > 1)
      items.push_back(
          {fmt::format("{}/from{}/op", scope, from), std::ranges::find(operators, name) - operators.begin()});
  }
}

}  // namespace

RegistryRecord darts_record() {
  return {
      .name = "darts",
      .summary = "a normal and a reduction cell, each node the sum of two edges with one of seven operators",
      .source = "DARTS, Liu et al. 2018, arXiv 1806.09055; PC-DARTS, Xu et al. 2019, arXiv 1907.05737",
      .parameters = network_space_parameters(
          {{.name = "channels",
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
            .maximum = 200},
           {.name = "nodes",
            .type = ParameterType::integer,
            .description = "of a cell",
            .default_value = 4,
            .minimum = 1,
            .maximum = 8},
           {.name = "operators",
            .type = ParameterType::text_list,
            .description = "what an edge may be: max, avg, skip, sep3, sep5, dil3, dil5",
            .default_value = known_operators()},
           {.name = "stem",
            .type = ParameterType::text,
            .description = "small: one 3x3 convolution; imagenet: three of stride 2",
            .default_value = "small",
            .choices = {"small", "imagenet"}}}),
      .example = "space:\n  kind: darts\n  channels: 4\n  cells: 3\n  nodes: 2\n"};
}

std::unique_ptr<Space> make_darts_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<DartsSpace>(options, context);
}

Decisions darts_decisions(const Space& space, const std::string& genotype) {
  const auto* darts = dynamic_cast<const DartsSpace*>(&space);
  if (darts == nullptr) throw UserError("space '" + space.name() + "' is not darts");
  const size_t slash = genotype.find('/');
  if (slash == std::string::npos)
    throw UserError("genotype: expected the normal and the reduction cell with a / between, found '" + genotype + "'");
  std::vector<Decision> items;
  for (const auto& [cell, text] : {std::pair<std::string, std::string>{"normal", genotype.substr(0, slash)},
                                   std::pair<std::string, std::string>{"reduction", genotype.substr(slash + 1)}}) {
    std::istringstream nodes(text);
    int64_t number = 0;
    for (std::string node; std::getline(nodes, node, '|'); ++number)
      add_node(items, node, fmt::format("{}/node{}", cell, number), number + 2, darts->operators());
    if (number != darts->nodes())
      throw UserError(
          fmt::format("genotype: the {} cell has {} nodes, the space's cells have {}", cell, number, darts->nodes()));
  }
  return Decisions(std::move(items));
}

}  // namespace nacre
