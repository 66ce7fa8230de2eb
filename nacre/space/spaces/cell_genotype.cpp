#include "nacre/space/spaces/cell_genotype.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr std::array<const char*, 2> kCells = {"normal", "reduction"};

struct GenotypeEdge {
  int64_t op = 0;  // index into the grammar's operators
  int64_t from = 0;
};

struct GenotypeBlock {
  std::array<GenotypeEdge, 2> edges;
  int64_t combine = 0;  // index into the grammar's ways
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

int64_t index_of(const std::vector<std::string>& names, const std::string& name, std::string_view kind) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) throw UserError("genotype: " + unknown_name_message(kind, name, names));
  return found - names.begin();
}

GenotypeEdge parse_edge(const CellGrammar& grammar, const std::string& text, const std::string& scope, int64_t states) {
  std::istringstream words(text);
  std::string name, rest;
  int64_t from = -1;
  if (!(words >> name >> from) || (words >> rest))
    throw UserError("genotype: expected an operator and an input, e.g. sep3 1, found '" + text + "'");
  const int64_t op = index_of(grammar.operators, name, "operator");
  if (from < 0 || from >= states)
    throw UserError(fmt::format("genotype: {} has the inputs 0 .. {}, found {}", scope, states - 1, from));
  return {op, from};
}

// "sep3 1, skip 0" or "sep3 1, skip 0, concat".
GenotypeBlock parse_block(const CellGrammar& grammar, const std::string& text, const std::string& scope,
                          int64_t states) {
  std::vector<std::string> parts = split(text, ',');
  GenotypeBlock block;
  std::string way = "add";
  if (parts.size() == 3) {
    std::istringstream(parts[2]) >> way;
    parts.pop_back();
  }
  block.combine = index_of(grammar.combine, way, "way to combine");
  if (parts.size() != 2) throw UserError("genotype: expected two edges, found '" + text + "'");
  for (size_t i = 0; i < 2; ++i) block.edges[i] = parse_edge(grammar, parts[i], scope, states);
  if (grammar.inputs == CellGrammar::Inputs::pairs) {
    if (block.edges[0].from > block.edges[1].from) std::swap(block.edges[0], block.edges[1]);
    if (block.edges[0].from == block.edges[1].from)
      throw UserError("genotype: the edges of '" + text + "' come from one input; expected two");
  }
  return block;
}

std::vector<int64_t> parse_states(const std::string& text) {
  std::vector<int64_t> states;
  std::istringstream words(text);
  int64_t state = 0;
  while (words >> state) states.push_back(state);
  if (!words.eof()) throw UserError("genotype: expected numbers of states after ->, found '" + text + "'");
  std::ranges::sort(states);
  return states;
}

std::vector<int64_t> output_states(const CellGrammar& grammar, const std::vector<GenotypeBlock>& blocks,
                                   bool reduction) {
  std::vector<bool> read(static_cast<size_t>(grammar.blocks + 2), false);
  for (const GenotypeBlock& block : blocks)
    for (const GenotypeEdge& edge : block.edges) read[static_cast<size_t>(edge.from)] = true;
  return grammar.output_states(read, reduction);
}

std::vector<GenotypeBlock> parse_cell(const CellGrammar& grammar, const std::string& text, size_t cell) {
  const size_t arrow = text.find("->");
  const std::vector<std::string> parts = split(text.substr(0, arrow), '|');
  if (static_cast<int64_t>(parts.size()) != grammar.blocks) {
    throw UserError(fmt::format("genotype: the {} cell has {} nodes, the space's cells have {}", kCells[cell],
                                parts.size(), grammar.blocks));
  }
  std::vector<GenotypeBlock> blocks;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto number = static_cast<int64_t>(i);
    const std::string scope = fmt::format("{}/{}", kCells[cell], grammar.block_name(number));
    blocks.push_back(parse_block(grammar, parts[i], scope, grammar.states_of(number)));
  }
  if (arrow == std::string::npos) return blocks;
  const std::vector<int64_t> given = parse_states(text.substr(arrow + 2));
  const std::vector<int64_t> rule = output_states(grammar, blocks, cell == 1);
  if (given != rule) {
    throw UserError(
        fmt::format("genotype: the {} cell puts the states {} side by side, by the rule of this space it would "
                    "be {}; expected a space with another `concat`",
                    kCells[cell], fmt::join(given, " "), fmt::join(rule, " ")));
  }
  return blocks;
}

// The place of the pair i < j among all pairs of n in order.
int64_t pair_rank(int64_t i, int64_t j, int64_t n) {
  int64_t rank = 0;
  for (int64_t k = 0; k < i; ++k) rank += n - 1 - k;
  return rank + j - i - 1;
}

// Decisions with one alternative do not exist.
void decide(std::vector<Decision>& items, std::string key, int64_t index, size_t alternatives) {
  if (alternatives > 1) items.push_back({std::move(key), index});
}

void add_block(const CellGrammar& grammar, const GenotypeBlock& block, const std::string& scope, int64_t states,
               std::vector<Decision>& items) {
  const auto& [first, second] = block.edges;
  const size_t operators = grammar.operators.size();
  if (grammar.inputs == CellGrammar::Inputs::pairs) {
    decide(items, scope + "/inputs", pair_rank(first.from, second.from, states), states > 2 ? 2 : 1);
    for (const GenotypeEdge& edge : block.edges)
      decide(items, fmt::format("{}/from{}/op", scope, edge.from), edge.op, operators);
    return;
  }
  decide(items, scope + "/in1", first.from, static_cast<size_t>(states));
  decide(items, scope + "/op1", first.op, operators);
  decide(items, scope + "/in2", second.from, static_cast<size_t>(states));
  decide(items, scope + "/op2", second.op, operators);
  decide(items, scope + "/combine", block.combine, grammar.combine.size());
}

int64_t decided(const Decisions& decisions, const std::string& key, size_t alternatives) {
  if (alternatives < 2) return 0;
  const int64_t* index = decisions.find(key);
  if (index == nullptr || *index < 0 || *index >= static_cast<int64_t>(alternatives))
    throw UserError("genotype: decision '" + key + "' is missing or out of range");
  return *index;
}

GenotypeBlock read_block(const CellGrammar& grammar, const Decisions& decisions, const std::string& scope,
                         int64_t states) {
  const size_t operators = grammar.operators.size();
  GenotypeBlock block;
  auto& [first, second] = block.edges;
  if (grammar.inputs == CellGrammar::Inputs::pairs) {
    const auto pairs = static_cast<size_t>(states * (states - 1) / 2);
    const int64_t rank = decided(decisions, scope + "/inputs", pairs);
    for (int64_t i = 0; i < states; ++i)
      for (int64_t j = i + 1; j < states; ++j)
        if (pair_rank(i, j, states) == rank) first.from = i, second.from = j;
    for (GenotypeEdge& edge : block.edges)
      edge.op = decided(decisions, fmt::format("{}/from{}/op", scope, edge.from), operators);
    return block;
  }
  first.from = decided(decisions, scope + "/in1", static_cast<size_t>(states));
  first.op = decided(decisions, scope + "/op1", operators);
  second.from = decided(decisions, scope + "/in2", static_cast<size_t>(states));
  second.op = decided(decisions, scope + "/op2", operators);
  block.combine = decided(decisions, scope + "/combine", grammar.combine.size());
  return block;
}

std::string block_text(const CellGrammar& grammar, const GenotypeBlock& block) {
  const auto edge_text = [&](const GenotypeEdge& edge) {
    return fmt::format("{} {}", grammar.operators[static_cast<size_t>(edge.op)], edge.from);
  };
  const std::string& way = grammar.combine[static_cast<size_t>(block.combine)];
  return edge_text(block.edges[0]) + ", " + edge_text(block.edges[1]) + (way == "add" ? "" : ", " + way);
}

}  // namespace

Decisions genotype_decisions(const CellGrammar& grammar, const std::string& genotype) {
  const auto named = std::ranges::find(named_genotypes(), genotype, &NamedGenotype::name);
  const std::string& text = named == named_genotypes().end() ? genotype : named->text;
  const std::vector<std::string> cells = split(text, '/');
  if (cells.size() != 2) {
    std::vector<std::string> names;
    for (const NamedGenotype& one : named_genotypes()) names.push_back(one.name);
    throw UserError(
        fmt::format("genotype: expected the normal and the reduction cell with a / between, or one of {}, found '{}'",
                    fmt::join(names, ", "), genotype));
  }
  std::vector<Decision> items;
  for (size_t cell = 0; cell < 2; ++cell) {
    const std::vector<GenotypeBlock> blocks = parse_cell(grammar, cells[cell], cell);
    for (size_t i = 0; i < blocks.size(); ++i) {
      const auto number = static_cast<int64_t>(i);
      add_block(grammar, blocks[i], fmt::format("{}/{}", kCells[cell], grammar.block_name(number)),
                grammar.states_of(number), items);
    }
  }
  return Decisions(std::move(items));
}

std::string genotype_text(const CellGrammar& grammar, const Decisions& decisions) {
  std::string text;
  for (size_t cell = 0; cell < 2; ++cell) {
    std::vector<GenotypeBlock> blocks;
    for (int64_t i = 0; i < grammar.blocks; ++i) {
      blocks.push_back(read_block(grammar, decisions, fmt::format("{}/{}", kCells[cell], grammar.block_name(i)),
                                  grammar.states_of(i)));
      text += (i > 0 ? " | " : cell > 0 ? " / " : "") + block_text(grammar, blocks.back());
    }
    text += fmt::format(" -> {}", fmt::join(output_states(grammar, blocks, cell == 1), " "));
  }
  return text;
}

// Inputs as the space numbers them: nasnet from the last cell on, darts and eeea from the cell before the last.
const std::vector<NamedGenotype>& named_genotypes() {
  static const std::vector<NamedGenotype> kNamed = {
      {"nasnet-a", "nasnet", "Zoph et al., arXiv 1707.07012, figure 4 and the released code; concat: released",
       "sep5 0, sep3 1 | sep5 1, sep3 1 | avg 0, skip 1 | avg 1, avg 1 | sep3 0, skip 0 -> 1 2 3 4 5 6 / "
       "sep5 0, sep7 1 | max 0, sep7 1 | avg 0, sep5 1 | skip 3, avg 2 | sep3 2, max 0 -> 3 4 5 6",
       "concat: released"},
      {"amoebanet-a", "nasnet", "Real et al., arXiv 1802.01548, figure 5",
       "avg 1, max 0 | sep3 1, sep5 2 | sep3 1, avg 3 | sep3 0, skip 0 | skip 1, avg 0 -> 4 5 6 / "
       "avg 1, sep3 0 | max 1, sep7 2 | sep7 1, avg 0 | max 1, max 0 | rect7 1, sep3 5 -> 3 4 6"},
      {"darts-v1", "darts", "Liu et al., arXiv 1806.09055, first order",
       "sep3 1, sep3 0 | skip 0, sep3 1 | skip 0, sep3 1 | sep3 0, skip 2 / "
       "max 0, max 1 | skip 2, max 0 | max 0, skip 2 | skip 2, avg 0"},
      {"darts-v2", "darts", "Liu et al., arXiv 1806.09055, second order",
       "sep3 0, sep3 1 | sep3 0, sep3 1 | sep3 1, skip 0 | skip 0, dil3 2 / "
       "max 0, max 1 | skip 2, max 1 | max 0, skip 2 | skip 2, max 1"},
      {"pc-darts", "darts", "Xu et al., arXiv 1907.05737, of CIFAR-10",
       "sep3 1, skip 0 | sep3 0, dil3 1 | sep5 0, sep3 1 | avg 0, dil3 1 / "
       "sep5 1, max 0 | sep5 1, sep5 2 | sep3 0, sep3 3 | sep3 1, sep3 2"},
      {"sharp-darts-v2", "sharpdarts", "Hundt et al., arXiv 1903.09900, the cell of DARTS with balanced convolutions",
       "sharp3 0, sharp3 1 | sharp3 0, sharp3 1 | sharp3 1, skip 0 | skip 0, dilsharp3 2 / "
       "max 0, max 1 | skip 2, max 1 | max 0, skip 2 | skip 2, max 1",
       "set: darts"},
      {"sharpsepconv-darts", "sharpdarts",
       "Hundt et al., arXiv 1903.09900, searched among the operators of DARTS, balanced",
       "sharp3 0, sharp3 1 | sharp3 0, sharp3 2 | skip 0, sharp3 1 | skip 0, sharp3 1 / "
       "max 0, skip 1 | skip 2, avg 0 | skip 2, avg 0 | skip 2, skip 3",
       "set: darts"},
      {"sharp-darts", "sharpdarts", "Hundt et al., arXiv 1903.09900, with flooded and choked operators",
       "choke3 0, choke3 1 | skip 0, choke3 1 | skip 0, skip 1 | skip 0, skip 1 / "
       "max 0, skip 1 | max 0, skip 2 | max 0, skip 2 | skip 2, flood3 0",
       ""},
      {"sharper-scalar", "sharpdarts", "Hundt et al., arXiv 1903.09900, plain weighting",
       "skip 0, sharp3 1 | sharp3 1, skip 0 | dilflood3 3, flood3 1 | dilflood3 3, dilsharp3 4 / "
       "max 0, skip 1 | skip 1, avg 0 | avg 1, dilflood3 0 | flood3 3, skip 4",
       "set: sharper"},
      {"sharper-max-w", "sharpdarts", "Hundt et al., arXiv 1903.09900, max-W weighting",
       "sharp3 0, dilsharp5 1 | max 0, sharp7 2 | avg 3, flood3 0 | flood3 1, skip 2 / "
       "flood5 0, dilflood3 1 | sharp3 0, skip 2 | sharp3 0, skip 2 | dilsharp5 4, sharp3 0",
       "set: sharper"},
      {"ea-net", "eeea", "Termritthikun et al., arXiv 2108.06156, no early exit",
       "dil3 0, max 0 | inv5 1, dil5 1 | avg 1, avg 1 | inv5 3, inv3 2 | sep3 4, max 3 -> 5 6 / "
       "avg 0, inv3 0 | inv5 1, dil3 0 | inv3 0, dil5 0 | max 3, skip 3 | max 0, sep3 0 -> 2 4 5 6"},
      {"eeea-a", "eeea", "Termritthikun et al., arXiv 2108.06156, early exit at 3M parameters",
       "max 0, inv3 0 | dil3 1, max 0 | skip 2, inv3 0 | avg 2, skip 3 | avg 4, skip 3 -> 5 6 / "
       "skip 0, dil3 0 | max 1, avg 0 | dil3 0, avg 0 | skip 2, skip 3 | dil3 3, dil5 0 -> 4 5 6"},
      {"eeea-b", "eeea", "Termritthikun et al., arXiv 2108.06156, early exit at 4M parameters",
       "skip 0, max 0 | max 1, skip 1 | skip 1, skip 2 | dil3 3, sep3 1 | max 4, sep3 4 -> 5 6 / "
       "skip 0, inv5 0 | avg 0, dil3 1 | inv3 1, skip 1 | max 1, avg 1 | avg 2, dil3 3 -> 4 5 6"},
      {"eeea-c", "eeea", "Termritthikun et al., arXiv 2108.06156, early exit at 5M parameters",
       "dil5 0, max 0 | inv5 0, inv3 0 | dil5 2, inv3 2 | sep5 1, skip 2 | sep3 1, avg 4 -> 3 5 6 / "
       "inv3 0, dil3 0 | avg 0, inv3 0 | dil5 1, max 1 | skip 3, max 3 | inv5 4, inv3 2 -> 5 6"}};
  return kNamed;
}

}  // namespace nacre
