// A number that knows which decisions it came from.
//
// `choose.pick("width", {16, 24, 32})` returns a Choice; arithmetic on it keeps the expression, so that a supernet can ask
// which sizes a dimension may take and for which decisions. There is no silent conversion to a number:
//
//   .elastic()   the number for a layer's size; the definition promises that no control flow depends on it
//   .value()     the number for control flow; every decision in the expression becomes structural
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nacre {

class Chooser;

// What a decision chooses: a number for sizes, a plain value (real, word), a branch, how many, which.
enum class DecisionKind : uint8_t { number, real, word, layer, repeat, subset };
std::string_view decision_kind_name(DecisionKind kind);

class Choice {
 public:
  // Immutable and shared: a decision is a leaf of every expression made of it.
  struct Expression {
    enum class Kind : uint8_t { constant, decision, add, subtract, multiply, divide, make_divisible };
    Kind kind = Kind::constant;
    int64_t number = 0;                             // of a constant
    std::string key;                                // of a decision: scope path and name
    std::vector<int64_t> alternatives;              // of a decision
    std::shared_ptr<const Expression> left, right;  // operands; make_divisible: number, divisor
  };

  Choice(int64_t constant);  // NOLINT: a number is a choice without alternatives
  Choice(Chooser& owner, std::shared_ptr<const Expression> expression, int64_t current);

  // The value under the current decisions; marks nothing.
  int64_t elastic() const { return current_; }
  // The plain value; marks every decision in the expression structural. Valid only while its Chooser lives.
  int64_t value() const;
  bool is_constant() const { return owner_ == nullptr; }
  // Null for a constant: most numbers are constants, and networks are built tens of thousands of times a second.
  const std::shared_ptr<const Expression>& expression() const { return expression_; }
  std::string text() const;  // "make_divisible(stage1/width * 6, 8)"

  // The value under other decisions: `index_of` gives the alternative of a decision by its key.
  int64_t evaluate(const std::function<int64_t(std::string_view key)>& index_of) const;
  // Keys of the decisions it depends on, each once, in order of appearance.
  std::vector<std::string> decision_keys() const;
  // Least and greatest value over all decisions (each decision free).
  std::pair<int64_t, int64_t> bounds() const;

  friend Choice operator+(const Choice& a, const Choice& b);
  friend Choice operator-(const Choice& a, const Choice& b);
  friend Choice operator*(const Choice& a, const Choice& b);
  friend Choice operator/(const Choice& a, const Choice& b);  // rounds down; UserError for a divisor of 0
  // The nearest multiple of divisor, at least divisor and not below 0.9 x (Sandler et al., arXiv 1801.04381).
  friend Choice make_divisible(const Choice& x, int64_t divisor);

 private:
  static Choice combine(Expression::Kind kind, const Choice& a, const Choice& b);
  std::shared_ptr<const Expression> expression_or_constant() const;

  Chooser* owner_ = nullptr;
  std::shared_ptr<const Expression> expression_;
  int64_t current_ = 0;
};

// As above on plain numbers.
int64_t make_divisible(int64_t x, int64_t divisor);

}  // namespace nacre
