#include "nacre/space/yaml/step.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nacre/space/yaml/compiler.hpp"

namespace nacre::yaml_space {
namespace {

const std::vector<std::string>& sizes_of_the_place() {
  static const std::vector<std::string> kNames = {"channels", "height", "width", "classes"};
  return kNames;
}

Choice look_up(std::string_view name, const Place& place) {
  for (const Environment* names = &place.names; names != nullptr; names = names->outer) {
    for (auto entry = names->own.rbegin(); entry != names->own.rend(); ++entry) {
      if (entry->first == name) return entry->second;
    }
  }
  if (name == "classes") return Choice(place.build.classes);
  const Shape& shape = place.builder.shape(place.x);
  const int axis = name == "channels" ? 1 : name == "height" ? 2 : 3;
  if (axis >= shape.rank()) {
    throw UserError(fmt::format("'{}' of a value of shape {} is asked", name, place.builder.graph().shape_text(shape)));
  }
  return axis == 1 ? place.layers().channels(place.x) : Choice(place.builder.extent(place.x, axis));
}

bool is_choice(const ConfigNode& node) { return node.is_map() && node.find("choose") != nullptr; }

}  // namespace

// --- sizes --------------------------------------------------------------------------------------------------------

Size Size::read(const ConfigNode& node, const std::string& key, const std::vector<std::string>& names) {
  Size size;
  size.position_ = node.position;
  if (node.kind == ConfigNode::Kind::scalar) {
    std::vector<std::string> known = names;
    known.insert(known.end(), sizes_of_the_place().begin(), sizes_of_the_place().end());
    size.expression_ = SizeExpression::parse(node.scalar, node.position, known);
    return size;
  }
  if (!is_choice(node)) {
    throw UserError(node.position, fmt::format("{}: expected a number, an expression or {{choose: [numbers]}}", key));
  }
  for (const auto& [word, value] : node.entries) {
    if (word != "choose" && word != "name") {
      const std::vector<std::string> accepted = {"choose", "name"};
      throw UserError(value.key_position, unknown_name_message("key of " + key, word, accepted));
    }
  }
  const ConfigNode& list = node.at("choose");
  if (list.kind != ConfigNode::Kind::sequence || list.items.empty())
    throw UserError(list.position, key + ".choose: expected a list of numbers");
  for (const ConfigNode& item : list.items) size.alternatives_.push_back(item.as_integer(key + ".choose"));
  const ConfigNode* name = node.find("name");
  size.decision_ = name != nullptr ? name->as_text(key + ".name") : key.substr(key.rfind('.') + 1);
  return size;
}

Choice Size::evaluate(const Place& place) const {
  try {
    if (!decision_.empty()) return place.choose().pick(decision_, alternatives_);
    return expression_.evaluate([&](std::string_view name) { return look_up(name, place); });
  } catch (const UserError& error) {
    throw UserError(position_, error.what());
  }
}

// --- running ------------------------------------------------------------------------------------------------------

ValueId run_steps(const Steps& steps, Build& build, GraphBuilder& builder, const Environment& outer, ValueId x) {
  Environment names{.outer = &outer};
  for (const Step& step : steps) {
    try {
      const Place place{build, builder, names, x};
      if (step.scoped) {
        const auto scope = build.choose.scope(step.name, builder);
        x = step.run(place);
      } else {
        x = step.run(place);
      }
    } catch (const UserError& error) {
      // A step inside has already said where.
      if (std::string_view(error.what()).starts_with(step.position.file + ":")) throw;
      const bool named = std::string_view(error.what()).starts_with(step.kind + " '");
      throw UserError(step.position, (named ? "" : step.kind + ": ") + error.what());
    }
  }
  return x;
}

bool recurses(const Steps& steps) {
  return std::ranges::any_of(steps, [](const Step& step) { return step.recurses; });
}

// --- kinds --------------------------------------------------------------------------------------------------------

const StepKind* find_step_kind(std::string_view name) {
  for (const auto kinds : {layer_step_kinds(), control_step_kinds()}) {
    for (const StepKind& kind : kinds) {
      if (kind.name == name) return &kind;
    }
  }
  return nullptr;
}

std::string steps_markdown() {
  std::string text = "| step | keys | what it does |\n| --- | --- | --- |\n";
  for (const auto kinds : {layer_step_kinds(), control_step_kinds()}) {
    for (const StepKind& kind : kinds) {
      std::vector<std::string> keys;
      for (const StepKey& key : kind.keys) {
        std::string entry = key.name == kind.main_key ? "**`" + key.name + "`**" : "`" + key.name + "`";
        if (key.fallback) entry += key.fallback->empty() ? " (optional)" : " (" + *key.fallback + ")";
        keys.push_back(key.description.empty() ? entry : entry + " " + key.description);
      }
      text += fmt::format("| `{}` | {} | {} |\n", kind.name, fmt::join(keys, "; "), kind.summary);
    }
  }
  return text;
}

// --- reading ------------------------------------------------------------------------------------------------------

StepReader::StepReader(Compiler& compiler, const StepKind& kind, const ConfigNode& node, const ConfigNode& arguments,
                       std::vector<std::string>& names)
    : compiler_(compiler), kind_(kind), position_(node.position), names_(names) {
  const bool has_choose = std::ranges::find(kind.keys, "choose", &StepKey::name) != kind.keys.end();
  if (arguments.is_map() && !kind.main_is_map && (has_choose || !is_choice(arguments))) {
    std::vector<std::string> accepted = {"name"};
    for (const StepKey& key : kind.keys) accepted.push_back(key.name);
    for (const auto& [key, value] : arguments.entries) {
      if (std::ranges::find(accepted, key) == accepted.end()) {
        throw UserError(value.key_position, unknown_name_message("key of " + kind.name, key, accepted));
      }
      values_.emplace_back(key, value);
      given_.push_back(key);
    }
  } else if (!arguments.is_null()) {
    if (kind.main_key.empty()) throw UserError(arguments.position, kind.name + ": expected a map of keys");
    values_.emplace_back(kind.main_key, arguments);
    given_.push_back(kind.main_key);
  }
  for (const StepKey& key : kind.keys) {
    if (given(key.name)) continue;
    if (!key.fallback) throw UserError(position_, fmt::format("missing key {} ({})", what(key.name), key.description));
    ConfigNode fallback =
        key.fallback->empty() ? ConfigNode{} : parse_config(*key.fallback, "default of " + what(key.name));
    fallback.position = position_;
    values_.emplace_back(key.name, std::move(fallback));
  }
}

const ConfigNode& StepReader::value(std::string_view key) const {
  const auto found = std::ranges::find(values_, key, &std::pair<std::string, ConfigNode>::first);
  NACRE_CHECK(found != values_.end(), "a step key without a record: " + what(key));
  return found->second;
}

bool StepReader::given(std::string_view key) const { return std::ranges::find(given_, key) != given_.end(); }

Size StepReader::size(const std::string& key) const { return Size::read(value(key), what(key), names_); }

bool StepReader::boolean(const std::string& key) const { return value(key).as_boolean(what(key)); }

std::string StepReader::word(const std::string& key, const std::vector<std::string>& accepted) const {
  std::string text = value(key).as_text(what(key));
  if (!accepted.empty() && std::ranges::find(accepted, text) == accepted.end()) {
    throw UserError(value(key).position, unknown_name_message("value of " + what(key), text, accepted));
  }
  return text;
}

SharedSteps StepReader::steps(const std::string& key) const { return compiler_.steps(value(key), names_, what(key)); }

std::vector<std::pair<std::string, SharedSteps>> StepReader::branches(const std::string& key) const {
  const ConfigNode& node = value(key);
  if (!node.is_map() || node.entries.empty())
    throw UserError(node.position, what(key) + ": expected a map of labels and steps");
  std::vector<std::pair<std::string, SharedSteps>> result;
  for (const auto& [label, list] : node.entries)
    result.emplace_back(label, compiler_.steps(list, names_, what(key) + "." + label));
  return result;
}

}  // namespace nacre::yaml_space
