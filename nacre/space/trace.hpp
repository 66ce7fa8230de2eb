// The decisions of a space as data: an and/or graph.
//
//   all(...)        every child is decided                      count = product, the empty one counts 1
//   decide(key, …)  one of n alternatives, each with a child    count = sum over alternatives of the child's count
//
//   stage ─ all ─┬─ decide depth ─ 1: all(op of body 0)
//                │                └ 2: all(op of body 0, op of body 1)
//                └─ decide width ─ 16, 24, 32: nothing more
//
// From it follow, without building a network: the exact count of distinct decision sets, uniform sampling over them,
// mutation, crossover of subtrees, enumeration by index, and encodings of fixed length. Equal sub-graphs are stored once.
//
// "Networks" here are decision sets. Two sets may build the same network, or networks of one function (a nasbench201 cell
// whose edges lead nowhere); whoever must not evaluate a network twice compares structure_hash (ir/hash.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/count.hpp"
#include "nacre/base/random.hpp"
#include "nacre/design/candidate.hpp"
#include "nacre/space/choice.hpp"

namespace nacre {

struct TraceDecision {
  std::string key;
  DecisionKind kind = DecisionKind::number;
  std::vector<std::string> alternatives;  // texts, for people; at least two
  bool ordered = false;                   // numbers (kernel sizes, widths): neighbours are near
  std::vector<double> numbers;            // of ordered ones
  bool structural = false;                // control flow depends on the number itself
};

class Trace {
 public:
  struct Node {
    int32_t decision = -1;          // index into decisions(); -1: an all-node
    std::vector<int32_t> children;  // of an all-node: parts; of a decision: one child per alternative
  };

  // In the order in which the definition asks them.
  const std::vector<TraceDecision>& decisions() const { return decisions_; }
  const std::vector<Node>& nodes() const { return nodes_; }  // nodes()[0] is the root; children come after parents
  std::optional<int32_t> find_decision(std::string_view key) const;

  // Number of distinct decision sets, exactly.
  const Count& count() const { return counts_[0]; }
  // Uniform over decision sets.
  Decisions sample(Random& random) const;
  // Keeps what is given, draws missing keys (each alternative in proportion to the decision sets under it), drops unused
  // ones; UserError for an index out of range.
  Decisions complete(const Decisions& partial, Random& random) const;
  // True when every needed key is present and in range, and no other.
  bool is_complete(const Decisions& decisions) const;
  // Changes one active decision (uniformly chosen) to another alternative; decisions that this makes active are drawn,
  // those it makes inactive dropped. Never returns its argument unless the count is 1.
  Decisions mutate(const Decisions& parent, Random& random) const;
  // All decision sets that differ from `center` in one decision (and what follows from it).
  std::vector<Decisions> neighbors(const Decisions& center, Random& random) const;
  // Uniform crossover over decisions active in both; where the parents part, the subtree follows its decision.
  Decisions cross_over(const Decisions& a, const Decisions& b, Random& random) const;
  // The index-th decision set, 0 <= index < count(), and back: a bijection.
  Decisions at(const Count& index) const;
  Count index_of(const Decisions& decisions) const;

  // Fixed-length encodings in the order of decisions(): the index of each, -1 where inactive; and one-hot with a block of
  // zeros where inactive. Two complete decision sets have different encodings.
  std::vector<int64_t> encode_indices(const Decisions& decisions) const;
  std::vector<float> encode_one_hot(const Decisions& decisions) const;
  int64_t one_hot_length() const { return one_hot_length_; }

  // Lines for `nacre describe`: each decision with its alternatives, indented below the alternatives it depends on.
  std::string describe() const;
  // "stage2/1/op=k3_e6 ..." with labels, in the order of decisions().
  std::string text(const Decisions& decisions) const;

 private:
  friend class TraceBuilder;
  using Indices = std::vector<int64_t>;  // by decision, -1: not decided

  void index();  // fills what follows from decisions_ and nodes_
  Indices indices_of(const Decisions& decisions, size_t* known = nullptr) const;
  Decisions decisions_of(const Indices& indices, std::vector<int32_t> active) const;
  int64_t draw(int32_t node, Random& random) const;
  // Decides what is missing and returns the active decisions in the order of the graph. Without `random` a missing one is
  // a UserError.
  std::vector<int32_t> settle(Indices& indices, Random* random) const;
  void describe_node(int32_t node, int depth, std::string& text) const;
  void describe_parts(const std::vector<int32_t>& parts, int depth, std::string& text) const;

  std::vector<TraceDecision> decisions_;
  std::vector<Node> nodes_;
  std::vector<int32_t> by_key_;          // decisions sorted by key
  std::vector<int32_t> rank_;            // position of each decision in by_key_
  std::vector<Count> counts_;            // per node
  std::vector<uint64_t> small_counts_;   // per node; 0 where it passes 64 bits
  std::vector<char> even_;               // per decision node: all alternatives count the same
  std::vector<int64_t> one_hot_offset_;  // per decision
  int64_t one_hot_length_ = 0;
};

}  // namespace nacre
