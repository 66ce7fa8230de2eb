#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <unordered_set>

#include "nacre/ir/hash.hpp"
#include "nacre/ir/text_form.hpp"
#include "nacre/ir/text_lexicon.hpp"

namespace nacre {
namespace {

// Shortest text that reads back equal, always recognisable as a real number.
template <class T>
std::string real_text(T value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 64> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  NACRE_CHECK(error == std::errc{});
  std::string text(digits.data(), end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

// A NaN other than the one "nan" reads back as would change its bits.
template <class T>
bool has_odd_nan(std::span<const T> values) {
  const T plain = std::numeric_limits<T>::quiet_NaN();
  return std::ranges::any_of(
      values, [&](const T& value) { return std::isnan(value) && std::memcmp(&value, &plain, sizeof plain) != 0; });
}

bool is_listable(const Tensor& tensor) {
  switch (tensor.type()) {
    case ElementType::string: return true;
    case ElementType::float32: return !has_odd_nan(tensor.values<float>());
    case ElementType::float64: return !has_odd_nan(tensor.values<double>());
    case ElementType::boolean:
      return std::ranges::all_of(tensor.values<uint8_t>(), [](uint8_t value) { return value <= 1; });
    case ElementType::int8:
    case ElementType::uint8:
    case ElementType::int16:
    case ElementType::uint16:
    case ElementType::int32:
    case ElementType::uint32:
    case ElementType::int64:
    case ElementType::uint64: return true;
    default: return false;
  }
}

std::string element_text(const Tensor& tensor, int64_t index) {
  const auto i = static_cast<size_t>(index);
  switch (tensor.type()) {
    case ElementType::string: return text::quoted(tensor.strings()[i]);
    case ElementType::float32: return real_text(tensor.values<float>()[i]);
    case ElementType::float64: return real_text(tensor.values<double>()[i]);
    case ElementType::int64: return std::to_string(tensor.values<int64_t>()[i]);
    case ElementType::uint64: return std::to_string(tensor.values<uint64_t>()[i]);
    default: return std::to_string(static_cast<int64_t>(tensor.number_at(index)));
  }
}

// [1, 2, 3] or raw "base64".
std::string data_text(const Tensor& tensor) {
  if (tensor.type() != ElementType::string && (!is_listable(tensor) || tensor.elements() > kStructuralElements)) {
    return "raw \"" + text::base64(tensor.data(), static_cast<size_t>(tensor.bytes())) + "\"";
  }
  std::string result = "[";
  for (int64_t i = 0; i < tensor.elements(); ++i) result += (i == 0 ? "" : ", ") + element_text(tensor, i);
  return result + "]";
}

std::string tensor_text(const Tensor& tensor) {
  std::string result = std::string(element_type_name(tensor.type())) + "[";
  for (size_t i = 0; i < tensor.extents().size(); ++i)
    result += (i == 0 ? "" : ",") + std::to_string(tensor.extents()[i]);
  return result + "] " + data_text(tensor);
}

// NaNs keep their bits: "nan" is the quiet one, others are nan_7fc00001.
std::string float_attribute_text(float value) {
  if (!has_odd_nan(std::span<const float>(&value, 1))) return real_text(value);
  std::array<char, 9> digits{};
  std::to_chars(digits.data(), digits.data() + 8, std::bit_cast<uint32_t>(value), 16);
  return "nan_" + std::string(digits.data());
}

template <class T, class Text>
std::string list_text(const std::vector<T>& list, std::string_view empty, Text item_text) {
  if (list.empty()) return std::string(empty);
  std::string result = "[";
  for (size_t i = 0; i < list.size(); ++i) result += (i == 0 ? "" : ", ") + item_text(list[i]);
  return result + "]";
}

std::string attribute_text(const Attribute& attribute) {
  struct Visitor {
    std::string operator()(int64_t value) const { return std::to_string(value); }
    std::string operator()(float value) const { return float_attribute_text(value); }
    std::string operator()(const std::string& value) const { return text::quoted(value); }
    std::string operator()(const std::vector<int64_t>& list) const {
      return list_text(list, "ints[]", [](int64_t value) { return std::to_string(value); });
    }
    std::string operator()(const std::vector<float>& list) const {
      return list_text(list, "floats[]", float_attribute_text);
    }
    std::string operator()(const std::vector<std::string>& list) const {
      return list_text(list, "strings[]", text::quoted);
    }
    std::string operator()(const Tensor& tensor) const { return tensor_text(tensor); }
  };
  return std::visit(Visitor{}, attribute);
}

class Printer {
 public:
  Printer(const Graph& graph, const TextFormOptions& options, int depth)
      : graph_(graph),
        options_(options),
        depth_(depth),
        references_(graph.values().size()),
        printed_(graph.values().size(), 0) {}

  std::string run() {
    print_header();
    for (const Node& node : graph_.nodes()) {
      if (!node.dead) print_node(node);
    }
    for (const ValueId id : graph_.outputs) print_initializer(id);
    print_unused();
    print_tail();
    return std::move(text_);
  }

 private:
  // --- names
  const std::string& reference(ValueId id) {
    static const std::string omitted = "_";
    if (id == kNone) return omitted;
    std::string& result = references_[static_cast<size_t>(id)];
    if (result.empty()) {
      const std::string& name = graph_.value(id).name;
      if (name.empty() || !taken_.insert(name).second) {
        result = "%" + std::to_string(anonymous_++);
      } else {
        result = text::is_bare_name(name) ? name : text::quoted(name);
      }
    }
    return result;
  }

  std::string shape_text(const Shape& shape) const {
    std::string result = "[";
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (axis > 0) result += ',';
      const Dim dim = shape[axis];
      if (dim.is_symbol() && !text::is_bare_symbol(graph_.symbol_name(dim))) {
        result += text::quoted(graph_.symbol_name(dim));
      } else {
        result += graph_.dim_text(dim);
      }
    }
    return result + "]";
  }

  // `x: float32[1,3] ~int8`
  std::string declaration(ValueId id) {
    const Value& value = graph_.value(id);
    std::string result = reference(id);
    if (result[0] == '%' && !value.name.empty()) result += " " + text::quoted(value.name);
    result += ": ";
    result += element_type_name(value.type);
    if (value.shape.has_value()) result += shape_text(*value.shape);
    if (!value.format.empty())
      result += " ~" + (text::is_bare_name(value.format) ? value.format : text::quoted(value.format));
    return result;
  }

  // --- statements
  void begin_statement() {
    if (options_.multiline) {
      text_ += '\n';
      text_.append(static_cast<size_t>(depth_ + 1) * 2, ' ');
    } else {
      text_ += ' ';
    }
  }
  void end_statement() { text_ += ';'; }

  void print_header() {
    text_ = "graph ";
    if (!graph_.name.empty()) text_ += text::is_bare_name(graph_.name) ? graph_.name : text::quoted(graph_.name);
    text_ += '(';
    for (size_t i = 0; i < graph_.inputs.size(); ++i) {
      if (i > 0) text_ += ", ";
      text_ += declaration(graph_.inputs[i]);
    }
    text_ += ") {";
  }

  // A parameter is written where it is first read.
  void print_initializer(ValueId id) {
    if (id == kNone || graph_.value(id).initializer == kNone || printed_[static_cast<size_t>(id)] != 0) return;
    printed_[static_cast<size_t>(id)] = 1;
    const Initializer& initializer = *graph_.initializer_of(id);
    begin_statement();
    text_ += declaration(id);
    text_ += initializer.trainable ? " = param" : " = frozen";
    if (initializer.distribution.kind != Distribution::Kind::none) {
      text_ += ' ';
      text_ += text::distribution_name(initializer.distribution.kind);
      text_ += '(' + real_text(initializer.distribution.a) + ')';
    }
    if (initializer.data != nullptr && (options_.inline_weights || is_structural(initializer)))
      text_ += ' ' + data_text(*initializer.data);
    end_statement();
  }

  void print_node(const Node& node) {
    for (const ValueId id : node.inputs) print_initializer(id);
    for (const Body& body : node.bodies)
      std::ranges::for_each(body.captures, [&](ValueId id) { print_initializer(id); });
    begin_statement();
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (i > 0) text_ += ", ";
      text_ += node.outputs[i] == kNone ? "_" : declaration(node.outputs[i]);
    }
    text_ += node.outputs.empty() ? "= " : " = ";
    if (!node.domain.empty())
      text_ += (text::is_bare_name(node.domain) ? node.domain : text::quoted(node.domain)) + "::";
    text_ += text::is_bare_name(node.op) ? node.op : text::quoted(node.op);
    text_ += '(';
    print_list(node.inputs);
    text_ += ')';
    print_attributes(node);
    for (const Body& body : node.bodies) print_body(body);
    const std::string& scope = graph_.scope(node.scope);
    if (!scope.empty()) text_ += " @" + (text::is_bare_path(scope) ? scope : text::quoted(scope));
    if (!node.name.empty()) text_ += " #" + (text::is_bare_path(node.name) ? node.name : text::quoted(node.name));
    end_statement();
  }

  void print_list(const std::vector<ValueId>& ids) {
    for (size_t i = 0; i < ids.size(); ++i) {
      if (i > 0) text_ += ", ";
      text_ += reference(ids[i]);
    }
  }

  void print_attributes(const Node& node) {
    if (node.attributes.empty()) return;
    text_ += " {";
    bool first = true;
    for (const auto& [name, attribute] : node.attributes) {
      if (!first) text_ += ", ";
      first = false;
      text_ += text::is_bare_name(name) ? name : text::quoted(name);
      text_ += '=' + attribute_text(attribute);
    }
    text_ += '}';
  }

  void print_body(const Body& body) {
    text_ += " with " + (text::is_bare_name(body.name) ? body.name : text::quoted(body.name)) + '[';
    print_list(body.captures);
    text_ += "] " + Printer(*body.graph, options_, depth_ + 1).run();
  }

  // Initialisers nobody reads still belong to the model.
  void print_unused() {
    for (const Initializer& initializer : graph_.initializers()) print_initializer(initializer.value);
  }

  void print_tail() {
    for (const State& state : graph_.states) {
      begin_statement();
      text_ += "state " + reference(state.input) + " -> " + reference(state.output);
      if (state.growth_axis != kNone) text_ += " grows " + std::to_string(state.growth_axis);
      if (state.initial != nullptr) text_ += " = " + tensor_text(*state.initial);
      end_statement();
    }
    for (const auto& [key, value] : graph_.metadata) {
      begin_statement();
      text_ += "meta " + text::quoted(key) + " = " + text::quoted(value);
      end_statement();
    }
    for (const auto& [domain, version] : graph_.opset_imports) {
      begin_statement();
      text_ += "opset " + text::quoted(domain) + " = " + std::to_string(version);
      end_statement();
    }
    begin_statement();
    text_ += "return ";
    print_list(graph_.outputs);
    if (options_.multiline) {
      text_ += '\n';
      text_.append(static_cast<size_t>(depth_) * 2, ' ');
    } else {
      text_ += ' ';
    }
    text_ += '}';
  }

  const Graph& graph_;
  const TextFormOptions& options_;
  int depth_;
  std::vector<std::string> references_;
  std::vector<char> printed_;
  std::unordered_set<std::string> taken_;
  int anonymous_ = 0;
  std::string text_;
};

}  // namespace

std::string print_graph(const Graph& graph, const TextFormOptions& options) { return Printer(graph, options, 0).run(); }

}  // namespace nacre
