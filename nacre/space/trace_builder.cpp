#include "nacre/space/trace_builder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/base/hash.hpp"

namespace nacre {

TraceBuilder::TraceBuilder() { intern({}); }

int32_t TraceBuilder::declare(const std::string& key, const Alternatives& alternatives) {
  std::vector<std::string> texts = alternatives.texts();
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    const TraceDecision& known = decision(found->second);
    if (known.kind != alternatives.kind || known.alternatives != texts) {
      throw UserError(
          fmt::format("decision '{}' chooses a {} of {} at one place and a {} of {} at another; enter a scope to make "
                      "them two decisions",
                      key, decision_kind_name(known.kind), fmt::join(known.alternatives, ", "),
                      decision_kind_name(alternatives.kind), fmt::join(texts, ", ")));
    }
    return found->second;
  }
  std::vector<std::string> sorted = texts;
  std::ranges::sort(sorted);
  if (const auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end()) {
    throw UserError(fmt::format("decision '{}' has the alternative '{}' twice", key, *twice));
  }
  TraceDecision& added = decisions_.emplace_back();
  added.key = key;
  added.kind = alternatives.kind;
  added.alternatives = std::move(texts);
  added.numbers = alternatives.numbers();
  added.ordered = !added.numbers.empty();
  added.structural = alternatives.kind == DecisionKind::subset;
  const auto id = static_cast<int32_t>(decisions_.size() - 1);
  by_key_.emplace(key, id);
  return id;
}

int32_t TraceBuilder::find(const std::string& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? -1 : found->second;
}

// --- nodes --------------------------------------------------------------------------------------------------------

std::vector<int32_t> TraceBuilder::parts_of(int32_t node) const {
  const Trace::Node& n = nodes_[static_cast<size_t>(node)];
  return n.decision < 0 ? n.children : std::vector<int32_t>{node};
}

int32_t TraceBuilder::intern(Trace::Node node) {
  const uint64_t hash =
      hash_bytes(node.children.data(), node.children.size() * sizeof(int32_t), static_cast<uint64_t>(node.decision))
          .low;
  for (auto [at, end] = interned_.equal_range(hash); at != end; ++at) {
    const Trace::Node& known = nodes_[static_cast<size_t>(at->second)];
    if (known.decision == node.decision && known.children == node.children) return at->second;
  }
  if (nodes_.size() >= kTraceNodeLimit) {
    throw UserError(
        fmt::format("the space has more than {} different places for decisions; lower the depth of its grammar or its "
                    "structural decisions",
                    kTraceNodeLimit));
  }
  std::vector<int32_t> support;
  for (const int32_t child : node.children) {
    const std::vector<int32_t>& more = support_[static_cast<size_t>(child)];
    if (more.empty()) continue;
    std::vector<int32_t> merged;
    merged.reserve(support.size() + more.size());
    std::ranges::set_union(support, more, std::back_inserter(merged));
    support = std::move(merged);
  }
  if (node.decision >= 0) {
    const auto place = std::ranges::lower_bound(support, node.decision);
    NACRE_CHECK(place == support.end() || *place != node.decision,
                "a decision inside itself: " + decision(node.decision).key);
    support.insert(place, node.decision);
  }
  nodes_.push_back(std::move(node));
  support_.push_back(std::move(support));
  const auto id = static_cast<int32_t>(nodes_.size() - 1);
  interned_.emplace(hash, id);
  return id;
}

void TraceBuilder::refuse_shared(int32_t shared, int32_t a, int32_t b) const {
  const auto place = [&](int32_t node) {
    const int32_t top = nodes_[static_cast<size_t>(node)].decision;
    return top == shared ? std::string("outside of it") : "inside an alternative of '" + decision(top).key + "'";
  };
  std::string first = place(a);
  std::string second = place(b);
  if (nodes_[static_cast<size_t>(a)].decision == shared) std::swap(first, second);
  throw UserError(
      fmt::format("decision '{}' is asked {} and again {}, so that it is not always the same decision; ask it before "
                  "both, or enter a scope",
                  decision(shared).key, first, second));
}

int32_t TraceBuilder::all(const std::vector<int32_t>& parts) {
  Trace::Node node;
  for (const int32_t part : parts) {
    const std::vector<int32_t> flat = parts_of(part);
    node.children.insert(node.children.end(), flat.begin(), flat.end());
  }
  if (node.children.size() == 1) return node.children[0];
  std::unordered_map<int32_t, int32_t> holder;
  for (const int32_t part : node.children) {
    for (const int32_t id : support_[static_cast<size_t>(part)]) {
      const auto [entry, added] = holder.emplace(id, part);
      if (!added) refuse_shared(id, entry->second, part);
    }
  }
  return intern(std::move(node));
}

int32_t TraceBuilder::decide(int32_t id, std::vector<int32_t> children, bool hoist) {
  NACRE_CHECK(children.size() == decision(id).alternatives.size(), "one child per alternative of " + decision(id).key);
  if (!hoist) return intern({.decision = id, .children = std::move(children)});
  std::vector<std::vector<int32_t>> parts;
  for (const int32_t child : children) parts.push_back(parts_of(child));
  const auto everywhere = [&](int32_t part) {
    return std::ranges::all_of(parts,
                               [part](const std::vector<int32_t>& p) { return std::ranges::find(p, part) != p.end(); });
  };
  std::vector<int32_t> common;
  for (const int32_t part : parts[0]) {
    if (everywhere(part)) common.push_back(part);
  }
  for (size_t i = 0; i < children.size(); ++i) {
    std::vector<int32_t>& own = parts[i];
    std::erase_if(own, [&](int32_t part) { return std::ranges::find(common, part) != common.end(); });
    children[i] = all(own);
  }
  common.insert(common.begin(), intern({.decision = id, .children = std::move(children)}));
  return all(common);
}

int32_t TraceBuilder::graft(const Trace& trace, const std::string& prefix) {
  const auto first = static_cast<int32_t>(decisions_.size());
  for (const TraceDecision& decision : trace.decisions()) {
    const std::string key = prefix + decision.key;
    if (find(key) >= 0) throw UserError("decision '" + key + "' is there already");
    by_key_.emplace(key, static_cast<int32_t>(decisions_.size()));
    decisions_.push_back(decision);
    decisions_.back().key = key;
  }
  std::vector<int32_t> grafted(trace.nodes().size(), 0);
  for (size_t i = grafted.size(); i-- > 0;) {  // children come after parents
    Trace::Node node = trace.nodes()[i];
    for (int32_t& child : node.children) child = grafted[static_cast<size_t>(child)];
    if (node.decision >= 0) node.decision += first;
    grafted[i] = intern(std::move(node));
  }
  return grafted[0];
}

Trace TraceBuilder::finish(int32_t root) const {
  // Reverse postorder puts parents before children; decisions are numbered in preorder, which is the order of asking.
  std::vector<int32_t> order;
  std::vector<int32_t> new_decision(decisions_.size(), -1);
  std::vector<char> seen(nodes_.size(), 0);
  Trace trace;
  struct Step {
    int32_t node;
    size_t child;
  };
  std::vector<Step> stack{{root, 0}};
  while (!stack.empty()) {
    Step& step = stack.back();
    const Trace::Node& node = nodes_[static_cast<size_t>(step.node)];
    if (step.child == 0 && node.decision >= 0 && new_decision[static_cast<size_t>(node.decision)] < 0) {
      new_decision[static_cast<size_t>(node.decision)] = static_cast<int32_t>(trace.decisions_.size());
      trace.decisions_.push_back(decision(node.decision));
    }
    seen[static_cast<size_t>(step.node)] = 1;
    while (step.child < node.children.size() && seen[static_cast<size_t>(node.children[step.child])] != 0) ++step.child;
    if (step.child < node.children.size()) {
      const int32_t next = node.children[step.child++];
      stack.push_back({next, 0});
    } else {
      order.push_back(step.node);
      stack.pop_back();
    }
  }
  std::vector<int32_t> new_node(nodes_.size(), -1);
  for (size_t i = 0; i < order.size(); ++i)
    new_node[static_cast<size_t>(order[i])] = static_cast<int32_t>(order.size() - 1 - i);
  trace.nodes_.resize(order.size());
  for (const int32_t old : order) {
    Trace::Node node = nodes_[static_cast<size_t>(old)];
    for (int32_t& child : node.children) child = new_node[static_cast<size_t>(child)];
    if (node.decision >= 0) node.decision = new_decision[static_cast<size_t>(node.decision)];
    trace.nodes_[static_cast<size_t>(new_node[static_cast<size_t>(old)])] = std::move(node);
  }
  trace.index();
  return trace;
}

}  // namespace nacre
