#include "nacre/space/trace_chooser.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nacre/base/error.hpp"

namespace nacre {

// What one run of a closure asked for.
struct TraceChooser::Item {
  std::string key;
  int32_t decision = -1;        // -1: a block, or a repeat with one count
  std::vector<int64_t> counts;  // of a repeat
  std::vector<Context> parts;   // layer: per branch; repeat: per body; block: one; a plain decision: none
  bool open = false;            // running right now
};

struct TraceChooser::Context {
  std::vector<std::unique_ptr<Item>> items;        // of a leaf
  std::vector<std::pair<int32_t, int64_t>> fixed;  // structural decisions settled on the way to this leaf
  int32_t fork = -1;                               // decision of a fork
  std::vector<Context> children;                   // of a fork
};

// A running context, and contexts that are decided whenever it is (earlier bodies of its repeat).
struct TraceChooser::Frame {
  Context* context = nullptr;
  std::vector<Context*> also = {};
  bool frozen = false;
  std::string owner = {};  // key of the layer, repeat or block, for messages
};

// Where a key is decided: an item; or settled on the way here; or somewhere in an earlier part, in each of its leaves.
struct TraceChooser::Found {
  enum class Where { nowhere, item, fixed, elsewhere };
  Where where = Where::nowhere;
  Item* item = nullptr;        // of item; of elsewhere when it is one
  Context* context = nullptr;  // of item and fixed: the running context that holds it
  int64_t index = 0;           // of fixed
};

// Thrown through the definition to the context that has to be split. Not a std::exception: definitions must not catch it.
struct TraceChooser::Fork {
  Context* context;
  int32_t decision;
};

TraceChooser::TraceChooser() : root_(std::make_unique<Context>()) {}
TraceChooser::~TraceChooser() = default;

Trace TraceChooser::trace(const std::function<void(Chooser&)>& build) {
  *root_ = Context{};
  explore(*root_, Frame{.context = root_.get()}, nullptr, [&] {
    build(*this);
    return kNone;
  });
  return nodes_.finish(freeze(*root_));
}

TraceChooser::Context TraceChooser::clone(const Context& context) {
  Context copy;
  copy.fixed = context.fixed;
  copy.fork = context.fork;
  for (const auto& item : context.items) {
    auto& twin = copy.items.emplace_back(std::make_unique<Item>());
    twin->key = item->key;
    twin->decision = item->decision;
    twin->counts = item->counts;
    for (const Context& part : item->parts) twin->parts.push_back(clone(part));
  }
  for (const Context& child : context.children) copy.children.push_back(clone(child));
  return copy;
}

// --- looking for a key --------------------------------------------------------------------------------------------

namespace {

std::string block_key(const std::string& key) { return key + "/"; }  // the name of no decision

}  // namespace

bool TraceChooser::is_fixed(const Context& leaf, const std::string& key, int64_t* index) const {
  for (const auto& [decision, at] : leaf.fixed) {
    if (nodes_.decision(decision).key != key) continue;
    if (index != nullptr) *index = at;
    return true;
  }
  return false;
}

void TraceChooser::find_in_leaf(Context& leaf, const std::string& key, Found& found) const {
  for (const auto& item : leaf.items) {
    if (item->key == key) {
      found = {.where = Found::Where::elsewhere, .item = item.get()};
      return;
    }
  }
  for (const auto& item : leaf.items) {  // parts that are there whenever the leaf is
    size_t always = 0;
    if (!item->counts.empty())
      always = static_cast<size_t>(item->counts.front());
    else if (item->decision < 0)
      always = item->parts.size();
    for (size_t part = 0; part < always && found.where == Found::Where::nowhere; ++part)
      find_in(item->parts[part], key, found);
  }
}

void TraceChooser::find_in(Context& context, const std::string& key, Found& found) const {
  if (context.fork < 0) {
    if (is_fixed(context, key))
      found = {.where = Found::Where::elsewhere};
    else
      find_in_leaf(context, key, found);
    return;
  }
  for (Context& child : context.children) {
    Found in_child;
    find_in(child, key, in_child);
    if (in_child.where == Found::Where::nowhere) return;
  }
  found = {.where = Found::Where::elsewhere};
}

TraceChooser::Found TraceChooser::find(const std::string& key) const {
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    Context& leaf = *frame->context;
    Found found;
    if (is_fixed(leaf, key, &found.index)) {
      found.where = Found::Where::fixed;
      found.context = &leaf;
      return found;
    }
    find_in_leaf(leaf, key, found);
    if (found.item != nullptr &&
        std::ranges::any_of(leaf.items, [&](const auto& item) { return item.get() == found.item; })) {
      found.where = Found::Where::item;
      found.context = &leaf;
    }
    for (Context* earlier : frame->also) {
      if (found.where == Found::Where::nowhere) find_in(*earlier, key, found);
    }
    if (found.where != Found::Where::nowhere) return found;
  }
  return {};
}

TraceChooser::Item& TraceChooser::add_item(const std::string& key, int32_t decision, size_t parts) {
  const Frame& frame = frames_.back();
  if (frame.frozen) {
    throw UserError(fmt::format(
        "decision '{}' is first asked in a later use of '{}' that depends on other decisions than the first use; "
        "ask it in the first use too, or enter a scope",
        key, frame.owner));
  }
  auto& item = frame.context->items.emplace_back(std::make_unique<Item>());
  item->key = key;
  item->decision = decision;
  item->parts.resize(parts);
  return *item;
}

TraceChooser::Item& TraceChooser::enter(const std::string& key, int32_t decision, size_t parts, Frame& frame) {
  frame.owner = key;
  const Found found = find(key);
  if (found.where == Found::Where::nowhere) return add_item(key, decision, parts);
  if (found.item == nullptr) {
    throw UserError(
        fmt::format("'{}' is used again outside of the part that decided it, and that part has structural decisions; "
                    "ask those before the part, or put each use into a block of one name",
                    key));
  }
  Item& item = *found.item;
  if (item.open)
    throw UserError(fmt::format("'{}' is asked again inside one of its own alternatives; enter a scope", key));
  if (item.decision != decision || item.parts.size() != parts) {
    throw UserError(fmt::format("'{}' names two different things: one with {} parts and one with {}; enter a scope",
                                key, item.parts.size(), parts));
  }
  frame.frozen = frames_.back().frozen || found.context != frames_.back().context;
  return item;
}

// --- running ------------------------------------------------------------------------------------------------------

namespace {

std::string shape_of(const GraphBuilder& builder, ValueId value) {
  if (value == kNone) return "nothing";
  const auto& shape = builder.graph().value(value).shape;
  return shape ? builder.graph().shape_text(*shape) : "unknown";
}

// All alternatives must give one shape; `what` names the owner, the labels the alternatives.
class OneShape {
 public:
  OneShape(std::string_view kind, const std::string& key) : kind_(kind), key_(key) {}
  void see(const std::string& label, const std::string& shape) {
    if (label_.empty()) {
      label_ = label;
      shape_ = shape;
    } else if (shape != shape_) {
      throw UserError(fmt::format(
          "{} '{}': alternative '{}' gives the shape {} and '{}' gives {}; all alternatives must give one shape", kind_,
          key_, label, shape, label_, shape_));
    }
  }

 private:
  std::string kind_, key_, label_, shape_;
};

class OpenGuard {
 public:
  explicit OpenGuard(bool& open) : open_(open) { open_ = true; }
  ~OpenGuard() { open_ = false; }
  OpenGuard(const OpenGuard&) = delete;
  OpenGuard& operator=(const OpenGuard&) = delete;

 private:
  bool& open_;
};

}  // namespace

void TraceChooser::count_run(const Context& context) {
  if (context.fixed.empty() || ++structural_runs_ <= kStructuralRunLimit) return;
  std::vector<std::string> names;
  for (const auto& [decision, index] : context.fixed) {
    names.push_back(fmt::format("'{}' ({} alternatives)", nodes_.decision(decision).key,
                                nodes_.decision(decision).alternatives.size()));
  }
  throw UserError(
      fmt::format("structural decisions multiply to more than {} runs of one part: {}; use .elastic() where only sizes "
                  "depend on them, or "
                  "put each with what depends on it into a block",
                  kStructuralRunLimit, fmt::join(names, ", ")));
}

ValueId TraceChooser::explore(Context& context, const Frame& frame, GraphBuilder* builder, const Closure& closure) {
  return context.fork < 0 ? explore_leaf(context, frame, builder, closure)
                          : explore_children(context, frame, builder, closure);
}

ValueId TraceChooser::explore_leaf(Context& context, const Frame& frame, GraphBuilder* builder,
                                   const Closure& closure) {
  Context before = clone(context);  // empty but for a part that is used again
  std::optional<Graph::Checkpoint> mark;
  if (builder != nullptr) mark = builder->graph().checkpoint();
  count_run(context);
  const size_t depth = frames_.size();
  int32_t fork = -1;
  try {
    frames_.push_back(frame);
    frames_.back().context = &context;
    const ValueId result = closure();
    frames_.pop_back();
    return result;
  } catch (const Fork& request) {
    frames_.resize(depth);
    if (request.context != &context) throw;
    fork = request.decision;
  } catch (...) {
    frames_.resize(depth);
    throw;
  }
  if (builder != nullptr) builder->graph().rollback(*mark);
  context = std::move(before);
  split(context, fork, nodes_.decision(fork).alternatives.size());
  return explore_children(context, frame, builder, closure);
}

void TraceChooser::split(Context& context, int32_t decision, size_t alternatives) {
  std::erase_if(context.items, [&](const auto& item) { return item->decision == decision; });
  std::vector<Context> children;
  for (size_t i = 0; i < alternatives; ++i) {
    children.push_back(clone(context));
    children.back().fixed.emplace_back(decision, static_cast<int64_t>(i));
  }
  context.items.clear();
  context.fork = decision;
  context.children = std::move(children);
}

ValueId TraceChooser::explore_children(Context& context, const Frame& frame, GraphBuilder* builder,
                                       const Closure& closure) {
  const TraceDecision decision = nodes_.decision(context.fork);
  OneShape shapes("the part that asks for the plain value of", decision.key);
  ValueId result = kNone;
  for (size_t i = context.children.size(); i-- > 0;) {
    std::optional<Graph::Checkpoint> mark;
    if (builder != nullptr) mark = builder->graph().checkpoint();
    result = explore(context.children[i], frame, builder, closure);
    if (builder == nullptr) continue;
    shapes.see(decision.alternatives[i], shape_of(*builder, result));
    if (i > 0) builder->graph().rollback(*mark);
  }
  return result;
}

// --- decisions ----------------------------------------------------------------------------------------------------

int64_t TraceChooser::choose(const std::string& key, const Alternatives& alternatives) {
  const int32_t decision = nodes_.declare(key, alternatives);
  const Found found = find(key);
  if (found.where == Found::Where::fixed) return found.index;
  if (found.where == Found::Where::nowhere) add_item(key, decision, 0);
  return 0;
}

void TraceChooser::mark_structural(const std::string& key) {
  const int32_t decision = nodes_.find(key);
  const Found found = find(key);
  switch (found.where) {
    case Found::Where::fixed: return;
    case Found::Where::item: nodes_.mark_structural(decision); throw Fork{found.context, decision};
    case Found::Where::elsewhere:
      throw UserError(
          fmt::format("the plain value of decision '{}' is used after the block or body that asked it; ask it before "
                      "that block or body",
                      key));
    case Found::Where::nowhere:
      throw UserError(
          fmt::format("the plain value of decision '{}' is used outside of the alternative that asked it; ask it "
                      "before the layer or repeat",
                      key));
  }
}

std::vector<int64_t> TraceChooser::subset(std::string_view name, std::span<const std::string> labels, int64_t k) {
  const int64_t count = check_subset(name, labels, k);
  const auto n = static_cast<int64_t>(labels.size());
  if (count == 1) return subset_at(n, k, 0);
  const std::string full = key(name);
  const int32_t decision =
      nodes_.declare(full, {.kind = DecisionKind::subset, .count = count, .words = labels, .subset_size = k});
  if (find(full).where == Found::Where::nowhere) add_item(full, decision, 0);
  mark_structural(full);
  return subset_at(n, k, find(full).index);
}

ValueId TraceChooser::layer(std::string_view name, GraphBuilder& builder, ValueId x,
                            const std::vector<Branch>& branches) {
  check_alternatives(name, static_cast<int64_t>(branches.size()));
  if (branches.size() == 1) return branches[0].build(builder, x);
  const std::string full = key(name);
  const int32_t decision = nodes_.declare(
      full, {.kind = DecisionKind::layer, .count = static_cast<int64_t>(branches.size()), .branches = &branches});
  Frame frame;
  Item& item = enter(full, decision, branches.size(), frame);
  const OpenGuard open(item.open);
  OneShape shapes("layer", full);
  ValueId result = kNone;
  for (size_t i = branches.size(); i-- > 0;) {
    const Graph::Checkpoint mark = builder.graph().checkpoint();
    result = explore(item.parts[i], frame, &builder, [&] { return branches[i].build(builder, x); });
    shapes.see(branches[i].label, shape_of(builder, result));
    if (i > 0) builder.graph().rollback(mark);
  }
  return result;
}

ValueId TraceChooser::repeat(std::string_view name, GraphBuilder& builder, ValueId x, std::span<const int64_t> counts,
                             const RepeatBody& body) {
  check_repeat(name, counts);
  const std::string full = key(name);
  int32_t decision = -1;
  if (counts.size() > 1) {
    decision = nodes_.declare(
        full, {.kind = DecisionKind::repeat, .count = static_cast<int64_t>(counts.size()), .integers = counts});
  }
  Frame frame;
  Item& item = enter(decision < 0 ? block_key(full) : full, decision, static_cast<size_t>(counts.back()), frame);
  item.counts.assign(counts.begin(), counts.end());
  const OpenGuard open(item.open);
  OneShape shapes("repeat", full);
  size_t next = 0;
  for (int64_t i = 0;; ++i) {
    if (next < counts.size() && counts[next] == i) shapes.see(std::to_string(counts[next++]), shape_of(builder, x));
    if (i == counts.back()) return x;
    Context& part = item.parts[static_cast<size_t>(i)];
    const ValueId input = x;
    x = explore(part, frame, &builder, [&] { return body(builder, input, i); });
    frame.also.push_back(&part);
  }
}

ValueId TraceChooser::block(std::string_view name, GraphBuilder& builder, ValueId x, const LayerBody& body) {
  Frame frame;
  Item& item = enter(block_key(key(name)), -1, 1, frame);
  const OpenGuard open(item.open);
  const auto inside = scope(name, builder);
  return explore(item.parts[0], frame, &builder, [&] { return body(builder, x); });
}

// --- into the trace -----------------------------------------------------------------------------------------------

int32_t TraceChooser::freeze(const Context& context) {
  std::vector<int32_t> parts;
  if (context.fork < 0) {
    for (const auto& item : context.items) parts.push_back(freeze(*item));
    return nodes_.all(parts);
  }
  for (const Context& child : context.children) parts.push_back(freeze(child));
  return nodes_.decide(context.fork, std::move(parts), true);
}

int32_t TraceChooser::freeze(const Item& item) {
  std::vector<int32_t> parts;
  for (const Context& part : item.parts) parts.push_back(freeze(part));
  if (item.decision < 0) return nodes_.all(parts);
  if (item.counts.empty()) {
    parts.resize(nodes_.decision(item.decision).alternatives.size(),
                 nodes_.nothing());  // a plain decision has no parts
    return nodes_.decide(item.decision, std::move(parts));
  }
  std::vector<int32_t> children;
  for (const int64_t count : item.counts) children.push_back(nodes_.all({parts.begin(), parts.begin() + count}));
  return nodes_.decide(item.decision, std::move(children));
}

}  // namespace nacre
