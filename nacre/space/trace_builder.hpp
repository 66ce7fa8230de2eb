// Makes a Trace bottom-up. Equal nodes become one node; rules that keep counts right are checked where nodes are joined.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "nacre/space/chooser.hpp"
#include "nacre/space/trace.hpp"

namespace nacre {

inline constexpr size_t kTraceNodeLimit = 2'000'000;

class TraceBuilder {
 public:
  TraceBuilder();

  // The decision of that key; UserError when it was declared with other alternatives, or when two alternatives are equal.
  int32_t declare(const std::string& key, const Alternatives& alternatives);
  int32_t find(const std::string& key) const;  // -1: not declared
  const TraceDecision& decision(int32_t id) const { return decisions_[static_cast<size_t>(id)]; }
  void mark_structural(int32_t id) { decisions_[static_cast<size_t>(id)].structural = true; }

  int32_t nothing() const { return 0; }
  // Every part is decided. UserError when two parts hold the same decision: each of them may or may not ask it, so that
  // it is not one decision.
  int32_t all(const std::vector<int32_t>& parts);
  // children: one per alternative. `hoist`: what all children have in common is independent of the decision and stands
  // beside it instead of below.
  int32_t decide(int32_t decision, std::vector<int32_t> children, bool hoist = false);
  // All of another trace, its keys after `prefix`: the node that decides it. UserError when one of the keys is declared.
  int32_t graft(const Trace& trace, const std::string& prefix);
  // Only what `root` reaches is kept.
  Trace finish(int32_t root) const;

 private:
  int32_t intern(Trace::Node node);
  std::vector<int32_t> parts_of(int32_t node) const;
  [[noreturn]] void refuse_shared(int32_t decision, int32_t a, int32_t b) const;

  std::vector<TraceDecision> decisions_;
  std::unordered_map<std::string, int32_t> by_key_;
  std::vector<Trace::Node> nodes_;
  std::vector<std::vector<int32_t>> support_;  // per node: decisions in it, ascending
  std::unordered_multimap<uint64_t, int32_t> interned_;
};

}  // namespace nacre
