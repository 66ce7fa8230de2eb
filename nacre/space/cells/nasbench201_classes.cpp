#include "nacre/space/cells/nasbench201_classes.hpp"

#include <algorithm>
#include <map>

#include "nacre/base/error.hpp"
#include "nacre/space/cells/labeled_graph.hpp"
#include "nacre/space/spaces/nasbench201.hpp"

namespace nacre {
namespace {

constexpr int kNodes = 4;
constexpr int kNone201 = 0, kSkip = 1, kPool = 4;

struct Edge {
  int from;
  int to;
};
constexpr std::array<Edge, 6> kEdges = {{{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}}};

std::vector<int> digits_of(const std::string& code) {
  nasbench201_decisions(code);  // checks it
  std::vector<int> digits;
  for (const char digit : code) digits.push_back(digit - '0');
  return digits;
}

// The text of a node: what arrives on its edges, sorted and joined. An edge of 'none' or from a node that is '#' gives '#', a
// skip the text of its node, an operator that text with its name. Texts of sums are sorted as they are, so names matter.
std::string benchmark_text(const std::vector<int>& digits) {
  std::array<std::string, kNodes> nodes = {"0"};
  for (int to = 1; to < kNodes; ++to) {
    std::vector<std::string> arriving;
    for (size_t e = 0; e < kEdges.size(); ++e) {
      if (kEdges[e].to != to) continue;
      const std::string& from = nodes[static_cast<size_t>(kEdges[e].from)];
      if (digits[e] == kNone201 || from == "#") {
        arriving.emplace_back("#");
      } else if (digits[e] == kSkip) {
        arriving.push_back(from);
      } else {
        arriving.push_back("(" + from + ")@" + nasbench201_operators()[static_cast<size_t>(digits[e])]);
      }
    }
    std::ranges::sort(arriving);
    std::string& text = nodes[static_cast<size_t>(to)];
    for (const std::string& part : arriving) text += (text.empty() ? "" : "+") + part;
  }
  return nodes[kNodes - 1];
}

using Sum = std::map<int, int>;  // how often each value is added

std::vector<CellNetwork::Summand> list_of(const Sum& sum) {
  std::vector<CellNetwork::Summand> list;
  for (const auto& [value, count] : sum) list.push_back({value, count});
  return list;
}

// Keeps the operators from which the output is reached.
CellNetwork without_dead(const std::vector<CellNetwork::Operator>& operators, const Sum& output) {
  std::vector<bool> live(operators.size(), false);
  const auto use = [&](int value) {
    if (value != CellNetwork::kInput) live[static_cast<size_t>(value)] = true;
  };
  for (const auto& [value, count] : output) use(value);
  for (size_t i = operators.size(); i-- > 0;) {
    if (!live[i]) continue;
    for (const CellNetwork::Summand& summand : operators[i].sum) use(summand.value);
  }
  CellNetwork network;
  std::vector<int> renumbered(operators.size(), CellNetwork::kInput);
  const auto renumber = [&](std::vector<CellNetwork::Summand> sum) {
    for (CellNetwork::Summand& summand : sum) {
      if (summand.value != CellNetwork::kInput) summand.value = renumbered[static_cast<size_t>(summand.value)];
    }
    return sum;
  };
  for (size_t i = 0; i < operators.size(); ++i) {
    if (!live[i]) continue;
    renumbered[i] = static_cast<int>(network.operators.size());
    network.operators.push_back({operators[i].kind, operators[i].edge, renumber(operators[i].sum)});
  }
  network.output = renumber(list_of(output));
  return network;
}

// The network as a graph whose vertices are the input, the operators and the output.
LabeledGraph graph_of(const CellNetwork& network) {
  constexpr uint8_t kInputLabel = 253, kOutputLabel = 254;
  LabeledGraph graph;
  graph.add_vertex(kInputLabel);
  for (const CellNetwork::Operator& op : network.operators) graph.add_vertex(static_cast<uint8_t>(op.kind));
  const int output = graph.add_vertex(kOutputLabel);
  const auto connect = [&](const std::vector<CellNetwork::Summand>& sum, int to) {
    for (const CellNetwork::Summand& summand : sum) graph.connect(summand.value + 1, to, summand.count);
  };
  for (size_t i = 0; i < network.operators.size(); ++i) connect(network.operators[i].sum, static_cast<int>(i) + 1);
  connect(network.output, output);
  return graph;
}

}  // namespace

std::string cell_rule_name(CellRule rule) {
  switch (rule) {
    case CellRule::benchmark_string: return "benchmark_string";
    case CellRule::exact: return "exact";
    case CellRule::exact_shared_pools: return "exact_shared_pools";
  }
  throw InternalError("no such rule of cells");
}

std::string cell_rule_summary(CellRule rule) {
  switch (rule) {
    case CellRule::benchmark_string: return "the benchmark's own text: skips vanish, edges after a zero are '#'";
    case CellRule::exact: return "one network, every convolution and pool an operator of its own";
    case CellRule::exact_shared_pools: return "one network, average pools of one value are one";
  }
  throw InternalError("no such rule of cells");
}

CellNetwork nasbench201_network(const std::string& code, bool share_pools) {
  const std::vector<int> digits = digits_of(code);
  std::vector<CellNetwork::Operator> operators;
  std::array<Sum, kNodes> nodes = {Sum{{CellNetwork::kInput, 1}}};
  std::map<std::vector<CellNetwork::Summand>, int> pools;
  for (size_t e = 0; e < kEdges.size(); ++e) {
    const Sum& from = nodes[static_cast<size_t>(kEdges[e].from)];
    Sum& to = nodes[static_cast<size_t>(kEdges[e].to)];
    if (digits[e] == kNone201 || from.empty()) continue;
    if (digits[e] == kSkip) {
      for (const auto& [value, count] : from) to[value] += count;
      continue;
    }
    auto number = static_cast<int>(operators.size());
    if (share_pools && digits[e] == kPool) number = pools.try_emplace(list_of(from), number).first->second;
    if (number == static_cast<int>(operators.size()))
      operators.push_back({digits[e], static_cast<int>(e), list_of(from)});
    ++to[number];
  }
  return without_dead(operators, nodes[kNodes - 1]);
}

std::vector<int> canonical_operator_order(const CellNetwork& network) {
  const std::vector<int> position = canonical_form(graph_of(network)).position;
  // Labels lead the order: operators come first, input and output last.
  return {position.begin() + 1, position.end() - 1};
}

std::string nasbench201_class(const std::string& code, CellRule rule) {
  if (rule == CellRule::benchmark_string) return benchmark_text(digits_of(code));
  return canonical_form(graph_of(nasbench201_network(code, rule == CellRule::exact_shared_pools))).hash().hex();
}

std::vector<std::string> nasbench201_codes() {
  std::vector<std::string> codes;
  for (int number = 0; number < 15625; ++number) {
    std::string code(kEdges.size(), '0');
    int rest = number;
    for (size_t i = code.size(); i-- > 0; rest /= 5) code[i] = static_cast<char>('0' + rest % 5);
    codes.push_back(std::move(code));
  }
  return codes;
}

}  // namespace nacre
