#include "nacre/space/choice.hpp"

#include <algorithm>
#include <unordered_map>

#include "nacre/base/error.hpp"
#include "nacre/space/chooser.hpp"

namespace nacre {
namespace {

using Expression = Choice::Expression;
using Kind = Expression::Kind;
using Visit = std::function<void(const Expression&)>;

int64_t floor_divide(int64_t a, int64_t b) {
  if (b == 0) throw UserError("a size is divided by 0");
  const int64_t quotient = a / b;
  return quotient - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

int64_t apply(Kind kind, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  switch (kind) {
    case Kind::add: overflow = __builtin_add_overflow(a, b, &result); break;
    case Kind::subtract: overflow = __builtin_sub_overflow(a, b, &result); break;
    case Kind::multiply: overflow = __builtin_mul_overflow(a, b, &result); break;
    case Kind::divide: return floor_divide(a, b);
    case Kind::make_divisible: return make_divisible(a, b);
    default: NACRE_CHECK(false, "a leaf has no operands");
  }
  if (overflow) throw UserError("a size computed from decisions passes 2^63");
  return result;
}

int64_t evaluate_expression(const Expression& e, const std::function<int64_t(std::string_view)>& index_of) {
  switch (e.kind) {
    case Kind::constant: return e.number;
    case Kind::decision: {
      const int64_t index = index_of(e.key);
      NACRE_CHECK(index >= 0 && static_cast<size_t>(index) < e.alternatives.size(), "index of " + e.key);
      return e.alternatives[static_cast<size_t>(index)];
    }
    default: return apply(e.kind, evaluate_expression(*e.left, index_of), evaluate_expression(*e.right, index_of));
  }
}

void visit_decisions(const Expression* e, const Visit& visit) {
  if (e == nullptr || e->kind == Kind::constant) return;
  if (e->kind == Kind::decision) return visit(*e);
  visit_decisions(e->left.get(), visit);
  visit_decisions(e->right.get(), visit);
}

std::string expression_text(const Expression& e) {
  const auto operand = [](const Expression& x) {
    const bool leaf = x.kind == Kind::constant || x.kind == Kind::decision || x.kind == Kind::make_divisible;
    return leaf ? expression_text(x) : "(" + expression_text(x) + ")";
  };
  switch (e.kind) {
    case Kind::constant: return std::to_string(e.number);
    case Kind::decision: return e.key;
    case Kind::add: return operand(*e.left) + " + " + operand(*e.right);
    case Kind::subtract: return operand(*e.left) + " - " + operand(*e.right);
    case Kind::multiply: return operand(*e.left) + " * " + operand(*e.right);
    case Kind::divide: return operand(*e.left) + " / " + operand(*e.right);
    case Kind::make_divisible:
      return "make_divisible(" + expression_text(*e.left) + ", " + expression_text(*e.right) + ")";
  }
  return "";
}

}  // namespace

std::string_view decision_kind_name(DecisionKind kind) {
  switch (kind) {
    case DecisionKind::number: return "number";
    case DecisionKind::real: return "real";
    case DecisionKind::word: return "word";
    case DecisionKind::layer: return "layer";
    case DecisionKind::repeat: return "repeat";
    case DecisionKind::subset: return "subset";
  }
  return "?";
}

int64_t make_divisible(int64_t x, int64_t divisor) {
  if (divisor < 1) throw UserError("make_divisible: the divisor must be at least 1, found " + std::to_string(divisor));
  const int64_t nearest = std::max(divisor, floor_divide(x + divisor / 2, divisor) * divisor);
  return nearest * 10 < x * 9 ? nearest + divisor : nearest;
}

Choice::Choice(int64_t constant) : current_(constant) {}

Choice::Choice(Chooser& owner, std::shared_ptr<const Expression> expression, int64_t current)
    : owner_(&owner), expression_(std::move(expression)), current_(current) {}

int64_t Choice::value() const {
  visit_decisions(expression_.get(), [this](const Expression& decision) { owner_->mark_structural(decision.key); });
  return current_;
}

std::string Choice::text() const {
  return expression_ == nullptr ? std::to_string(current_) : expression_text(*expression_);
}

int64_t Choice::evaluate(const std::function<int64_t(std::string_view)>& index_of) const {
  return expression_ == nullptr ? current_ : evaluate_expression(*expression_, index_of);
}

std::vector<std::string> Choice::decision_keys() const {
  std::vector<std::string> keys;
  visit_decisions(expression_.get(), [&](const Expression& decision) {
    if (std::ranges::find(keys, decision.key) == keys.end()) keys.push_back(decision.key);
  });
  return keys;
}

std::pair<int64_t, int64_t> Choice::bounds() const {
  std::vector<const Expression*> decisions;
  std::unordered_map<std::string_view, size_t> position;
  visit_decisions(expression_.get(), [&](const Expression& decision) {
    if (position.emplace(decision.key, decisions.size()).second) decisions.push_back(&decision);
  });
  std::vector<int64_t> index(decisions.size(), 0);
  std::pair<int64_t, int64_t> result{current_, current_};
  for (;;) {  // an odometer over the alternatives of the few decisions in one size
    const int64_t x = evaluate([&](std::string_view key) { return index[position.at(key)]; });
    result = {std::min(result.first, x), std::max(result.second, x)};
    size_t wheel = 0;
    while (wheel < index.size() && ++index[wheel] == static_cast<int64_t>(decisions[wheel]->alternatives.size()))
      index[wheel++] = 0;
    if (wheel == index.size()) return result;
  }
}

std::shared_ptr<const Expression> Choice::expression_or_constant() const {
  if (expression_ != nullptr) return expression_;
  auto constant = std::make_shared<Expression>();
  constant->number = current_;
  return constant;
}

Choice Choice::combine(Kind kind, const Choice& a, const Choice& b) {
  const int64_t current = apply(kind, a.current_, b.current_);
  if (a.is_constant() && b.is_constant()) return Choice(current);
  NACRE_CHECK(a.is_constant() || b.is_constant() || a.owner_ == b.owner_, "choices of two choosers in one expression");
  auto expression = std::make_shared<Expression>();
  expression->kind = kind;
  expression->left = a.expression_or_constant();
  expression->right = b.expression_or_constant();
  return Choice(a.is_constant() ? *b.owner_ : *a.owner_, std::move(expression), current);
}

Choice operator+(const Choice& a, const Choice& b) { return Choice::combine(Kind::add, a, b); }
Choice operator-(const Choice& a, const Choice& b) { return Choice::combine(Kind::subtract, a, b); }
Choice operator*(const Choice& a, const Choice& b) { return Choice::combine(Kind::multiply, a, b); }
Choice operator/(const Choice& a, const Choice& b) { return Choice::combine(Kind::divide, a, b); }
Choice make_divisible(const Choice& x, int64_t divisor) {
  return Choice::combine(Kind::make_divisible, x, Choice(divisor));
}

}  // namespace nacre
