#include "nacre/space/spaces/cell_space.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "nacre/ir/training_tags.hpp"
#include "nacre/space/blocks.hpp"

namespace nacre {

std::string CellGrammar::block_name(int64_t block) const {
  return (inputs == Inputs::pairs ? "node" : "block") + std::to_string(block);
}

std::vector<int64_t> CellGrammar::output_states(const std::vector<bool>& read, bool reduction) const {
  std::vector<int64_t> result;
  const int64_t kept_state = reduction ? 3 : newer_first ? 1 : 0;
  for (int64_t state = 0; state < blocks + 2; ++state) {
    const bool unused = !read[static_cast<size_t>(state)] && (state >= 2 || inputs_may_leave);
    const bool kept = output == Output::released && state == kept_state;
    if (output == Output::all ? state >= 2 : unused || kept) result.push_back(state);
  }
  return result;
}

CellSpace::CellSpace(std::string name, const Options& options, const SpaceContext& context, CellGrammar grammar)
    : NetworkSpace(std::move(name), options, context), grammar_(std::move(grammar)) {}

ValueId CellSpace::cell(Chooser& choose, GraphBuilder& b, ValueId older, ValueId newer, const CellPlace& place) const {
  const auto shared = choose.scope(place.reduction ? "reduction" : "normal");
  std::vector<ValueId> states = {older, newer};
  if (grammar_.newer_first) std::swap(states[0], states[1]);
  const size_t first_node = b.graph().nodes().size();
  for (int64_t i = 0; i < grammar_.blocks; ++i) {
    const auto scope = choose.scope(grammar_.block_name(i), b);
    states.push_back(grammar_.inputs == CellGrammar::Inputs::pairs ? pair_node(choose, b, states, place)
                                                                   : block(choose, b, states, i, place));
  }
  return output(b, std::move(states), first_node, place);
}

// The sum of two edges; which two is one decision, the operator of each another.
ValueId CellSpace::pair_node(Chooser& choose, GraphBuilder& b, const std::vector<ValueId>& states,
                             const CellPlace& place) const {
  std::vector<Branch> edges;
  for (size_t i = 0; i < states.size(); ++i) {
    edges.push_back({std::to_string(i), [this, &choose, &states, place, i](GraphBuilder& b2, ValueId) {
                       const auto scope = choose.scope("from" + std::to_string(i), b2);
                       return edge(choose, b2, "op", states[i], static_cast<int64_t>(i), place);
                     }});
  }
  return choose.sum_of("inputs", b, states[0], edges, 2);
}

ValueId CellSpace::block(Chooser& choose, GraphBuilder& b, const std::vector<ValueId>& states, int64_t number,
                         const CellPlace& place) const {
  const int64_t readable = grammar_.states_of(number);
  const ValueId first = side(choose, b, states, "1", readable, place);
  const ValueId second = side(choose, b, states, "2", readable, place);
  std::vector<Branch> ways;
  for (const std::string& way : grammar_.combine) {
    ways.push_back({way, [way, second, place](GraphBuilder& b2, ValueId x) {
                      if (way == "add") return b2.add(x, second);
                      const ValueId both = b2.node("Concat", {x, second}, {{"axis", int64_t{1}}});
                      return activated_convolution("combine", b2, both, place.channels, 1);
                    }});
  }
  return choose.layer("combine", b, first, ways);
}

// One of the readable states through one operator. The operator is asked inside, for its stride depends on the state.
ValueId CellSpace::side(Chooser& choose, GraphBuilder& b, const std::vector<ValueId>& states, const std::string& number,
                        int64_t readable, const CellPlace& place) const {
  const auto scope = b.scope("edge" + number);
  std::vector<Branch> inputs;
  for (int64_t from = 0; from < readable; ++from) {
    const ValueId state = states[static_cast<size_t>(from)];
    inputs.push_back({std::to_string(from), [this, &choose, state, from, number, place](GraphBuilder& b2, ValueId) {
                        return edge(choose, b2, "op" + number, state, from, place);
                      }});
  }
  return choose.layer("in" + number, b, states[0], inputs);
}

ValueId CellSpace::edge(Chooser& choose, GraphBuilder& b, const std::string& decision, ValueId x, int64_t from,
                        const CellPlace& place) const {
  const int64_t stride = place.reduction && from < 2 ? 2 : 1;
  const auto branches = [this, stride](int64_t channels) {
    std::vector<Branch> all;
    for (const std::string& name : grammar_.operators) {
      all.push_back({name, [name, stride, channels, style = grammar_.style](GraphBuilder& b2, ValueId y) {
                       return apply_cell_operator(name, b2, y, channels, stride, style);
                     }});
    }
    return all;
  };
  return choose.edge(decision, b, x, place.channels, branches);
}

// A state is read when a node of the cell reads it: nothing else takes part, for the blocks come first.
ValueId CellSpace::output(GraphBuilder& b, std::vector<ValueId> states, size_t first_node,
                          const CellPlace& place) const {
  std::vector<bool> read(states.size(), false);
  const std::vector<Node>& nodes = b.graph().nodes();
  for (size_t i = first_node; i < nodes.size(); ++i) {
    for (size_t state = 0; state < states.size(); ++state)
      if (std::ranges::find(nodes[i].inputs, states[state]) != nodes[i].inputs.end()) read[state] = true;
  }
  const int64_t height = b.extent(states.back(), 2);
  std::vector<ValueId> parts;
  for (const int64_t state : grammar_.output_states(read, place.reduction)) {
    ValueId part = states[static_cast<size_t>(state)];
    const int64_t stride = b.extent(part, 2) == height ? 1 : 2;
    if (stride == 2 || b.channels(part) != place.channels)
      part = factorized_reduce("output" + std::to_string(state), b, part, place.channels, stride, Activation::none);
    parts.push_back(part);
  }
  NACRE_CHECK(!parts.empty(), "the last block of a cell is read by none");
  return b.node("Concat", std::move(parts), {{"axis", int64_t{1}}});
}

void CellSpace::tag(GraphBuilder& b, const std::vector<std::string>& cells, const std::string& auxiliary) const {
  TrainingTags tags;
  tags.auxiliary = auxiliary;
  const Graph& graph = b.graph();
  for (const Node& node : graph.nodes()) {
    // cell / block / edge / operator / ...
    std::array<std::string, 4> parts;
    std::istringstream path(graph.scope(node.scope));
    for (std::string& part : parts) std::getline(path, part, '/');
    const bool edge = parts[2].starts_with("edge") || parts[2].starts_with("from");
    const auto cell = std::ranges::find(cells, parts[0]);
    // A strided skip is an operator in the code of DARTS (a factorized reduction), and none in that of NASNet.
    const bool identity = parts[3].empty() || (parts[3] == "skip" && grammar_.style == CellStyle::nasnet);
    if (!edge || identity || cell == cells.end()) continue;
    const std::string scope = parts[0] + "/" + parts[1] + "/" + parts[2];
    if (!tags.paths.empty() && tags.paths.back().scope == scope) continue;
    tags.paths.push_back({scope, static_cast<double>(cell - cells.begin() + 1) / static_cast<double>(cells.size())});
  }
  set_training_tags(b.graph(), tags);
}

const CellGrammar& cell_grammar_of(const Space& space) {
  const auto* cells = dynamic_cast<const CellSpace*>(&space);
  if (cells == nullptr)
    throw UserError("space '" + space.name() + "' has no cells: genotypes name networks of nasnet, darts and eeea");
  return cells->grammar();
}

Parameter cell_operators_parameter(std::vector<std::string> defaults) {
  return {.name = "operators",
          .type = ParameterType::text_list,
          .description = fmt::format("what an edge may be: {}", fmt::join(cell_operator_names(), ", ")),
          .default_value = std::move(defaults)};
}

std::vector<std::string> cell_operators_from(const Options& options) {
  std::vector<std::string> names = options.texts("operators");
  if (names.empty()) throw UserError(options.position("operators"), "space.operators: expected at least one");
  for (const std::string& name : names) {
    if (std::ranges::find(cell_operator_names(), name) == cell_operator_names().end())
      throw UserError(options.position("operators"), unknown_name_message("operator", name, cell_operator_names()));
    if (std::ranges::count(names, name) > 1)
      throw UserError(options.position("operators"), "space.operators: '" + name + "' stands there twice");
  }
  return names;
}

}  // namespace nacre
