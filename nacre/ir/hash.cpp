#include "nacre/ir/hash.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>

#include "nacre/ir/attribute_defaults.hpp"

namespace nacre {

bool is_structural(const Initializer& initializer) {
  return initializer.data != nullptr && !initializer.trainable &&
         initializer.distribution.kind == Distribution::Kind::none &&
         initializer.data->elements() <= kStructuralElements;
}

namespace {

// Full 64 x 64 -> 128 bit product, folded: one multiplication mixes all bits of both words.
uint64_t mix(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a ^ 0x9e3779b97f4a7c15ULL) * (b ^ 0xd1b54a32d192ed03ULL);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64) ^ (a << 1);
}

uint64_t hash_word(std::string_view text) { return hash_bytes(text.data(), text.size()).low; }

uint64_t hash_list(const void* data, size_t bytes, uint64_t kind) { return hash_bytes(data, bytes, kind).low; }

uint64_t hash_word(const Hash128& hash) { return mix(hash.low, hash.high); }

uint64_t hash_attribute(const Attribute& attribute) {
  const uint64_t kind = attribute.index();
  struct Visitor {
    uint64_t kind;
    uint64_t operator()(int64_t value) const { return mix(kind, static_cast<uint64_t>(value)); }
    uint64_t operator()(float value) const { return mix(kind, std::bit_cast<uint32_t>(value)); }
    uint64_t operator()(const std::string& value) const { return mix(kind, hash_word(value)); }
    uint64_t operator()(const std::vector<int64_t>& list) const {
      return hash_list(list.data(), list.size() * sizeof(int64_t), kind);
    }
    uint64_t operator()(const std::vector<float>& list) const {
      return hash_list(list.data(), list.size() * sizeof(float), kind);
    }
    uint64_t operator()(const std::vector<std::string>& list) const {
      uint64_t result = mix(kind, list.size());
      for (const std::string& text : list) result = mix(result, hash_word(text));
      return result;
    }
    uint64_t operator()(const Tensor& tensor) const { return mix(kind, hash_word(tensor.hash())); }
  };
  return std::visit(Visitor{kind}, attribute);
}

// --- symbols ------------------------------------------------------------------------------------------------------

// Symbols by order of first appearance: "batch" and "N" are the same dimension under another name. In an expression the
// identifiers are replaced, the operators kept. Graphs with symbols are few; this is off the fast path.
class SymbolNumbers {
 public:
  explicit SymbolNumbers(const Graph& graph) : graph_(graph) {}

  uint64_t word(Dim dim) {
    if (dim.is_fixed()) return static_cast<uint64_t>(dim.extent());
    if (dim.is_unknown()) return ~uint64_t{0};
    if (words_.empty()) words_.assign(graph_.symbols().size(), 0);
    uint64_t& word = words_[static_cast<size_t>(dim.symbol_index())];
    if (word == 0) word = compute(graph_.symbol_name(dim)) | (uint64_t{1} << 63);
    return word;
  }

 private:
  static bool begins_word(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
  static bool continues_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == ':';
  }

  uint64_t number(std::string_view identifier) {
    const auto found = std::ranges::find(identifiers_, identifier);
    if (found != identifiers_.end()) return static_cast<uint64_t>(found - identifiers_.begin());
    identifiers_.emplace_back(identifier);
    return identifiers_.size() - 1;
  }

  uint64_t compute(std::string_view name) {
    uint64_t result = 0;
    for (size_t i = 0; i < name.size();) {
      size_t end = i + 1;
      if (begins_word(name[i])) {
        while (end < name.size() && continues_word(name[end])) ++end;
        result = mix(result, (uint64_t{1} << 32) + number(name.substr(i, end - i)));
      } else {
        result = mix(result, static_cast<uint8_t>(name[i]));
      }
      i = end;
    }
    return result;
  }

  const Graph& graph_;
  std::vector<uint64_t> words_;  // by symbol index, 0 where not computed
  std::vector<std::string> identifiers_;
};

// --- structure ----------------------------------------------------------------------------------------------------

bool is_commutative(const Node& node) {
  if (!node.domain.empty() || node.inputs.size() < 2) return false;
  static constexpr std::array<std::string_view, 10> kOperators = {"Add",  "Mul", "Max", "Min", "Sum",
                                                                  "Mean", "And", "Or",  "Xor", "Equal"};
  const std::string& op = node.op;
  return op.size() <= 5 && std::ranges::find(kOperators, std::string_view(op)) != kOperators.end();
}

// The canonical form is a depth-first walk from the outputs: a rooted graph whose edges are ordered has exactly one, whatever
// its nodes are called and however they are stored. Values are numbered as the walk meets them, so a shared parameter gets
// one number and two separate ones get two. Operands of commutative operators are ordered beforehand by a bottom-up hash of
// what they compute. The walk appends words to one buffer, which is hashed at the end.
class StructureHasher {
 public:
  StructureHasher(const Graph& graph, std::vector<uint64_t>& words) : graph_(graph), words_(words), symbols_(graph) {}

  // `captures`: words for the last inputs, where the graph is a body.
  void run(std::span<const uint64_t> captures) {
    numbers_.assign(graph_.values().size(), kUnseen);
    const size_t formal = graph_.inputs.size() - std::min(captures.size(), graph_.inputs.size());
    put(formal);
    for (size_t i = 0; i < graph_.inputs.size(); ++i) {
      const ValueId id = graph_.inputs[i];
      put_declaration(graph_.value(id));
      numbers_[static_cast<size_t>(id)] = i < formal ? next_++ : static_cast<int64_t>(captures[i - formal] | kCaptured);
    }
    hash_bottom_up();
    for (const ValueId id : graph_.outputs) visit(id);
    put(~graph_.outputs.size());
    for (const ValueId id : graph_.outputs) put_number(id);
    for (const State& state : graph_.states) put_state(state);
  }

 private:
  static constexpr int64_t kUnseen = -1;
  static constexpr uint64_t kCaptured = uint64_t{1} << 40;

  void put(uint64_t word) { words_.push_back(word); }
  void put_number(ValueId id) {
    put(id == kNone ? ~uint64_t{0} : static_cast<uint64_t>(numbers_[static_cast<size_t>(id)]));
  }

  uint64_t declaration(const Value& value) {
    uint64_t result = static_cast<uint64_t>(value.type) + 256;
    if (value.shape.has_value()) {
      result += 512 * static_cast<uint64_t>(value.shape->rank() + 1);
      for (const Dim dim : *value.shape) result = mix(result, symbols_.word(dim));
    }
    return value.format.empty() ? result : mix(result, hash_word(value.format));
  }
  void put_declaration(const Value& value) { put(declaration(value)); }

  uint64_t initializer_word(const Value& value) {
    const Initializer& initializer = graph_.initializers()[static_cast<size_t>(value.initializer)];
    uint64_t result = mix(declaration(value), initializer.trainable ? 3 : 5);
    if (is_structural(initializer)) result = mix(result, hash_word(initializer.data->hash()));
    return result;
  }

  // Operator, attributes other than defaults, and nested bodies: what a node is, apart from what it reads.
  uint64_t node_word(const Node& node) {
    uint64_t result = hash_word(node.op);
    if (!node.domain.empty()) result = mix(result, hash_word(node.domain));
    const Value* first = node.inputs.empty() || node.inputs[0] == kNone ? nullptr : &graph_.value(node.inputs[0]);
    const int rank = first != nullptr && first->shape.has_value() ? first->shape->rank() : -1;
    uint64_t attributes = 0;  // a sum: their order means nothing
    for (const auto& [name, value] : node.attributes) {
      if (is_default_attribute(node, name, value, rank)) continue;
      const int64_t* number = std::get_if<int64_t>(&value);
      if (number != nullptr && *number < 0 && rank > 0 && name == "axis" && node.op != "OneHot") {
        attributes += mix(hash_word(name), hash_attribute(*number + rank));
      } else {
        attributes += mix(hash_word(name), hash_attribute(value));
      }
    }
    return mix(result, attributes);
  }

  void hash_bottom_up() {
    hashes_.assign(graph_.values().size(), 0);
    node_words_.assign(graph_.nodes().size(), 0);
    for (const ValueId id : graph_.inputs) {
      hashes_[static_cast<size_t>(id)] = mix(static_cast<uint64_t>(numbers_[static_cast<size_t>(id)]), 17);
    }
    for (const Initializer& initializer : graph_.initializers()) {
      uint64_t& hash = hashes_[static_cast<size_t>(initializer.value)];
      if (hash == 0) hash = initializer_word(graph_.value(initializer.value));
    }
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      const Node& node = graph_.nodes()[i];
      if (node.dead) continue;
      const uint64_t word = node_word(node);
      node_words_[i] = word;
      uint64_t result = word;
      if (is_commutative(node)) {
        uint64_t sum = 0;
        for (const ValueId id : node.inputs) sum += mix(hash_of(id), 29);
        result = mix(result, sum);
      } else {
        for (const ValueId id : inputs_of(node)) result = mix(result, hash_of(id));
      }
      for (const Body& body : node.bodies) {
        for (const ValueId id : body.captures) result = mix(result, hash_of(id));
      }
      for (size_t k = 0; k < node.outputs.size(); ++k) {
        const ValueId id = node.outputs[k];
        if (id != kNone) hashes_[static_cast<size_t>(id)] = k == 0 ? result : mix(result, k);
      }
    }
  }

  uint64_t hash_of(ValueId id) const { return id == kNone ? 7 : hashes_[static_cast<size_t>(id)]; }

  // Inputs without the omitted ones at the end: [x, w, nothing] is [x, w].
  static std::span<const ValueId> inputs_of(const Node& node) {
    size_t count = node.inputs.size();
    while (count > 0 && node.inputs[count - 1] == kNone) --count;
    return {node.inputs.data(), count};
  }

  struct Frame {
    NodeId node;
    uint32_t next;   // the operand to visit next
    uint32_t first;  // the node's operands in operands_
    uint32_t count;
  };

  void push(NodeId id) {
    const Node& node = graph_.node(id);
    const auto inputs = inputs_of(node);
    const auto first = static_cast<uint32_t>(operands_.size());
    operands_.insert(operands_.end(), inputs.begin(), inputs.end());
    if (is_commutative(node)) {
      std::stable_sort(operands_.begin() + first, operands_.end(),
                       [&](ValueId a, ValueId b) { return hash_of(a) < hash_of(b); });
    }
    for (const Body& body : node.bodies) operands_.insert(operands_.end(), body.captures.begin(), body.captures.end());
    stack_.push_back({id, 0, first, static_cast<uint32_t>(operands_.size()) - first});
  }

  void visit(ValueId root) {
    meet(root);
    while (!stack_.empty()) {
      Frame& frame = stack_.back();
      if (frame.next < frame.count) {
        meet(operands_[frame.first + frame.next++]);
        continue;
      }
      emit(frame);
      operands_.resize(frame.first);
      stack_.pop_back();
    }
  }

  // A leaf is numbered at once; a node is pushed, to be emitted after what it reads.
  void meet(ValueId id) {
    if (id == kNone || numbers_[static_cast<size_t>(id)] != kUnseen) return;
    const Value& value = graph_.value(id);
    if (value.producer != kNone) {
      NACRE_CHECK(stack_.size() <= graph_.nodes().size(), "a graph with a cycle was hashed");
      push(value.producer);
      return;
    }
    put(value.initializer != kNone ? initializer_word(value) : mix(declaration(value), 11));
    numbers_[static_cast<size_t>(id)] = next_++;
  }

  void emit(const Frame& frame) {
    const Node& node = graph_.node(frame.node);
    put(node_words_[static_cast<size_t>(frame.node)] | 1);
    put(frame.count);
    for (uint32_t i = 0; i < frame.count; ++i) put_number(operands_[frame.first + i]);
    for (const Body& body : node.bodies) put_body(body);
    put(node.outputs.size());
    for (const ValueId id : node.outputs) {
      if (id == kNone) {
        put(0);
        continue;
      }
      put_declaration(graph_.value(id));
      numbers_[static_cast<size_t>(id)] = next_++;
    }
  }

  void put_body(const Body& body) {
    put(hash_word(body.name));
    std::vector<uint64_t> captures;
    for (const ValueId id : body.captures) captures.push_back(static_cast<uint64_t>(numbers_[static_cast<size_t>(id)]));
    std::vector<uint64_t> words;
    StructureHasher(*body.graph, words).run(captures);
    put(hash_word(hash_bytes(words.data(), words.size() * sizeof(uint64_t))));
  }

  void put_state(const State& state) {
    put_number(state.input);
    put_number(state.output);
    put(static_cast<uint64_t>(state.growth_axis));
    put(state.initial == nullptr ? 0 : hash_word(state.initial->hash()));
  }

  const Graph& graph_;
  std::vector<uint64_t>& words_;
  SymbolNumbers symbols_;
  int64_t next_ = 0;
  // Scratch that outlives a call: hashing allocates nothing once warm. Bodies are hashed inside their graph's walk and have
  // their own.
  struct Scratch {
    std::vector<int64_t> numbers;
    std::vector<uint64_t> hashes;
    std::vector<uint64_t> node_words;
    std::vector<ValueId> operands;
    std::vector<Frame> stack;
  };
  class ScratchLease {
   public:
    ScratchLease() {
      auto& pool = free_list();
      if (!pool.empty()) scratch = std::move(pool.back()), pool.pop_back();
      scratch.operands.clear();
      scratch.stack.clear();
    }
    ~ScratchLease() { free_list().push_back(std::move(scratch)); }
    ScratchLease(const ScratchLease&) = delete;
    ScratchLease& operator=(const ScratchLease&) = delete;
    Scratch scratch;

   private:
    static std::vector<Scratch>& free_list() {
      thread_local std::vector<Scratch> pool;
      return pool;
    }
  };
  ScratchLease lease_;
  std::vector<int64_t>& numbers_ = lease_.scratch.numbers;
  std::vector<uint64_t>& hashes_ = lease_.scratch.hashes;
  std::vector<uint64_t>& node_words_ = lease_.scratch.node_words;
  std::vector<ValueId>& operands_ = lease_.scratch.operands;
  std::vector<Frame>& stack_ = lease_.scratch.stack;
};

}  // namespace

Hash128 structure_hash(const Graph& graph) {
  thread_local std::vector<uint64_t> words;
  words.clear();
  StructureHasher(graph, words).run({});
  return hash_bytes(words.data(), words.size() * sizeof(uint64_t));
}

// --- content ------------------------------------------------------------------------------------------------------

namespace {

// Everything, in the order stored. Values are numbered as they are met, so dead nodes and unused values leave no trace.
class ContentHasher {
 public:
  explicit ContentHasher(const Graph& graph) : graph_(graph), numbers_(graph.values().size(), kUnseen) {}

  Hash128 run() {
    text(graph_.name);
    for (const ValueId id : graph_.inputs) value(id);
    number(graph_.inputs.size());
    for (const Node& node : graph_.nodes()) {
      if (!node.dead) put_node(node);
    }
    for (const ValueId id : graph_.outputs) value(id);
    number(graph_.outputs.size());
    for (const State& state : graph_.states) {
      value(state.input);
      value(state.output);
      number(static_cast<uint64_t>(state.growth_axis));
      if (state.initial != nullptr) hash(state.initial->hash());
    }
    number(graph_.states.size());
    for (const auto& [key, entry] : graph_.metadata) text(key), text(entry);
    for (const auto& [domain, version] : graph_.opset_imports) text(domain), number(static_cast<uint64_t>(version));
    return hash_bytes(words_.data(), words_.size() * sizeof(uint64_t));
  }

 private:
  static constexpr int64_t kUnseen = -1;

  void number(uint64_t word) { words_.push_back(word); }
  void hash(const Hash128& h) { number(h.low), number(h.high); }
  void text(std::string_view t) { number(t.size()), hash(hash_text(t)); }

  void value(ValueId id) {
    if (id == kNone) return number(~uint64_t{0});
    int64_t& seen = numbers_[static_cast<size_t>(id)];
    if (seen != kUnseen) return number(static_cast<uint64_t>(seen));
    seen = next_++;
    const Value& v = graph_.value(id);
    text(v.name);
    number(static_cast<uint64_t>(v.type));
    text(v.shape.has_value() ? graph_.shape_text(*v.shape) : "*");
    text(v.format);
    if (v.initializer == kNone) return;
    const Initializer& initializer = graph_.initializers()[static_cast<size_t>(v.initializer)];
    number(initializer.trainable ? 1 : 0);
    number(static_cast<uint64_t>(initializer.distribution.kind));
    number(std::bit_cast<uint64_t>(initializer.distribution.a));
    if (initializer.data != nullptr) hash(initializer.data->hash());
  }

  void put_node(const Node& node) {
    text(node.op);
    text(node.domain);
    text(node.name);
    text(graph_.scope(node.scope));
    uint64_t attributes = 0;
    for (const auto& [name, attribute] : node.attributes) attributes += mix(hash_word(name), hash_attribute(attribute));
    number(attributes);
    for (const ValueId id : node.inputs) value(id);
    number(node.inputs.size());
    for (const Body& body : node.bodies) {
      text(body.name);
      for (const ValueId id : body.captures) value(id);
      hash(content_hash(*body.graph));
    }
    for (const ValueId id : node.outputs) value(id);
    number(node.outputs.size());
  }

  const Graph& graph_;
  std::vector<int64_t> numbers_;
  std::vector<uint64_t> words_;
  int64_t next_ = 0;
};

}  // namespace

Hash128 content_hash(const Graph& graph) { return ContentHasher(graph).run(); }

}  // namespace nacre
