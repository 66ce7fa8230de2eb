#include "nacre/space/yaml/compiler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace nacre::yaml_space {
namespace {

constexpr int kDeepestNesting = 100;

void check_keys(const ConfigNode& node, const std::string& what, const std::vector<std::string>& accepted) {
  if (!node.is_map()) throw UserError(node.position, what + ": expected a map");
  for (const auto& [key, value] : node.entries) {
    if (std::ranges::find(accepted, key) == accepted.end())
      throw UserError(value.key_position, unknown_name_message("key of " + what, key, accepted));
  }
}

std::vector<std::string> keys_of(const ConfigNode* node) {
  std::vector<std::string> keys;
  if (node != nullptr) {
    for (const auto& [key, value] : node->entries) keys.push_back(key);
  }
  return keys;
}

const ConfigNode* map_or_null(const ConfigNode& root, const std::string& key) {
  const ConfigNode* node = root.find(key);
  if (node != nullptr && !node->is_map()) throw UserError(node->position, key + ": expected a map of names");
  return node;
}

}  // namespace

Compiler::Compiler(const ConfigNode& root) : blocks_node_(nullptr), grammars_node_(nullptr) {
  check_keys(root, "a space", {"network", "blocks", "grammars"});
  blocks_node_ = map_or_null(root, "blocks");
  grammars_node_ = map_or_null(root, "grammars");
  const ConfigNode* network = root.find("network");
  if (network == nullptr) throw UserError(root.position, "missing key network (the list of steps)");
  network_ = steps(*network, {}, "network");
  // What nothing uses is read too, so that its errors are found.
  for (const std::string& name : keys_of(blocks_node_)) block(name, blocks_node_->position);
  for (const std::string& name : keys_of(grammars_node_)) grammar(name, grammars_node_->position);
  for (const auto& [name, grammar] : grammars_) {
    if (std::ranges::none_of(grammar->productions, &Grammar::Rule::terminal)) {
      throw UserError(grammars_node_->at(name).position,
                      fmt::format("grammar '{}': every production recurses, so that no network is finite", name));
    }
  }
}

SharedSteps Compiler::steps(const ConfigNode& list, std::vector<std::string> names, const std::string& what) {
  if (++depth_ > kDeepestNesting) throw UserError(list.position, "steps are nested more than 100 deep");
  auto result = std::make_shared<Steps>();
  if (!list.is_null() && list.kind != ConfigNode::Kind::sequence)
    throw UserError(list.position, what + ": expected a list of steps");
  std::set<std::string> seen;
  for (size_t i = 0; i < list.items.size(); ++i) {
    result->push_back(step(list.items[i], i, names));
    if (!seen.insert(result->back().name).second) {
      throw UserError(list.items[i].position, fmt::format("two steps of one list are named '{}'", result->back().name));
    }
  }
  --depth_;
  return result;
}

Step Compiler::step(const ConfigNode& node, size_t index, std::vector<std::string>& names) {
  static const ConfigNode kNothing;
  std::string kind_name;
  SourcePosition kind_position = node.position;
  const ConfigNode* arguments = &kNothing;
  if (node.kind == ConfigNode::Kind::scalar) {
    kind_name = node.scalar;
  } else if (node.is_map() && node.entries.size() == 1) {
    kind_name = node.entries[0].first;
    arguments = &node.entries[0].second;
    kind_position = arguments->key_position;
  } else {
    throw UserError(node.position, "expected a step: a word, or a word with its keys, e.g. {convolution: {out: 16}}");
  }
  const StepKind* kind = find_step_kind(kind_name);
  if (kind == nullptr) {
    std::vector<std::string> known;
    for (const auto kinds : {layer_step_kinds(), control_step_kinds()}) {
      for (const StepKind& each : kinds) known.push_back(each.name);
    }
    throw UserError(kind_position, unknown_name_message("step", kind_name, known));
  }
  Step result;
  result.kind = kind->name;
  result.position = kind_position;
  result.name = fmt::format("{}_{}", kind->name, index);
  if (arguments->is_map()) {
    if (const ConfigNode* name = arguments->find("name")) result.name = name->as_text(kind->name + ".name");
  }
  ConfigNode placed = node;
  placed.position = kind_position;
  StepReader reader(*this, *kind, placed, *arguments, names);
  kind->read(reader, result);
  return result;
}

std::shared_ptr<const Block> Compiler::block(const std::string& name, const SourcePosition& position) {
  if (const auto known = blocks_.find(name); known != blocks_.end()) {
    if (known->second == nullptr)
      throw UserError(position, fmt::format("block '{}' uses itself; write a grammar, whose depth is limited", name));
    return known->second;
  }
  const ConfigNode* node = blocks_node_ == nullptr ? nullptr : blocks_node_->find(name);
  if (node == nullptr) throw UserError(position, unknown_name_message("block", name, keys_of(blocks_node_)));
  blocks_[name] = nullptr;
  auto result = std::make_shared<Block>();
  const ConfigNode* list = node;
  if (node->is_map()) {
    check_keys(*node, "block " + name, {"parameters", "steps"});
    if (const ConfigNode* parameters = node->find("parameters")) {
      if (parameters->kind != ConfigNode::Kind::sequence)
        throw UserError(parameters->position, "parameters: expected a list of names");
      for (const ConfigNode& item : parameters->items) result->parameters.push_back(item.as_text("parameters"));
    }
    list = node->find("steps");
    if (list == nullptr) throw UserError(node->position, fmt::format("missing key steps of block {}", name));
  }
  result->steps = steps(*list, result->parameters, "block " + name);
  result->recurses = recurses(*result->steps);
  blocks_[name] = result;
  return result;
}

std::shared_ptr<const Grammar> Compiler::grammar(const std::string& name, const SourcePosition& position) {
  if (const auto known = grammars_.find(name); known != grammars_.end()) return known->second;
  const ConfigNode* node = grammars_node_ == nullptr ? nullptr : grammars_node_->find(name);
  if (node == nullptr) throw UserError(position, unknown_name_message("grammar", name, keys_of(grammars_node_)));
  check_keys(*node, "grammar " + name, {"depth", "productions"});
  const auto result = std::make_shared<Grammar>();
  grammars_[name] = result;  // before its productions, which refer to it
  const ConfigNode* depth = node->find("depth");
  if (depth == nullptr)
    throw UserError(node->position, fmt::format("missing key depth of grammar {} (how often it may recurse)", name));
  result->depth = depth->as_integer("depth");
  if (result->depth < 0 || result->depth > 100)
    throw UserError(depth->position, fmt::format("depth: expected a number 0 .. 100, found {}", result->depth));
  const ConfigNode* productions = node->find("productions");
  if (productions == nullptr || !productions->is_map() || productions->entries.empty()) {
    throw UserError(node->position, fmt::format("grammar {}: expected productions, a map of labels and steps", name));
  }
  for (const auto& [label, list] : productions->entries) {
    Grammar::Rule rule{.label = label, .steps = steps(list, {}, "grammar " + name + "." + label)};
    rule.terminal = !recurses(*rule.steps);
    result->productions.push_back(std::move(rule));
  }
  return result;
}

}  // namespace nacre::yaml_space
