// Sums of products in Einstein's notation: "bij,bjk->bik". Labels are letters; "..." stands for axes that broadcast.
#include "nacre/ir/operators/einsum.hpp"

#include <algorithm>
#include <cctype>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

constexpr int64_t kMaximumCombinations = int64_t{1} << 28;  // inference may run this on constants: it must end soon

std::string without_spaces(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c != ' ') result += c;
  }
  return result;
}

// The labels of one term, where the ellipsis becomes `width` labels of its own: codes past the letters, aligned at the right.
std::vector<int> labels_of(std::string_view term, int width) {
  std::vector<int> labels;
  for (size_t i = 0; i < term.size(); ++i) {
    if (term.substr(i, 3) == "...") {
      for (int w = 0; w < width; ++w) labels.push_back(kEllipsisLabel + (width - 1 - w));
      i += 2;
    } else if (std::isalpha(static_cast<unsigned char>(term[i])) != 0) {
      labels.push_back(term[i]);
    } else {
      throw UserError("the equation holds '" + std::string(1, term[i]) + "', expected letters, '...', ',' and '->'");
    }
  }
  return labels;
}

int plain_labels(std::string_view term) {
  return static_cast<int>(std::ranges::count_if(term, [](unsigned char c) { return std::isalpha(c) != 0; }));
}

void infer_einsum(InferenceContext& context) {
  require_same_type(context);
  std::vector<int> ranks;
  for (int i = 0; i < context.input_count(); ++i) {
    const Shape* shape = context.ranked_input(i, 0);
    if (shape == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
    ranks.push_back(shape->rank());
  }
  const EinsumEquation equation = parse_einsum(context.attributes().text("equation", ""), ranks);
  std::map<int, Dim> extents;
  for (size_t i = 0; i < equation.terms.size(); ++i) {
    for (size_t axis = 0; axis < equation.terms[i].size(); ++axis) {
      const int label = equation.terms[i][axis];
      const Dim dim = (*context.input_shape(static_cast<int>(i)))[static_cast<int>(axis)];
      const auto [entry, fresh] = extents.emplace(label, dim);
      if (fresh || dim == Dim(1)) continue;
      entry->second = entry->second == Dim(1) ? dim : same_dim(context, entry->second, dim, "extents of one label");
    }
  }
  Shape result;
  for (const int label : equation.result) result.push_back(extents.at(label));
  context.set_output(0, context.input_type(0), result);
}

// One MAC for each combination of all labels and each further operand (the plain sum, not the best order).
OperatorCost cost_einsum(const Graph& graph, const Node& node) {
  std::vector<int> ranks;
  for (const ValueId input : node.inputs) ranks.push_back(fixed_shape(graph, input).rank());
  const EinsumEquation equation = parse_einsum(node.attributes.text("equation", ""), ranks);
  std::map<int, int64_t> extents;
  for (size_t i = 0; i < equation.terms.size(); ++i) {
    for (size_t axis = 0; axis < equation.terms[i].size(); ++axis) {
      int64_t& extent = extents.try_emplace(equation.terms[i][axis], 1).first->second;
      extent = std::max(extent, fixed_shape(graph, node.inputs[i])[static_cast<int>(axis)].extent());
    }
  }
  int64_t combinations = 1;
  for (const auto& [label, extent] : extents) combinations = saturating_multiply(combinations, extent);
  const bool sums = extents.size() > equation.result.size();
  const auto products = static_cast<int64_t>(node.inputs.size()) - 1;
  if (products < 1) return {.macs = 0, .flops = combinations};
  return {.macs = sums ? saturating_multiply(combinations, products) : 0,
          .flops = saturating_multiply(combinations, sums ? 2 * products : products)};
}

template <class T>
Tensor einsum(const Node& node, Inputs inputs) {
  std::vector<int> ranks;
  for (size_t i = 0; i < inputs.size(); ++i) ranks.push_back(input_at(inputs, i).rank());
  const EinsumEquation equation = parse_einsum(node.attributes.text("equation", ""), ranks);
  // The labels of the result come first: the position of a sum is that of its first part.
  std::vector<int> labels = equation.result;
  std::map<int, int64_t> extents;
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t axis = 0; axis < equation.terms[i].size(); ++axis) {
      const int label = equation.terms[i][axis];
      if (std::ranges::find(labels, label) == labels.end()) labels.push_back(label);
      int64_t& extent = extents.try_emplace(label, 1).first->second;
      const int64_t here = inputs[i]->extents()[axis];
      if (here != 1 && extent != 1 && here != extent)
        throw UserError("extents " + std::to_string(extent) + " and " + std::to_string(here) + " of one label differ");
      if (here != 1) extent = here;
    }
  }
  Extents all;
  for (const int label : labels) all.push_back(extents.at(label));
  std::vector<std::vector<T>> operands;
  std::vector<Extents> steps(inputs.size(), Extents(labels.size(), 0));  // distance in operand i along label l
  for (size_t i = 0; i < inputs.size(); ++i) {
    operands.push_back(load<T>(*inputs[i]));
    const Extents strides = strides_of(inputs[i]->extents());
    for (size_t axis = 0; axis < strides.size(); ++axis) {
      const auto label = std::ranges::find(labels, equation.terms[i][axis]) - labels.begin();
      if (inputs[i]->extents()[axis] != 1) steps[i][static_cast<size_t>(label)] += strides[axis];
    }
  }
  if (count_of(all) > kMaximumCombinations)
    throw UserError("sums over more than 2^28 products are not run by the reference executor");
  const Extents shape(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(equation.result.size()));
  std::vector<T> result(static_cast<size_t>(count_of(shape)), T{0});
  const int64_t summed = result.empty() ? 0 : count_of(all) / static_cast<int64_t>(result.size());
  Extents index(labels.size(), 0);
  for (int64_t flat = 0; flat < count_of(all); ++flat, next_position(index, all)) {
    T product = 1;
    for (size_t i = 0; i < operands.size(); ++i) {
      int64_t at = 0;
      for (size_t l = 0; l < labels.size(); ++l) at += index[l] * steps[i][l];
      product *= operands[i][static_cast<size_t>(at)];
    }
    result[static_cast<size_t>(flat / summed)] += product;
  }
  return store<T>(inputs[0]->type(), shape, result);
}

std::vector<Tensor> reference_einsum(const Node& node, Inputs inputs) {
  return with_number_type(input_at(inputs, 0).type(),
                          [&]<class T>(T) { return std::vector<Tensor>{einsum<T>(node, inputs)}; });
}

}  // namespace

EinsumEquation parse_einsum(std::string_view given, std::span<const int> ranks) {
  const std::string text = without_spaces(given);
  const size_t arrow = text.find("->");
  const std::string_view left = std::string_view(text).substr(0, arrow);
  std::vector<std::string_view> terms;
  for (size_t at = 0;;) {
    const size_t comma = left.find(',', at);
    terms.push_back(left.substr(at, comma == std::string_view::npos ? comma : comma - at));
    if (comma == std::string_view::npos) break;
    at = comma + 1;
  }
  if (terms.size() != ranks.size()) {
    throw UserError("the equation '" + text + "' has " + std::to_string(terms.size()) + " terms, the node " +
                    std::to_string(ranks.size()) + " inputs");
  }
  int widest = 0;
  EinsumEquation result;
  for (size_t i = 0; i < terms.size(); ++i) {
    const bool open = terms[i].find("...") != std::string_view::npos;
    const int width = ranks[i] - plain_labels(terms[i]);
    if (width < 0 || (!open && width != 0)) {
      throw UserError("the term '" + std::string(terms[i]) + "' does not fit an input of " + std::to_string(ranks[i]) +
                      " dimensions");
    }
    widest = std::max(widest, open ? width : 0);
    result.terms.push_back(labels_of(terms[i], open ? width : 0));
  }
  if (arrow != std::string::npos) {
    result.result = labels_of(std::string_view(text).substr(arrow + 2), widest);
  } else {
    // Labels that occur once, in alphabetical order, after the axes of the ellipsis.
    std::map<int, int> counts;
    for (const std::vector<int>& term : result.terms) {
      for (const int label : term) ++counts[label];
    }
    for (int w = widest; w-- > 0;) result.result.push_back(kEllipsisLabel + w);
    for (const auto& [label, count] : counts) {
      if (count == 1 && label < kEllipsisLabel) result.result.push_back(label);
    }
  }
  for (size_t i = 0; i < result.result.size(); ++i) {
    const int label = result.result[i];
    const bool known = std::ranges::any_of(
        result.terms, [&](const std::vector<int>& term) { return std::ranges::find(term, label) != term.end(); });
    if (!known) throw UserError("the equation '" + text + "' gives a label that no term has");
    if (std::find(result.result.begin(), result.result.begin() + static_cast<std::ptrdiff_t>(i), label) !=
        result.result.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw UserError("the equation '" + text + "' gives a label twice");
    }
  }
  return result;
}

std::vector<OperatorSchema> einsum_operators() {
  return {{.name = "Einsum",
           .summary = "sum of products in Einstein's notation",
           .minimum_inputs = 1,
           .maximum_inputs = kVariadic,
           .attributes = {{"equation", "string", "\"bij,bjk->bik\"", true}},
           .infer = infer_einsum,
           .cost = cost_einsum,
           .reference = reference_einsum}};
}

}  // namespace nacre::operators
