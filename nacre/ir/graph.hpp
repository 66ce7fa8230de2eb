// The Graph: a network as a value, in ONNX's vocabulary (names, attributes and semantics of opset 21), plus a small
// domain "nacre" where ONNX has none.
//
//   Graph
//   ├─ values    every tensor: inputs, initialisers, results; element type, shape, format annotation
//   ├─ nodes     operator, inputs, outputs, attributes, scope path, nested bodies; in topological order
//   ├─ inputs, outputs        value ids; the signature
//   ├─ initializers           parameters: bytes in memory, bytes in a mapped file, or absent (shape and distribution only)
//   ├─ states                 (in, out, initial, growth) tuples: KV caches, recurrent cells, membranes
//   ├─ symbols   names of symbolic dimensions ("batch", "past", "past+1")
//   └─ metadata  string pairs that travel with the model
//
// Copies are cheap: weights and bodies are shared, copy-on-write. Nodes and values are named by index; rewrites mark dead
// ones and compact() renumbers. Every node keeps its scope path ("stage2/1/expand") through rewrites, so that blocks can
// be addressed. A value's format annotation is the only place where deployment precision lives.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "nacre/ir/element_type.hpp"
#include "nacre/ir/shape.hpp"
#include "nacre/ir/tensor.hpp"

namespace nacre {

class Graph;
struct OperatorSchema;

using ValueId = int32_t;
using NodeId = int32_t;
inline constexpr int32_t kNone = -1;  // no value (an omitted optional input), no node (a graph input has no producer)

inline constexpr int kOpset = 21;  // the semantics inside nacre; readers upgrade to it

// --- attributes ---------------------------------------------------------------------------------------------------

using Attribute = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
                               std::vector<std::string>, Tensor>;

// Few per node: a flat list in the order written beats a map.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<std::string, Attribute>> entries) : entries_(entries) {}

  const Attribute* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  void set(std::string_view name, Attribute value);
  void reserve(size_t count) { entries_.reserve(count); }
  void erase(std::string_view name);
  bool empty() const { return entries_.empty(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

  // Typed readings with the operator's default; UserError when the attribute has another type.
  int64_t integer(std::string_view name, int64_t fallback) const;
  float real(std::string_view name, float fallback) const;
  std::string_view text(std::string_view name, std::string_view fallback) const;
  std::span<const int64_t> integers(std::string_view name) const;  // empty when absent
  std::span<const float> reals(std::string_view name) const;
  const Tensor* tensor(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, Attribute>> entries_;
};

// --- parts --------------------------------------------------------------------------------------------------------

// How an absent parameter is drawn, and how a fresh one is initialised before training.
struct Distribution {
  enum class Kind : uint8_t {
    none,
    constant,
    normal,
    uniform,
    kaiming_normal_fan_out,
    kaiming_normal_fan_in,
    xavier_uniform,
    truncated_normal
  };
  Kind kind = Kind::none;
  double a = 0;  // constant: value; normal: standard deviation; uniform: half width; kaiming/xavier: gain
  bool operator==(const Distribution&) const = default;
};

struct Value {
  std::string name = {};  // "" for a result without a name: the writer makes one from the producer's scope
  ElementType type = ElementType::float32;
  std::optional<Shape> shape = std::nullopt;  // nothing: rank unknown
  NodeId producer = kNone;
  int32_t output_index = 0;     // which output of the producer
  int32_t initializer = kNone;  // index into Graph::initializers()
  std::string format = {};      // name of a number format ("int8", "mxfp4", ...), "" for the element type itself
};

struct Initializer {
  ValueId value = kNone;
  std::shared_ptr<const Tensor> data;  // null: absent, shape and distribution only
  Distribution distribution;
  bool trainable = true;  // running statistics and constants are not
};

// A nested graph of If, Loop or Scan. `captures` are values of the outer graph that the body reads: they are bound, in
// this order, to the last inputs of the body.
struct Body {
  std::string name;  // the ONNX attribute: "then_branch", "else_branch", "body"
  std::shared_ptr<const Graph> graph;
  std::vector<ValueId> captures;
};

struct Node {
  const OperatorSchema* schema = nullptr;  // null: opaque, kept by name with its shapes
  std::string op;                          // ONNX operator name
  std::string domain;                      // "" is ai.onnx; "nacre" is ours
  std::string name;                        // as imported; may be ""
  std::vector<ValueId> inputs;             // kNone for an omitted optional input
  std::vector<ValueId> outputs;
  Attributes attributes;
  int32_t scope = 0;  // index into Graph::scopes()
  bool dead = false;  // removed by a rewrite; dropped by compact()
  std::vector<Body> bodies;

  bool is_opaque() const { return schema == nullptr; }
};

struct State {
  ValueId input = kNone;                  // graph input that carries the state in
  ValueId output = kNone;                 // graph output that carries it out
  std::shared_ptr<const Tensor> initial;  // null: zeros
  int growth_axis = kNone;                // the axis along which output is longer than input (KV cache), or kNone
};

// Bindings of symbolic dimensions, e.g. {"batch": 1, "past": 1024}.
using SymbolBindings = std::map<std::string, int64_t, std::less<>>;

// --- the graph ----------------------------------------------------------------------------------------------------

class Graph {
 public:
  Graph();

  std::string name;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<State> states;
  std::map<std::string, std::string> metadata;   // ONNX metadata_props
  std::map<std::string, int64_t> opset_imports;  // of domains other than ai.onnx, as read

  // Read access by id. Ids come from this graph; anything else is an InternalError.
  const Value& value(ValueId id) const { return values_[check(id, values_.size())]; }
  Value& value(ValueId id) { return values_[check(id, values_.size())]; }
  const Node& node(NodeId id) const { return nodes_[check(id, nodes_.size())]; }
  Node& node(NodeId id) { return nodes_[check(id, nodes_.size())]; }
  const std::vector<Value>& values() const { return values_; }
  const std::vector<Node>& nodes() const { return nodes_; }  // topological; may contain dead ones
  std::vector<Node>& nodes() { return nodes_; }
  const std::vector<Initializer>& initializers() const { return initializers_; }
  Initializer& initializer(int32_t index) { return initializers_[check(index, initializers_.size())]; }
  const Initializer* initializer_of(ValueId id) const;
  // The bytes of a constant value (initialiser with data), or null.
  const Tensor* constant(ValueId id) const;
  bool is_input(ValueId id) const;

  // --- building
  // Room for that many, so that adding them moves nothing.
  void reserve(size_t node_count, size_t value_count);
  ValueId add_value(Value value);
  ValueId add_input(std::string name, ElementType type, Shape shape);
  ValueId add_initializer(std::string name, Tensor data, bool trainable = false);
  ValueId add_initializer(std::string name, std::shared_ptr<const Tensor> data, bool trainable = false);
  ValueId add_parameter(std::string name, ElementType type, const Shape& shape, Distribution distribution,
                        bool trainable = true);
  // Appends a node; its outputs are new values without shape (infer_shapes fills them). The schema is looked up by
  // (op, domain); an unknown operator becomes opaque. Throws InternalError for an input id that does not exist.
  NodeId add_node(std::string_view op, std::vector<ValueId> inputs, int output_count = 1, Attributes attributes = {},
                  std::string_view domain = "");
  void add_output(ValueId id, std::string name = "");

  // --- scopes: paths of blocks
  int32_t add_scope(std::string_view path);
  const std::string& scope(int32_t index) const { return scopes_[check(index, scopes_.size())]; }
  const std::vector<std::string>& scopes() const { return scopes_; }
  int32_t current_scope = 0;  // given to nodes that are added

  // --- symbols
  Dim symbol(std::string_view name);  // the Dim of that name, added when new
  const std::string& symbol_name(Dim dim) const;
  const std::vector<std::string>& symbols() const { return symbols_; }
  // "3", "batch", "?".
  std::string dim_text(Dim dim) const;
  std::string shape_text(const Shape& shape) const;  // "[batch,3,32,32]"
  // Replaces bound symbols (and expressions over them) by numbers, in bodies too, and infers shapes anew.
  void bind_symbols(const SymbolBindings& bindings);

  // --- editing (rewrites)
  // All readers of `from` (inputs of nodes, outputs of the graph, captures of bodies) read `to` instead.
  void replace_uses(ValueId from, ValueId to);
  void kill_node(NodeId id) { node(id).dead = true; }
  // Nodes that read each value; rebuilt at each call.
  std::vector<std::vector<NodeId>> consumers() const;
  // Drops dead nodes and unused values and initialisers, keeps the order, renumbers. Ids from before are void.
  void compact();
  // Sorts nodes topologically (stable); UserError naming a node on a cycle.
  void sort();

  // Marks the state of a graph under construction, so that an explored branch can be undone (see space/chooser.hpp).
  struct Checkpoint {
    size_t values, nodes, initializers, scopes, symbols, outputs, inputs;
    int32_t current_scope;
  };
  Checkpoint checkpoint() const;
  void rollback(const Checkpoint& mark);

 private:
  static size_t check(int32_t id, size_t size) {
    if (id < 0 || static_cast<size_t>(id) >= size) fail_id(id, size);
    return static_cast<size_t>(id);
  }
  [[noreturn]] static void fail_id(int32_t id, size_t size);

  std::vector<Value> values_;
  std::vector<Node> nodes_;
  std::vector<Initializer> initializers_;
  std::vector<std::string> scopes_;
  std::vector<std::string> symbols_;
};

// A short place for messages: "node 'stage2/1/Conv_3' (Conv)".
std::string node_text(const Graph& graph, NodeId id);
// The value's name, or a stable made-up one.
std::string value_text(const Graph& graph, ValueId id);

}  // namespace nacre
