// Merges nodes that compute the same: one operator with equal attributes and nested graphs on the same values, in the order
// of the operands or, where it means nothing, in any. Constants of equal bytes count as one value; parameters do not, for
// training makes them differ. What draws random numbers and what nacre does not know is left alone.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>

#include "nacre/ir/attribute_defaults.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/rewrites/rewrites.hpp"

namespace nacre::rewrites {
namespace {

// A text that two things share exactly when they are equal.
class Key {
 public:
  template <class T>
  void number(T value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view value) {
    number(value.size());
    text_.append(value);
  }
  void hash(const Hash128& value) {
    number(value.high);
    number(value.low);
  }
  template <class T>
  void list(const std::vector<T>& values) {
    number(values.size());
    for (const T& value : values) put(value);
  }
  void put(int64_t value) { number(value); }
  void put(float value) { number(value); }
  void put(const std::string& value) { text(value); }
  void put(const Tensor& value) { hash(value.hash()); }
  template <class T>
  void put(const std::vector<T>& values) {
    list(values);
  }

  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

bool draws_random_numbers(const Node& node) {
  static constexpr std::array<std::string_view, 7> kRandom = {
      "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial", "Dropout"};
  return std::ranges::find(kRandom, std::string_view(node.op)) != kRandom.end();
}

bool is_commutative(const Node& node) {
  static constexpr std::array<std::string_view, 7> kOperators = {"Add", "Mul", "Max", "Min", "And", "Or", "Xor"};
  return node.domain.empty() && node.inputs.size() == 2 &&
         std::ranges::find(kOperators, std::string_view(node.op)) != kOperators.end();
}

bool can_be_compared(const Node& node) {
  if (node.is_opaque() || draws_random_numbers(node)) return false;
  return std::ranges::all_of(
      node.bodies, [](const Body& body) { return std::ranges::all_of(body.graph->nodes(), can_be_compared); });
}

// `numbers`: one per value, equal for values known to be equal.
std::string key_of(const Graph& graph, const Node& node, const std::vector<ValueId>& numbers) {
  Key key;
  key.text(node.op);
  key.text(node.domain);
  std::vector<ValueId> inputs;
  for (const ValueId id : node.inputs) inputs.push_back(id == kNone ? kNone : numbers[static_cast<size_t>(id)]);
  while (!inputs.empty() && inputs.back() == kNone) inputs.pop_back();
  if (is_commutative(node)) std::ranges::sort(inputs);
  key.number(inputs.size());
  for (const ValueId id : inputs) key.number(id);
  const ValueId first = node.inputs.empty() ? kNone : node.inputs[0];
  const bool ranked = first != kNone && graph.value(first).shape.has_value();
  const int rank = ranked ? graph.value(first).shape->rank() : -1;
  std::vector<std::string> attributes;  // their order means nothing
  for (const auto& [name, value] : node.attributes) {
    if (is_default_attribute(node, name, value, rank)) continue;
    Key attribute;
    attribute.text(name);
    attribute.number(value.index());
    std::visit([&](const auto& content) { attribute.put(content); }, value);
    attributes.push_back(attribute.take());
  }
  std::ranges::sort(attributes);
  key.list(attributes);
  for (const Body& body : node.bodies) {
    key.text(body.name);
    key.hash(content_hash(*body.graph));
    for (const ValueId id : body.captures) key.number(numbers[static_cast<size_t>(id)]);
  }
  key.number(node.outputs.size());
  for (const ValueId id : node.outputs) {
    key.number(id == kNone);
    key.text(id == kNone ? std::string_view() : std::string_view(graph.value(id).format));
  }
  return key.take();
}

// Values numbered by themselves, but constants of equal content by the first of them.
std::vector<ValueId> number_values(const Graph& graph) {
  std::vector<ValueId> numbers(graph.values().size());
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<ValueId>(i);
  std::unordered_map<std::string, ValueId> constants;
  for (const Initializer& initializer : graph.initializers()) {
    const Tensor* tensor = fixed_constant(graph, initializer.value);
    if (tensor == nullptr) continue;
    Key key;
    key.hash(tensor->hash());
    key.text(graph.value(initializer.value).format);
    numbers[static_cast<size_t>(initializer.value)] =
        constants.try_emplace(key.take(), initializer.value).first->second;
  }
  return numbers;
}

bool is_output(const Graph& graph, ValueId id) { return std::ranges::find(graph.outputs, id) != graph.outputs.end(); }

// Readers of `from`'s results read those of `to`; not where both are outputs, for each has its name.
bool merge_nodes(Graph& graph, NodeId from, NodeId to) {
  const std::vector<ValueId> old_results = graph.node(from).outputs;
  const std::vector<ValueId> results = graph.node(to).outputs;
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i] != kNone && is_output(graph, old_results[i]) && is_output(graph, results[i])) return false;
  }
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i] == kNone) continue;
    if (is_output(graph, old_results[i])) graph.value(results[i]).name = graph.value(old_results[i]).name;
    graph.replace_uses(old_results[i], results[i]);
  }
  graph.kill_node(from);
  return true;
}

}  // namespace

int merge_common_subexpressions(Graph& graph) {
  int count = 0;
  std::vector<ValueId> numbers = number_values(graph);
  std::unordered_map<std::string, NodeId> seen;
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.dead || !can_be_compared(node)) continue;
    const auto [entry, is_new] = seen.try_emplace(key_of(graph, node, numbers), static_cast<NodeId>(i));
    if (is_new) continue;
    const std::vector<ValueId> old_results = node.outputs;
    const std::vector<ValueId> results = graph.node(entry->second).outputs;
    if (merge_nodes(graph, static_cast<NodeId>(i), entry->second)) ++count;
    // Also where both stay: what follows from them is equal.
    for (size_t k = 0; k < results.size(); ++k) {
      if (results[k] != kNone) numbers[static_cast<size_t>(old_results[k])] = results[k];
    }
  }
  return count + rewrite_bodies(graph, merge_common_subexpressions);
}

}  // namespace nacre::rewrites
