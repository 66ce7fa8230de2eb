#include "nacre/space/spaces/nasbench201.hpp"

#include <fmt/format.h>

#include <array>

#include "nacre/ir/tensor.hpp"
#include "nacre/space/blocks.hpp"
#include "nacre/space/cell_graph.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

constexpr int kNodes = 4;

constexpr std::array<CellEdge, 6> kEdges = {{{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}}};
const std::array<std::string, 5> kOperators = {"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"};

ValueId apply_operator(size_t kind, GraphBuilder& b, ValueId x) {
  switch (kind) {
    case 0: return b.node("Mul", {x, b.constant(Tensor::scalar(0.0F), "zero")});
    case 1: return x;
    case 2: return activated_convolution("conv1x1", b, x, b.channels(x), 1);
    case 3: return activated_convolution("conv3x3", b, x, b.channels(x), 3);
    default: return b.average_pool(x, 3, 1, 1);
  }
}

class Nasbench201Space : public NetworkSpace {
 public:
  Nasbench201Space(const Options& options, const SpaceContext& context)
      : NetworkSpace("nasbench201", options, context),
        channels_(options.integer("channels")),
        cells_(options.integer("cells")) {
    const auto [input_channels, height, width] = image_extents();
    if (height % 4 != 0 || width % 4 != 0) {
      throw UserError(
          fmt::format("space 'nasbench201' halves images twice: it needs sides that are multiples of 4, found {} x {}",
                      height, width));
    }
  }

  std::optional<CellGraph> cell_of(const Decisions& complete) const override {
    return cell_of_edges(complete, kEdges, kOperators);
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    {
      const auto scope = b.scope("stem");
      x = b.batch_norm("bn", b.convolution("conv", x, channels_, {.kernel = 3}));
    }
    for (int64_t stage = 0; stage < 3; ++stage) {
      const auto scope = b.scope("stage" + std::to_string(stage + 1));
      if (stage > 0) x = reduction(b, x);
      for (int64_t i = 0; i < cells_; ++i) {
        const auto cell_scope = b.scope("cell" + std::to_string(i));
        x = cell(choose, b, x);
      }
    }
    x = b.activation(b.batch_norm("last_norm", x), Activation::relu);
    return classifier(choose, b, b.flatten(b.global_average_pool(x)), recipe);
  }

 private:
  static ValueId cell(Chooser& choose, GraphBuilder& b, ValueId x) {
    const auto shared = choose.scope("cell");
    std::array<ValueId, kNodes> nodes = {x, kNone, kNone, kNone};
    for (const CellEdge& edge : kEdges) {
      const auto scope = b.scope(edge.name());
      std::vector<Branch> branches;
      for (size_t kind = 0; kind < kOperators.size(); ++kind) {
        branches.push_back(
            {kOperators[kind], [kind](GraphBuilder& b2, ValueId y) { return apply_operator(kind, b2, y); }});
      }
      const ValueId arriving = choose.layer(edge.name(), b, nodes[static_cast<size_t>(edge.from)], branches);
      ValueId& node = nodes[static_cast<size_t>(edge.to)];
      node = node == kNone ? arriving : b.add(node, arriving);
    }
    return nodes[kNodes - 1];
  }

  // The residual block between stages: twice the channels, half the image.
  static ValueId reduction(GraphBuilder& b, ValueId x) {
    const auto scope = b.scope("reduction");
    const int64_t channels = 2 * b.channels(x);
    ValueId y = activated_convolution("conv_a", b, x, channels, 3, 2);
    y = activated_convolution("conv_b", b, y, channels, 3);
    const ValueId shortcut = b.convolution("shortcut", b.average_pool(x, 2, 2, 0), channels, {.kernel = 1});
    return b.add(shortcut, y);
  }

  int64_t channels_;
  int64_t cells_;
};

}  // namespace

RegistryRecord nasbench201_record() {
  return {.name = "nasbench201",
          .summary = "one repeated cell with five operators on six edges, the network of the benchmark",
          .source = "NAS-Bench-201, Dong and Yang 2020, arXiv 2001.00326",
          .parameters = network_space_parameters({{.name = "channels",
                                                   .type = ParameterType::integer,
                                                   .description = "channels of the first stage; doubled twice",
                                                   .default_value = 16,
                                                   .minimum = 1,
                                                   .maximum = 4096},
                                                  {.name = "cells",
                                                   .type = ParameterType::integer,
                                                   .description = "cells per stage",
                                                   .default_value = 5,
                                                   .minimum = 1,
                                                   .maximum = 100}}),
          .example = "space:\n  kind: nasbench201\n  channels: 8\n  cells: 1\n"};
}

std::unique_ptr<Space> make_nasbench201_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<Nasbench201Space>(options, context);
}

std::span<const std::string> nasbench201_operators() { return kOperators; }

Decisions nasbench201_decisions(const std::string& code) {
  std::vector<Decision> items;
  if (code.size() != kEdges.size())
    throw UserError(fmt::format("a nasbench201 code has {} digits, found '{}'", kEdges.size(), code));
  for (size_t i = 0; i < kEdges.size(); ++i) {
    if (code[i] < '0' || code[i] > '4')
      throw UserError(fmt::format("a digit of a nasbench201 code is 0 .. 4, found '{}'", code));
    items.push_back({"cell/" + kEdges[i].name(), code[i] - '0'});
  }
  return Decisions(std::move(items));
}

std::string nasbench201_code(const Decisions& decisions) {
  std::string code;
  for (const CellEdge& edge : kEdges) {
    const int64_t* index = decisions.find("cell/" + edge.name());
    if (index == nullptr || *index < 0 || *index >= static_cast<int64_t>(kOperators.size()))
      throw UserError(fmt::format("decision 'cell/{}' of nasbench201 is missing or out of range", edge.name()));
    code += static_cast<char>('0' + *index);
  }
  return code;
}

std::string nasbench201_architecture(const Decisions& decisions) {
  const std::string code = nasbench201_code(decisions);
  std::string text;
  for (size_t i = 0; i < kEdges.size(); ++i) {
    if (i > 0 && kEdges[i].to != kEdges[i - 1].to) text += "|+";
    text += fmt::format("|{}~{}", kOperators[static_cast<size_t>(code[i] - '0')], kEdges[i].from);
  }
  return text + "|";
}

}  // namespace nacre
