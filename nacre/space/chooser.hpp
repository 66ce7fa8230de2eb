// A space is a function from decisions to a Design: `Design build(Chooser&)`. Run with different choosers the one
// definition gives sampling, replay, the trace (counting, uniform sampling, mutation, crossover, encoding) and, in the
// supernet module, the weight-sharing network.
//
//   int/width     choose.pick("width", {16, 24, 32})            a symbolic Choice: value plus the expression it came from
//   one of        choose.layer("op", b, x, {{"k3", f}, {"skip", g}})
//   how many      choose.repeat("depth", b, x, {2, 3, 4}, body)
//   which         choose.subset("edges", {"a", "b", "c"}, 2)     k of n
//   grammar       choose.recurse("block", max_depth, rule)
//
// A decision's key is its scope path plus its name: the same key twice is the same decision (a repeated cell), another
// scope is another decision (a searched layer). Asking a Choice for its plain .value() marks the decision structural: the
// trace then branches on it. Everything a search needs is in the trace; the order in which decisions are asked is not.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/design/candidate.hpp"
#include "nacre/ir/graph_builder.hpp"

namespace nacre {

class Chooser;

// A number that knows which decisions it came from. Arithmetic keeps the expression; there is no silent conversion.
// Elastic numbers may go where layers take sizes (space/elastic.hpp wraps GraphBuilder for that); control flow needs
// .value().
class Choice {
 public:
  struct Expression;  // constant | decision | operator over expressions; immutable, shared

  Choice(int64_t constant);  // NOLINT: a number is a choice without alternatives
  Choice(Chooser& owner, std::shared_ptr<const Expression> expression, int64_t current);

  // The value under the current decisions; does not mark anything. For layer sizes only: the trace assumes that no
  // control flow depends on it.
  int64_t elastic() const { return current_; }
  // The plain value; marks every decision in the expression structural.
  int64_t value() const;
  bool is_constant() const;
  const std::shared_ptr<const Expression>& expression() const { return expression_; }
  std::string text() const;  // "make_divisible(width * e, 8)"

  friend Choice operator+(const Choice& a, const Choice& b);
  friend Choice operator-(const Choice& a, const Choice& b);
  friend Choice operator*(const Choice& a, const Choice& b);
  friend Choice operator/(const Choice& a, const Choice& b);  // rounds down
  friend Choice make_divisible(const Choice& x, int64_t divisor);  // nearest multiple, at least divisor and 0.9 x (Sandler et al.)

 private:
  Chooser* owner_ = nullptr;
  std::shared_ptr<const Expression> expression_;
  int64_t current_ = 0;
};

// One alternative of a layer.
struct Branch {
  std::string label;
  std::function<ValueId(GraphBuilder&, ValueId)> build;
};

class Chooser {
 public:
  virtual ~Chooser() = default;

  // --- decisions; `name` is unique within its scope
  Choice pick(std::string_view name, std::span<const int64_t> alternatives);
  Choice pick(std::string_view name, std::initializer_list<int64_t> alternatives) {
    return pick(name, std::span<const int64_t>(alternatives.begin(), alternatives.size()));
  }
  // For recipes and other plain values; numbers and words do not shape the graph and are never structural.
  double pick_real(std::string_view name, std::span<const double> alternatives);
  std::string pick_word(std::string_view name, std::span<const std::string> alternatives);

  // Builds one of the branches on x (a supernet builds all). All branches must give a value of one shape.
  virtual ValueId layer(std::string_view name, GraphBuilder& builder, ValueId x, const std::vector<Branch>& branches) = 0;
  // Applies body(builder, x, i) for i = 0 .. n-1, n one of `counts` (ascending). Decisions of body i exist only where n > i.
  virtual ValueId repeat(std::string_view name, GraphBuilder& builder, ValueId x, std::span<const int64_t> counts,
                         const std::function<ValueId(GraphBuilder&, ValueId, int64_t)>& body) = 0;
  // k of the n labels, in order; structural.
  virtual std::vector<int64_t> subset(std::string_view name, std::span<const std::string> labels, int64_t k) = 0;
  // One production of a grammar: a layer whose branches may recurse. At `max_depth` only branches marked terminal remain.
  struct Production {
    std::string label;
    bool terminal = false;
    std::function<ValueId(GraphBuilder&, ValueId)> build;
  };
  ValueId recurse(std::string_view name, int64_t max_depth, GraphBuilder& builder, ValueId x,
                  const std::function<std::vector<Production>(int64_t depth)>& rule);

  // Enters a scope of decision keys (and of node names in `builder`, when given) for the lifetime of the guard.
  class ScopeGuard {
   public:
    ScopeGuard(Chooser& chooser, std::string_view name);
    ~ScopeGuard();
    ScopeGuard(const ScopeGuard&) = delete;
    ScopeGuard& operator=(const ScopeGuard&) = delete;

   private:
    Chooser& chooser_;
    std::string outer_;
  };
  [[nodiscard]] ScopeGuard scope(std::string_view name) { return ScopeGuard(*this, name); }
  const std::string& scope_path() const { return path_; }

 protected:
  // The index chosen among `alternatives` (their texts) for the decision `key`.
  virtual int64_t choose(const std::string& key, const std::vector<std::string>& alternatives) = 0;
  // Called when control flow asked for the plain value.
  virtual void mark_structural(const std::string& key) = 0;
  std::string key(std::string_view name) const;
  friend class Choice;

  std::string path_;
  int64_t depth_ = 0;  // of recurse
};

}  // namespace nacre
