#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "nacre/ir/hash.hpp"
#include "nacre/ir/schema.hpp"
#include "nacre/ir/text_cursor.hpp"
#include "nacre/ir/text_form.hpp"
#include "nacre/ir/text_lexicon.hpp"

namespace nacre {
namespace {

constexpr int kMaximumDepth = 16;  // of nested bodies
constexpr int64_t kMaximumElements = int64_t{1} << 40;
constexpr size_t kMaximumNames = 1 << 20;

// --- numbers and tensors ------------------------------------------------------------------------------------------

template <class T>
Tensor integers_tensor(text::Cursor& cursor, std::span<const int64_t> extents, const std::vector<std::string>& items) {
  std::vector<T> values;
  for (const std::string& item : items) {
    if constexpr (std::is_same_v<T, uint64_t>) {
      uint64_t value = 0;
      if (!text::parse_unsigned(item, value)) cursor.fail("'" + item + "' is no uint64");
      values.push_back(value);
    } else {
      int64_t value = 0;
      if (!text::parse_integer(item, value) || !std::in_range<T>(value)) {
        cursor.fail("'" + item + "' is no " + std::string(element_type_name(element_type_of<T>())));
      }
      values.push_back(static_cast<T>(value));
    }
  }
  return Tensor::of<T>(extents, std::span<const T>(values));
}

Tensor booleans_tensor(text::Cursor& cursor, std::span<const int64_t> extents, const std::vector<std::string>& items) {
  Tensor tensor(ElementType::boolean, extents);
  std::byte* bytes = tensor.mutable_data();
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i] != "0" && items[i] != "1") cursor.fail("'" + items[i] + "' is no bool; write 0 or 1");
    bytes[i] = std::byte{items[i] == "1"};
  }
  return tensor;
}

template <class T>
Tensor reals_tensor(text::Cursor& cursor, std::span<const int64_t> extents, const std::vector<std::string>& items) {
  std::vector<T> values(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    bool good = false;
    if constexpr (std::is_same_v<T, float>) {
      good = text::parse_float(items[i], values[i]);
    } else {
      good = text::parse_double(items[i], values[i]);
    }
    if (!good) cursor.fail("'" + items[i] + "' is no " + std::string(element_type_name(element_type_of<T>())));
  }
  return Tensor::of<T>(extents, std::span<const T>(values));
}

Tensor tensor_of_items(text::Cursor& cursor, ElementType type, std::span<const int64_t> extents,
                       const std::vector<std::string>& items) {
  switch (type) {
    case ElementType::string: return Tensor::of_strings(extents, items);
    case ElementType::float32: return reals_tensor<float>(cursor, extents, items);
    case ElementType::float64: return reals_tensor<double>(cursor, extents, items);
    case ElementType::boolean: return booleans_tensor(cursor, extents, items);
    case ElementType::int8: return integers_tensor<int8_t>(cursor, extents, items);
    case ElementType::uint8: return integers_tensor<uint8_t>(cursor, extents, items);
    case ElementType::int16: return integers_tensor<int16_t>(cursor, extents, items);
    case ElementType::uint16: return integers_tensor<uint16_t>(cursor, extents, items);
    case ElementType::int32: return integers_tensor<int32_t>(cursor, extents, items);
    case ElementType::uint32: return integers_tensor<uint32_t>(cursor, extents, items);
    case ElementType::int64: return integers_tensor<int64_t>(cursor, extents, items);
    case ElementType::uint64: return integers_tensor<uint64_t>(cursor, extents, items);
    default:
      cursor.fail("elements of type " + std::string(element_type_name(type)) + " are written as raw \"<base64>\"");
  }
}

// [1, 2, 3] or raw "base64". What is written is counted before memory is taken for what is declared.
Tensor parse_data(text::Cursor& cursor, ElementType type, const std::vector<int64_t>& extents) {
  const size_t begin = cursor.offset();
  if (type == ElementType::undefined) cursor.fail("a tensor needs an element type");
  const std::optional<int64_t> elements = Shape::fixed(extents).elements();
  if (!elements.has_value() || *elements > kMaximumElements) cursor.fail("a tensor of more than 2^40 elements");
  if (cursor.take_word("raw")) {
    if (type == ElementType::string) cursor.fail("strings are written as [\"a\", \"b\"]");
    const auto bytes = static_cast<size_t>(packed_bytes(type, *elements));
    const std::optional<std::string> data = text::from_base64(cursor.string("the bytes in base64"), bytes);
    if (!data.has_value()) cursor.fail_at(begin, "expected " + std::to_string(bytes) + " bytes in base64");
    Tensor tensor(type, extents);
    if (bytes > 0) std::memcpy(tensor.mutable_data(), data->data(), bytes);
    return tensor;
  }
  cursor.expect("[");
  std::vector<std::string> items;
  while (!cursor.take("]")) {
    if (!items.empty()) cursor.expect(",");
    items.push_back(type == ElementType::string ? cursor.string("a string") : cursor.number("a number"));
  }
  if (static_cast<int64_t>(items.size()) != *elements) {
    cursor.fail_at(begin, "expected " + std::to_string(*elements) + " elements, found " + std::to_string(items.size()));
  }
  return tensor_of_items(cursor, type, extents, items);
}

// `[2,3] [1, 2, 3, 4, 5, 6]` after an element type.
Tensor parse_tensor(text::Cursor& cursor, ElementType type) {
  std::vector<int64_t> extents;
  cursor.expect("[");
  while (!cursor.take("]")) {
    if (!extents.empty()) cursor.expect(",");
    extents.push_back(cursor.integer("an extent"));
    if (extents.back() < 0 || extents.back() > kMaximumElements) cursor.fail("an extent outside 0 .. 2^40");
    if (extents.size() > kMaximumRank) cursor.fail("tensors of more than 8 dimensions are not supported");
  }
  return parse_data(cursor, type, extents);
}

ElementType parse_type(text::Cursor& cursor) {
  cursor.peek();
  const size_t begin = cursor.offset();
  const std::string name = cursor.word("an element type");
  if (name == "undefined") return ElementType::undefined;
  const ElementType type = element_type_from_name(name);
  if (type == ElementType::undefined)
    cursor.fail_at(begin, "unknown element type '" + name + "'; expected one such as float32, int64, bool");
  return type;
}

// --- attributes ---------------------------------------------------------------------------------------------------

Attribute number_attribute(text::Cursor& cursor) {
  const size_t begin = cursor.offset();
  const std::string digits = cursor.number("a number");
  if (int64_t value = 0; text::parse_integer(digits, value)) return value;
  float value = 0;
  if (!text::is_real_text(digits) || !text::parse_float(digits, value))
    cursor.fail_at(begin, "'" + digits + "' is no number");
  return value;
}

Attribute list_attribute(text::Cursor& cursor) {
  const size_t begin = cursor.offset();
  cursor.expect("[");
  std::vector<std::string> items;
  const bool strings = cursor.peek() == '"';
  while (!cursor.take("]")) {
    if (!items.empty()) cursor.expect(",");
    items.push_back(strings ? cursor.string("a string") : cursor.number("a number"));
  }
  if (strings) return items;
  if (items.empty()) cursor.fail_at(begin, "an empty list has no type; write ints[], floats[] or strings[]");
  if (std::ranges::none_of(items, text::is_real_text)) {
    std::vector<int64_t> list(items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      if (!text::parse_integer(items[i], list[i])) cursor.fail_at(begin, "'" + items[i] + "' is no integer");
    }
    return list;
  }
  std::vector<float> list(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    if (!text::parse_float(items[i], list[i])) cursor.fail_at(begin, "'" + items[i] + "' is no number");
  }
  return list;
}

Attribute parse_attribute(text::Cursor& cursor) {
  if (cursor.peek() == '"') return cursor.string("a string");
  if (cursor.peek() == '[') return list_attribute(cursor);
  if (cursor.at_number()) return number_attribute(cursor);
  if (cursor.take("ints[]")) return std::vector<int64_t>{};
  if (cursor.take("floats[]")) return std::vector<float>{};
  if (cursor.take("strings[]")) return std::vector<std::string>{};
  return parse_tensor(cursor, parse_type(cursor));
}

// --- graphs -------------------------------------------------------------------------------------------------------

// What is written of a value: `name: type[shape] ~format`.
struct Declaration {
  std::string key;   // how the text refers to it
  std::string name;  // of the value
  bool typed = false;
  bool omitted = false;  // _
  ElementType type = ElementType::undefined;
  std::optional<Shape> shape;
  std::string format;
  size_t offset = 0;
};

class GraphParser {
 public:
  GraphParser(text::Cursor& cursor, int depth) : cursor_(cursor), depth_(depth) {}

  Graph run() {
    if (!cursor_.take_word("graph")) cursor_.fail_expected("'graph'");
    if (cursor_.peek() != '(') graph_.name = cursor_.name("the graph's name");
    cursor_.expect("(");
    while (!cursor_.take(")")) {
      if (!graph_.inputs.empty()) cursor_.expect(",");
      const Declaration input = parse_declaration();
      if (!input.typed)
        cursor_.fail_at(input.offset,
                        "input '" + input.name + "' needs a type, e.g. " + input.name + ": float32[batch,3,8,8]");
      graph_.inputs.push_back(add_value(input));
    }
    cursor_.expect("{");
    while (!parse_statement()) cursor_.take(";");
    cursor_.take(";");
    cursor_.expect("}");
    return std::move(graph_);
  }

 private:
  // --- names
  std::string parse_key(std::string* name) {
    if (cursor_.take("%")) {
      std::string key = "%" + std::to_string(cursor_.integer("a number after %"));
      if (name != nullptr && cursor_.peek() == '"') *name = cursor_.string("a name");
      return key;
    }
    std::string result = cursor_.name("a value's name");
    if (name != nullptr) *name = result;
    return "\"" + result;
  }

  ValueId parse_reference() {
    if (cursor_.take_word("_")) return kNone;
    cursor_.peek();
    const size_t begin = cursor_.offset();
    const std::string key = parse_key(nullptr);
    const auto found = names_.find(key);
    if (found != names_.end()) return found->second;
    std::vector<std::string> known;
    if (names_.size() < 10000) {
      for (const auto& [other, id] : names_) known.push_back(other[0] == '%' ? other : other.substr(1));
      std::ranges::sort(known);
    }
    const std::string word = key[0] == '%' ? key : key.substr(1);
    const std::string nearest = nearest_name(word, known);
    cursor_.fail_at(begin, "value '" + word + "' is read before it is written" +
                               (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
  }

  std::vector<ValueId> parse_references(std::string_view end) {
    std::vector<ValueId> result;
    while (!cursor_.take(end)) {
      if (!result.empty()) cursor_.expect(",");
      result.push_back(parse_reference());
    }
    return result;
  }

  void bind(const Declaration& declaration, ValueId id) {
    if (names_.size() >= kMaximumNames) cursor_.fail("more than 1,048,576 values");
    if (!names_.emplace(declaration.key, id).second) {
      cursor_.fail_at(declaration.offset, "value '" + (declaration.name.empty() ? declaration.key : declaration.name) +
                                              "' is written twice");
    }
  }

  // --- declarations
  Shape parse_shape() {
    Shape shape;
    cursor_.expect("[");
    bool first = true;
    while (!cursor_.take("]")) {
      if (!first) cursor_.expect(",");
      first = false;
      if (shape.rank() == kMaximumRank) cursor_.fail("tensors of more than 8 dimensions are not supported");
      shape.push_back(parse_dim());
    }
    return shape;
  }

  Dim parse_dim() {
    if (cursor_.take("?")) return {};
    if (cursor_.peek() == '"') return symbol(cursor_.string("a symbol"));
    const size_t begin = cursor_.offset();
    const std::string word = cursor_.dimension();
    if (word.find_first_not_of("0123456789") == std::string::npos && !word.empty()) {
      int64_t extent = 0;
      if (!text::parse_integer(word, extent) || extent > kMaximumElements)
        cursor_.fail_at(begin, "an extent outside 0 .. 2^40");
      return Dim(extent);
    }
    if (!text::is_bare_symbol(word)) {
      cursor_.fail_at(begin, "expected a dimension: a number, a symbol such as batch or past+1, or ?");
    }
    return symbol(word);
  }

  Declaration parse_declaration() {
    Declaration result;
    cursor_.peek();
    result.offset = cursor_.offset();
    if (cursor_.take_word("_")) {
      result.omitted = true;
      return result;
    }
    result.key = parse_key(&result.name);
    if (cursor_.take(":")) {
      result.typed = true;
      result.type = parse_type(cursor_);
      if (cursor_.peek() == '[') result.shape = parse_shape();
    }
    if (cursor_.take("~")) result.format = cursor_.name("a format");
    return result;
  }

  ValueId add_value(const Declaration& declaration) {
    if (declaration.omitted) cursor_.fail_at(declaration.offset, "only inputs and results of nodes can be omitted");
    const ValueId id = graph_.add_value(
        {.name = declaration.name, .type = declaration.type, .shape = declaration.shape, .format = declaration.format});
    bind(declaration, id);
    return id;
  }

  // --- statements; true after `return`
  bool parse_statement() {
    cursor_.peek();
    if (cursor_.take_word("return")) {
      parse_return();
      return true;
    }
    if (cursor_.take_word("state")) {
      parse_state();
    } else if (cursor_.take_word("meta")) {
      std::string key = cursor_.string("a key in quotes");
      cursor_.expect("=");
      graph_.metadata[std::move(key)] = cursor_.string("a value in quotes");
    } else if (cursor_.take_word("opset")) {
      std::string domain = cursor_.string("a domain in quotes");
      cursor_.expect("=");
      graph_.opset_imports[std::move(domain)] = cursor_.integer("a version");
    } else {
      parse_assignment();
    }
    if (cursor_.peek() != '}') cursor_.expect(";");
    if (cursor_.peek() == '}') cursor_.fail_expected("'return' and the outputs");
    return false;
  }

  void parse_return() {
    while (cursor_.peek() != '}' && cursor_.peek() != ';') {
      if (!graph_.outputs.empty()) cursor_.expect(",");
      const ValueId id = parse_reference();
      if (id == kNone) cursor_.fail("an output cannot be omitted");
      graph_.outputs.push_back(id);
    }
  }

  void parse_state() {
    State state;
    state.input = parse_reference();
    cursor_.expect("->");
    state.output = parse_reference();
    if (state.input == kNone || state.output == kNone) cursor_.fail("a state needs an input and an output");
    if (cursor_.take_word("grows")) {
      const int64_t axis = cursor_.integer("an axis");
      if (axis < 0 || axis >= kMaximumRank) cursor_.fail("axis " + std::to_string(axis) + " is outside 0 .. 7");
      state.growth_axis = static_cast<int>(axis);
    }
    if (cursor_.take("=")) state.initial = std::make_shared<const Tensor>(parse_tensor(cursor_, parse_type(cursor_)));
    graph_.states.push_back(std::move(state));
  }

  void parse_assignment() {
    std::vector<Declaration> results;
    while (!cursor_.take("=")) {
      if (!results.empty()) cursor_.expect(",");
      results.push_back(parse_declaration());
    }
    const bool trained = cursor_.take_word("param");
    if (trained || cursor_.take_word("frozen")) {
      if (results.size() != 1) cursor_.fail("a parameter has one name");
      parse_initializer(results[0], trained);
    } else {
      parse_node(results);
    }
  }

  void parse_initializer(const Declaration& declaration, bool trainable) {
    if (declaration.omitted || !declaration.typed || !declaration.shape.has_value()) {
      cursor_.fail_at(declaration.offset,
                      "a parameter needs a type and a shape, e.g. " + declaration.name + ": float32[16,3,3,3]");
    }
    Distribution distribution;
    if (cursor_.at_name() && !cursor_.at_word("raw")) distribution = parse_distribution();
    const ValueId id =
        graph_.add_parameter(declaration.name, declaration.type, *declaration.shape, distribution, trainable);
    graph_.value(id).format = declaration.format;
    if (cursor_.peek() == '[' || cursor_.at_word("raw")) {
      if (!declaration.shape->is_fixed()) cursor_.fail("a parameter with bytes needs a fixed shape");
      graph_.initializer(graph_.value(id).initializer).data =
          std::make_shared<const Tensor>(parse_data(cursor_, declaration.type, declaration.shape->extents()));
    }
    bind(declaration, id);
  }

  Distribution parse_distribution() {
    const size_t begin = cursor_.offset();
    const std::string name = cursor_.word("a distribution");
    const auto kind = text::distribution_from_name(name);
    if (!kind.has_value()) {
      cursor_.fail_at(begin, "unknown distribution '" + name +
                                 "'; expected constant, normal, uniform, kaiming_normal_fan_out, "
                                 "kaiming_normal_fan_in, xavier_uniform or truncated_normal");
    }
    Distribution result{.kind = *kind};
    cursor_.expect("(");
    const std::string digits = cursor_.number("a number");
    if (!text::parse_double(digits, result.a)) cursor_.fail("'" + digits + "' is no number");
    cursor_.expect(")");
    return result;
  }

  void parse_node(const std::vector<Declaration>& results) {
    cursor_.peek();
    const size_t begin = cursor_.offset();
    std::string op = cursor_.name("an operator");
    std::string domain;
    if (cursor_.take("::")) {
      domain = std::move(op);
      op = cursor_.name("an operator");
    }
    cursor_.expect("(");
    std::vector<ValueId> inputs = parse_references(")");
    Attributes attributes = parse_attributes();
    graph_.current_scope = 0;
    const NodeId id =
        graph_.add_node(op, std::move(inputs), static_cast<int>(results.size()), std::move(attributes), domain);
    parse_bodies(id);
    if (cursor_.take("@")) graph_.node(id).scope = scope(cursor_.path("a scope path"));
    if (cursor_.take("#")) graph_.node(id).name = cursor_.path("a node's name");
    finish_results(id, results, begin);
  }

  Attributes parse_attributes() {
    Attributes attributes;
    if (!cursor_.take("{")) return attributes;
    bool first = true;
    while (!cursor_.take("}")) {
      if (!first) cursor_.expect(",");
      first = false;
      const std::string name = cursor_.name("an attribute's name");
      if (attributes.has(name)) cursor_.fail("attribute '" + name + "' is given twice");
      cursor_.expect("=");
      attributes.set(name, parse_attribute(cursor_));
    }
    return attributes;
  }

  void parse_bodies(NodeId id) {
    while (cursor_.take_word("with")) {
      if (depth_ + 1 >= kMaximumDepth) cursor_.fail("bodies nested deeper than 16");
      Body body;
      body.name = cursor_.name("the body's attribute");
      cursor_.expect("[");
      body.captures = parse_references("]");
      if (std::ranges::find(body.captures, kNone) != body.captures.end()) cursor_.fail("a capture cannot be omitted");
      Graph graph = GraphParser(cursor_, depth_ + 1).run();
      if (graph.inputs.size() < body.captures.size())
        cursor_.fail("body '" + body.name + "' has more captures than inputs");
      body.graph = std::make_shared<const Graph>(std::move(graph));
      graph_.node(id).bodies.push_back(std::move(body));
    }
  }

  // The Graph looks through all its scopes and symbols; a hostile text may have a hundred thousand.
  Dim symbol(const std::string& name) {
    const auto found = symbols_.find(name);
    if (found != symbols_.end()) return found->second;
    return symbols_[name] = graph_.symbol(name);
  }
  int32_t scope(const std::string& path) {
    const auto found = scopes_.find(path);
    if (found != scopes_.end()) return found->second;
    return scopes_[path] = graph_.add_scope(path);
  }

  void finish_results(NodeId id, const std::vector<Declaration>& results, size_t begin) {
    const bool complete = std::ranges::all_of(results, [](const Declaration& d) { return d.typed || d.omitted; });
    if (!complete) {
      if (graph_.node(id).is_opaque()) {
        for (const ValueId output : graph_.node(id).outputs) graph_.value(output).type = ElementType::undefined;
      } else {
        try {
          infer_node(graph_, id);
        } catch (const UserError& error) {
          cursor_.fail_at(begin, error.what());
        }
      }
    }
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i].omitted) {
        graph_.node(id).outputs[i] = kNone;
        continue;
      }
      Value& value = graph_.value(graph_.node(id).outputs[i]);
      value.name = results[i].name;
      value.format = results[i].format;
      if (results[i].typed) {
        value.type = results[i].type;
        value.shape = results[i].shape;
      }
      bind(results[i], graph_.node(id).outputs[i]);
    }
  }

  text::Cursor& cursor_;
  int depth_;
  Graph graph_;
  std::unordered_map<std::string, ValueId> names_;
  std::unordered_map<std::string, int32_t> scopes_;
  std::unordered_map<std::string, Dim> symbols_;
};

}  // namespace

Graph parse_graph(std::string_view text, const std::string& origin) {
  text::Cursor cursor(text, origin);
  Graph graph = GraphParser(cursor, 0).run();
  if (!cursor.at_end()) cursor.fail_expected("the end of the text");
  return graph;
}

}  // namespace nacre
