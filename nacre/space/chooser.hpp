// A space is a function from decisions to a Design: `Design build(Chooser&)`. Run with different choosers the one
// definition gives sampling, replay, the trace (counting, uniform sampling, mutation, crossover, encoding) and, in the
// supernet module, the weight-sharing network.
//
//   a number      choose.pick("width", {16, 24, 32})             a symbolic Choice: value plus the expression it came from
//   one of        choose.layer("op", b, x, {{"k3", f}, {"skip", g}})
//   how many      choose.repeat("depth", b, x, {2, 3, 4}, body)
//   which edges   choose.sum_of("inputs", b, x, {{"0", f}, {"1", g}, {"2", h}}, 2)   the sum of two of the three
//   which         choose.subset("edges", {"a", "b", "c"}, 2)      k of n
//   grammar       choose.recurse("block", max_depth, b, x, rule)
//   a part        choose.block("cell", b, x, body)                 no decision of its own; bounds what a structural one redoes
//
// A decision's key is its scope path plus its name: the same key twice is the same decision (a repeated cell), another
// scope is another decision (a searched layer). Asking a Choice for its plain .value() marks the decision structural: the
// trace then branches on it. What has one alternative is no decision.
//
// Rules for definitions, since a trace and a supernet run every branch: closures depend on nothing but their arguments and
// the chooser, may be run several times, change nothing outside, and add nodes only to the builder they are given.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/ir/graph_builder.hpp"
#include "nacre/space/choice.hpp"

namespace nacre {

class ElasticTable;  // space/elastic.hpp

// One alternative of a layer.
struct Branch {
  std::string label;
  std::function<ValueId(GraphBuilder&, ValueId)> build;
};

// One production of a grammar. At the depth limit only terminal ones remain.
struct Production {
  std::string label;
  bool terminal = false;
  std::function<ValueId(GraphBuilder&, ValueId)> build;
};

using LayerBody = std::function<ValueId(GraphBuilder&, ValueId)>;
using RepeatBody = std::function<ValueId(GraphBuilder&, ValueId, int64_t index)>;
using GrammarRule = std::function<std::vector<Production>(int64_t depth)>;

// What a decision chooses from, by reference: texts are made only where people read them.
struct Alternatives {
  DecisionKind kind = DecisionKind::number;
  int64_t count = 0;
  std::span<const int64_t> integers = {};         // number, repeat
  std::span<const double> reals = {};             // real
  std::span<const std::string> words = {};        // word; subset: the labels
  const std::vector<Branch>* branches = nullptr;  // layer
  int64_t subset_size = 0;                        // subset

  std::vector<std::string> texts() const;
  std::vector<double> numbers() const;  // of number, real and repeat; else empty
};

// Number of subsets of k of n; nothing when it passes `limit`.
std::optional<int64_t> count_subsets(int64_t n, int64_t k, int64_t limit);
// The `rank`-th subset of k of 0..n-1 in lexicographic order, ascending.
std::vector<int64_t> subset_at(int64_t n, int64_t k, int64_t rank);
// The inverse: the rank of an ascending subset of 0..n-1.
int64_t subset_rank(int64_t n, std::span<const int64_t> subset);

inline constexpr int64_t kSubsetLimit = 100'000;  // alternatives of one subset decision

class Chooser {
 public:
  virtual ~Chooser() = default;

  // --- decisions; `name` is unique within its scope
  Choice pick(std::string_view name, std::span<const int64_t> alternatives);
  Choice pick(std::string_view name, std::initializer_list<int64_t> alternatives) {
    return pick(name, std::span<const int64_t>(alternatives.begin(), alternatives.size()));
  }
  // For recipes and other plain values; they do not shape the graph and are never structural.
  double pick_real(std::string_view name, std::span<const double> alternatives);
  std::string pick_word(std::string_view name, std::span<const std::string> alternatives);

  // Builds one of the branches on x (a supernet builds all). All branches must give a value of one shape.
  virtual ValueId layer(std::string_view name, GraphBuilder& builder, ValueId x,
                        const std::vector<Branch>& branches) = 0;
  // Applies body(builder, x, i) for i = 0 .. n-1, n one of `counts` (ascending). Decisions of body i exist only where n > i.
  virtual ValueId repeat(std::string_view name, GraphBuilder& builder, ValueId x, std::span<const int64_t> counts,
                         const RepeatBody& body) = 0;
  ValueId repeat(std::string_view name, GraphBuilder& builder, ValueId x, std::initializer_list<int64_t> counts,
                 const RepeatBody& body) {
    return repeat(name, builder, x, std::span<const int64_t>(counts.begin(), counts.size()), body);
  }
  // A layer from x, of `channels` channels, to as many: an edge of a cell. The branches are made for the number of channels that
  // they are given: a supernet with partial connections (PC-DARTS, Xu et al., arXiv 1907.05737, section 3.1) asks for fewer.
  using EdgeBranches = std::function<std::vector<Branch>(int64_t channels)>;
  virtual ValueId edge(std::string_view name, GraphBuilder& builder, ValueId x, int64_t channels,
                       const EdgeBranches& branches) {
    return layer(name, builder, x, branches(channels));
  }
  // The sum of k of the n parts, each built on x: a node of a cell that reads k of its earlier states. A decision with one
  // alternative per k parts, "0+1", "0+2", ..., in lexicographic order (a supernet builds all parts). One shape for all.
  virtual ValueId sum_of(std::string_view name, GraphBuilder& builder, ValueId x, const std::vector<Branch>& parts,
                         int64_t k);
  // Indices of k of the n labels, ascending; structural.
  virtual std::vector<int64_t> subset(std::string_view name, std::span<const std::string> labels, int64_t k) = 0;
  // Runs body in the scope `name` as a part of its own: what is structural inside is settled inside.
  virtual ValueId block(std::string_view name, GraphBuilder& builder, ValueId x, const LayerBody& body) = 0;
  // A layer whose branches may recurse, each in the scope `name`. rule(depth) gives the productions, depth counting the
  // calls of recurse (of any name) around this one; from max_depth on only terminal ones remain.
  ValueId recurse(std::string_view name, int64_t max_depth, GraphBuilder& builder, ValueId x, const GrammarRule& rule);

  // Enters a scope of decision keys (and of node names in `builder`, when given) for the lifetime of the guard.
  class ScopeGuard {
   public:
    ScopeGuard(Chooser& chooser, std::string path, GraphBuilder* builder, std::string_view node_scope);
    ~ScopeGuard();
    ScopeGuard(const ScopeGuard&) = delete;
    ScopeGuard& operator=(const ScopeGuard&) = delete;

   private:
    Chooser& chooser_;
    std::string outer_;
    std::optional<GraphBuilder::ScopeGuard> builder_scope_;
  };
  [[nodiscard]] ScopeGuard scope(std::string_view name) { return ScopeGuard(*this, key(name), nullptr, ""); }
  [[nodiscard]] ScopeGuard scope(std::string_view name, GraphBuilder& builder) {
    return ScopeGuard(*this, key(name), &builder, name);
  }
  // Leaves the current scope path for `path`: the decisions inside are shared by all who enter it (a repeated cell).
  [[nodiscard]] ScopeGuard shared_scope(std::string_view path) {
    return ScopeGuard(*this, std::string(path), nullptr, "");
  }
  const std::string& scope_path() const { return path_; }

  // Where elastic sizes are recorded (space/elastic.hpp); null in choosers that do not record.
  virtual ElasticTable* elastic_table() { return nullptr; }

 protected:
  // The index chosen among the alternatives, of which there are at least two. `key` stays valid during the call only.
  virtual int64_t choose(const std::string& key, const Alternatives& alternatives) = 0;
  // Called when control flow asked for the plain value of a decision made by pick.
  virtual void mark_structural(const std::string& key) = 0;
  std::string key(std::string_view name) const;
  // Precondition checks shared by all choosers; UserErrors that name the decision.
  void check_repeat(std::string_view name, std::span<const int64_t> counts) const;
  int64_t check_subset(std::string_view name, std::span<const std::string> labels,
                       int64_t k) const;  // number of subsets
  void check_alternatives(std::string_view name, int64_t count) const;
  friend class Choice;

 private:
  std::string path_;
  int64_t depth_ = 0;  // of recurse
};

}  // namespace nacre
