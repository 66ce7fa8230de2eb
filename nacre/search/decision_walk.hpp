// Decides a trace one decision at a time, in the order in which its definition asks: for strategies that build a decision set
// step by step (tree search, controllers). A decision that the choices so far do not lead to is never asked.
#pragma once

#include <optional>
#include <vector>

#include "nacre/space/trace.hpp"

namespace nacre {

class DecisionWalk {
 public:
  explicit DecisionWalk(const Trace& trace) : trace_(trace), taken_(trace.decisions().size(), -1) { advance(); }

  bool done() const { return !next_; }
  size_t decision() const { return *next_; }  // index into Trace::decisions(), unless done
  size_t alternatives() const { return trace_.decisions()[*next_].alternatives.size(); }
  void take(size_t alternative);
  // What was taken, of the decisions that were asked.
  Decisions decisions() const;

 private:
  void advance();
  std::optional<size_t> undecided(int32_t node) const;

  const Trace& trace_;
  std::vector<int64_t> taken_;  // -1: not asked yet
  std::optional<size_t> next_;
};

}  // namespace nacre
