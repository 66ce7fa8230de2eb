#include "nacre/base/config.hpp"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <set>

#include "nacre/base/config_dialect.hpp"
#include "nacre/base/file.hpp"

namespace nacre {
namespace {

constexpr int kMaximumDepth = 64;
constexpr int64_t kMaximumNodes = 1'000'000;
constexpr uint64_t kMaximumBytes = 16 << 20;

struct Converter {
  const std::string& origin;
  std::vector<std::string>* repeated = nullptr;  // of a dialect: what stands twice; nullptr refuses it
  int64_t nodes = 0;

  SourcePosition position(const YAML::Mark& mark) const {
    if (mark.is_null()) return {origin, 0, 0};
    return {origin, mark.line + 1, mark.column + 1};
  }

  ConfigNode convert(const YAML::Node& node, int depth) {
    ConfigNode result;
    result.position = position(node.Mark());
    if (depth > kMaximumDepth) throw UserError(result.position, "nested deeper than " + std::to_string(kMaximumDepth));
    if (++nodes > kMaximumNodes) throw UserError(result.position, "more than 1000000 nodes after expanding aliases");
    if (node.IsScalar()) {
      result.kind = ConfigNode::Kind::scalar;
      result.scalar = node.Scalar();
      result.quoted = node.Tag() == "!";
    } else if (node.IsSequence()) {
      result.kind = ConfigNode::Kind::sequence;
      for (const YAML::Node& item : node) result.items.push_back(convert(item, depth + 1));
    } else if (node.IsMap()) {
      result.kind = ConfigNode::Kind::map;
      if (repeated != nullptr) add_tag(node, result);
      std::set<std::string> seen;
      for (const auto& entry : node) {
        const SourcePosition key_position = position(entry.first.Mark());
        if (!entry.first.IsScalar()) throw UserError(key_position, "expected a word as key");
        std::string key = entry.first.Scalar();
        const bool first = seen.insert(key).second;
        if (!first && repeated == nullptr) throw UserError(key_position, "key '" + key + "' stands here twice");
        ConfigNode value = convert(entry.second, depth + 1);
        value.key_position = key_position;
        if (!value.position.known() || value.position.line == 0) value.position = key_position;
        if (!first) {
          repeated->push_back(key_position.text() + ": '" + key + "' stands there twice, the last is read");
          std::erase_if(result.entries, [&](const auto& known) { return known.first == key; });
        }
        result.entries.emplace_back(std::move(key), std::move(value));
      }
      if (repeated != nullptr) merge(result);
    }
    return result;
  }

  static void add_tag(const YAML::Node& node, ConfigNode& map) {
    const std::string& tag = node.Tag();
    if (tag.size() < 2 || tag[0] != '!') return;
    ConfigNode value;
    value.kind = ConfigNode::Kind::scalar;
    value.scalar = tag.substr(1);
    value.quoted = true;
    value.position = value.key_position = map.position;
    map.entries.emplace_back(std::string(kTagKey), std::move(value));
  }

  // "<<" gives what the map does not have itself; of a list the first map that has it.
  static void merge(ConfigNode& map) {
    const auto found = std::ranges::find(map.entries, "<<", [](const auto& entry) { return entry.first; });
    if (found == map.entries.end()) return;
    const ConfigNode base = std::move(found->second);
    map.entries.erase(found);
    if (base.kind == ConfigNode::Kind::scalar) throw UserError(base.position, "<<: expected a map or a list of maps");
    std::vector<const ConfigNode*> bases;
    if (base.is_map()) bases.push_back(&base);
    for (const ConfigNode& item : base.items) bases.push_back(&item);
    for (const ConfigNode* from : bases) {
      if (!from->is_map()) throw UserError(base.position, "<<: expected a map or a list of maps");
      for (const auto& [key, value] : from->entries)
        if (map.find(key) == nullptr) map.entries.emplace_back(key, value);
    }
  }
};

const char* kind_name(const ConfigNode& node) {
  switch (node.kind) {
    case ConfigNode::Kind::null: return "nothing";
    case ConfigNode::Kind::scalar: return "a value";
    case ConfigNode::Kind::sequence: return "a list";
    case ConfigNode::Kind::map: return "a map";
  }
  return "?";
}

[[noreturn]] void fail_type(const ConfigNode& node, std::string_view what, const char* expected) {
  const std::string found =
      node.kind == ConfigNode::Kind::scalar ? "'" + node.scalar.substr(0, 80) + "'" : kind_name(node);
  throw UserError(node.position, std::string(what) + ": expected " + expected + ", found " + found);
}

bool parse_real(std::string text, double& value) {
  std::erase(text, '_');
  if (text == ".inf" || text == "inf") return value = INFINITY, true;
  if (text == "-.inf" || text == "-inf") return value = -INFINITY, true;
  const char* begin = text.data();
  const char* end = begin + text.size();
  if (begin != end && *begin == '+') ++begin;
  if (begin == end || !(std::isdigit(static_cast<unsigned char>(*begin)) || *begin == '-' || *begin == '.'))
    return false;
  const auto [last, error] = std::from_chars(begin, end, value);
  return error == std::errc() && last == end;
}

bool parse_integer(const std::string& text, int64_t& value) {
  std::string digits = text;
  std::erase(digits, '_');
  const char* begin = digits.data();
  const char* end = begin + digits.size();
  if (begin != end && *begin == '+') ++begin;
  const auto [last, error] = std::from_chars(begin, end, value);
  if (error == std::errc() && last == end) return true;
  double real = 0;
  if (!parse_real(text, real) || std::abs(real) > 9007199254740992.0 || real != std::floor(real)) return false;
  value = static_cast<int64_t>(real);
  return true;
}

bool is_plain_integer(const std::string& text) {
  int64_t ignored = 0;
  const char* begin = text.data();
  const auto [last, error] = std::from_chars(begin, begin + text.size(), ignored);
  return error == std::errc() && last == begin + text.size() && !text.empty();
}

}  // namespace

ConfigNode::ConfigNode() = default;
ConfigNode::ConfigNode(const ConfigNode&) = default;
ConfigNode::ConfigNode(ConfigNode&&) noexcept = default;
ConfigNode& ConfigNode::operator=(const ConfigNode&) = default;
ConfigNode& ConfigNode::operator=(ConfigNode&&) noexcept = default;
ConfigNode::~ConfigNode() = default;

const ConfigNode* ConfigNode::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

const ConfigNode& ConfigNode::at(std::string_view key) const {
  const ConfigNode* node = find(key);
  NACRE_CHECK(node != nullptr, std::string(key));
  return *node;
}

std::string ConfigNode::as_text(std::string_view what) const {
  if (kind != Kind::scalar) fail_type(*this, what, "a word");
  return scalar;
}

int64_t ConfigNode::as_integer(std::string_view what) const {
  int64_t value = 0;
  if (kind != Kind::scalar || quoted || !parse_integer(scalar, value)) fail_type(*this, what, "a whole number");
  return value;
}

double ConfigNode::as_real(std::string_view what) const {
  double value = 0;
  if (kind != Kind::scalar || quoted || !parse_real(scalar, value)) fail_type(*this, what, "a number");
  return value;
}

bool ConfigNode::as_boolean(std::string_view what) const {
  if (kind == Kind::scalar && !quoted && (scalar == "true" || scalar == "True")) return true;
  if (kind == Kind::scalar && !quoted && (scalar == "false" || scalar == "False")) return false;
  fail_type(*this, what, "true or false");
}

Json ConfigNode::as_json() const {
  switch (kind) {
    case Kind::null: return nullptr;
    case Kind::sequence: {
      Json list = Json::array();
      for (const ConfigNode& item : items) list.push_back(item.as_json());
      return list;
    }
    case Kind::map: {
      Json map = Json::object();
      for (const auto& [key, value] : entries) map[key] = value.as_json();
      return map;
    }
    case Kind::scalar: break;
  }
  if (quoted) return scalar;
  if (scalar == "true" || scalar == "True") return true;
  if (scalar == "false" || scalar == "False") return false;
  if (scalar == "null" || scalar == "~" || scalar.empty()) return nullptr;
  if (is_plain_integer(scalar)) return as_integer("value");
  double real = 0;
  if (parse_real(scalar, real)) return real;
  return scalar;
}

namespace {

// Place of the first byte that is not UTF-8 text (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) or is
// zero; npos for none. yaml-cpp also takes UTF-16 and UTF-32 and drops what is wrong in them without a word.
size_t find_not_text(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t j) { return j < text.size() ? static_cast<unsigned char>(text[j]) : 0u; };
    const unsigned first = byte(i);
    const size_t length = first < 0x80   ? 1
                          : first < 0xc2 ? 0
                          : first < 0xe0 ? 2
                          : first < 0xf0 ? 3
                          : first < 0xf5 ? 4
                                         : 0;
    if (length == 0 || first == 0) return i;
    for (size_t j = 1; j < length; ++j) {
      if ((byte(i + j) & 0xc0) != 0x80) return i;
    }
    const unsigned second = byte(i + 1);
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f)) {
      return i;
    }
    i += length;
  }
  return std::string_view::npos;
}

}  // namespace

namespace {

ConfigNode parse_text(std::string_view yaml, const std::string& origin, std::vector<std::string>* repeated) {
  if (yaml.size() > kMaximumBytes) throw UserError("'" + origin + "' is larger than 16 MiB");
  if (const size_t place = find_not_text(yaml); place != std::string_view::npos) {
    const std::string_view before = yaml.substr(0, place);
    const auto line = static_cast<int>(std::ranges::count(before, '\n')) + 1;
    const size_t newline = before.rfind('\n');
    const auto column = static_cast<int>(newline == std::string_view::npos ? place : place - newline - 1) + 1;
    throw UserError({origin, line, column}, "not UTF-8 text; expected a YAML file saved as UTF-8");
  }
  try {
    Converter converter{origin, repeated};
    ConfigNode root = converter.convert(YAML::Load(std::string(yaml)), 0);
    if (root.position.line == 0) root.position = {origin, 1, 1};
    return root;
  } catch (const YAML::Exception& error) {
    const SourcePosition position = error.mark.is_null()
                                        ? SourcePosition{origin, 0, 0}
                                        : SourcePosition{origin, error.mark.line + 1, error.mark.column + 1};
    throw UserError(position, "invalid YAML: " + std::string(error.msg));
  }
}

}  // namespace

ConfigNode parse_config(std::string_view yaml, const std::string& origin) { return parse_text(yaml, origin, nullptr); }

DialectConfig parse_config_dialect(std::string_view yaml, const std::string& origin) {
  DialectConfig config;
  config.root = parse_text(yaml, origin, &config.repeated);
  return config;
}

ConfigNode load_config(const std::filesystem::path& path) {
  return parse_config(read_file(path, kMaximumBytes), path.string());
}

void override_config(ConfigNode& root, std::string_view assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw UserError("--set '" + std::string(assignment) + "': expected key=value, e.g. search.trials=32");
  }
  ConfigNode value = parse_config(assignment.substr(equals + 1), "--set " + std::string(assignment.substr(0, equals)));
  ConfigNode* node = &root;
  std::string_view path = assignment.substr(0, equals);
  for (bool last = false; !last;) {
    const size_t dot = path.find('.');
    last = dot == std::string_view::npos;
    const std::string key(path.substr(0, dot));
    if (key.empty()) throw UserError("--set '" + std::string(assignment) + "': empty key");
    if (!last) path.remove_prefix(dot + 1);
    if (node->is_null()) node->kind = ConfigNode::Kind::map;
    if (!node->is_map()) {
      throw UserError("--set '" + std::string(assignment) + "': what holds '" + key + "' is " + kind_name(*node));
    }
    ConfigNode* child = nullptr;
    for (auto& [name, existing] : node->entries) {
      if (name == key) child = &existing;
    }
    if (value.is_null() && (last || child == nullptr)) {
      std::erase_if(node->entries, [&](const auto& entry) { return last && entry.first == key; });
      return;
    }
    if (child == nullptr) {
      node->entries.emplace_back(key, ConfigNode{});
      child = &node->entries.back().second;
      child->position = child->key_position = value.position;
    }
    node = child;
  }
  value.key_position = value.position;
  *node = std::move(value);
}

namespace {

// Plain where no reader of YAML can take it for anything else ("---" begins a document), else in quotes.
void emit_text(YAML::Emitter& out, const std::string& text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+ ";
  ConfigNode probe;
  probe.kind = ConfigNode::Kind::scalar;
  probe.scalar = text;
  const bool plain = !text.empty() && text.front() != '-' && text.front() != ' ' && text.back() != ' ' &&
                     !text.starts_with("...") && text.find_first_not_of(kPlain) == std::string::npos;
  if (!plain || !probe.as_json().is_string()) out << YAML::DoubleQuoted;
  out << text;
}

void emit(YAML::Emitter& out, const Json& value) {
  if (value.is_object()) {
    if (value.empty()) out << YAML::Flow;
    out << YAML::BeginMap;
    for (const auto& [key, item] : value.items()) {
      out << YAML::Key;
      emit_text(out, key);
      out << YAML::Value;
      emit(out, item);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    bool flat = true;
    for (const Json& item : value) flat = flat && !item.is_structured();
    if (flat) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const Json& item : value) emit(out, item);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    emit_text(out, value.get_ref<const std::string&>());
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << value.dump();
  }
}

}  // namespace

std::string yaml_text(const Json& value) {
  YAML::Emitter out;
  emit(out, value);
  return std::string(out.c_str()) + "\n";
}

ConfigNode config_from_json(const Json& value, const std::string& origin) {
  ConfigNode node;
  node.position = {origin, 0, 0};
  if (value.is_object()) {
    node.kind = ConfigNode::Kind::map;
    for (const auto& [key, item] : value.items()) node.entries.emplace_back(key, config_from_json(item, origin));
  } else if (value.is_array()) {
    node.kind = ConfigNode::Kind::sequence;
    for (const Json& item : value) node.items.push_back(config_from_json(item, origin));
  } else if (!value.is_null()) {
    node.kind = ConfigNode::Kind::scalar;
    node.quoted = value.is_string();
    node.scalar = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return node;
}

}  // namespace nacre
