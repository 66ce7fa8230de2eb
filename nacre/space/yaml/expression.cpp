#include "nacre/space/yaml/expression.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace nacre {

struct SizeExpression::Term {
  enum class Kind { number, name, add, subtract, multiply, divide, make_divisible } kind = Kind::number;
  int64_t number = 0;
  std::string name;
  std::shared_ptr<const Term> left, right;
};

namespace {

using Term = SizeExpression::Term;
using TermPointer = std::shared_ptr<const Term>;

constexpr int kDeepest = 64;
constexpr size_t kLongest = 500;  // characters: bounds the depth of the tree

// Recursive descent; the column of an error is where reading stopped.
class Parser {
 public:
  Parser(const std::string& text, const SourcePosition& position, const std::vector<std::string>& known)
      : text_(text), position_(position), known_(known) {}

  TermPointer whole() {
    TermPointer result = sum();
    skip_blanks();
    if (at_ < text_.size()) fail("expected an operator or the end, found '" + text_.substr(at_) + "'");
    return result;
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    SourcePosition place = position_;
    if (place.column > 0) place.column += static_cast<int>(at_);
    throw UserError(place, "in size '" + text_ + "': " + message);
  }

  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }

  bool take(char c) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!take(c)) fail(std::string("expected '") + c + "'");
  }

  static TermPointer join(Term::Kind kind, TermPointer left, TermPointer right) {
    auto term = std::make_shared<Term>();
    term->kind = kind;
    term->left = std::move(left);
    term->right = std::move(right);
    return term;
  }

  TermPointer sum() {
    if (++depth_ > kDeepest) fail("nested too deeply");
    TermPointer left = product();
    for (;;) {
      if (take('+'))
        left = join(Term::Kind::add, left, product());
      else if (take('-'))
        left = join(Term::Kind::subtract, left, product());
      else
        break;
    }
    --depth_;
    return left;
  }

  TermPointer product() {
    TermPointer left = factor();
    for (;;) {
      if (take('*'))
        left = join(Term::Kind::multiply, left, factor());
      else if (take('/'))
        left = join(Term::Kind::divide, left, factor());
      else
        return left;
    }
  }

  TermPointer factor() {
    if (take('(')) {
      TermPointer inside = sum();
      expect(')');
      return inside;
    }
    skip_blanks();
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) return number();
    if (std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_') return name();
    fail("expected a number or a name");
  }

  TermPointer number() {
    auto term = std::make_shared<Term>();
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), term->number);
    if (error != std::errc()) fail("expected a number below 2^63");
    at_ = static_cast<size_t>(end - text_.data());
    return term;
  }

  TermPointer name() {
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      ++at_;
    const std::string word = text_.substr(begin, at_ - begin);
    if (word == "make_divisible") {
      expect('(');
      TermPointer value = sum();
      expect(',');
      skip_blanks();
      TermPointer divisor = number();
      expect(')');
      return join(Term::Kind::make_divisible, value, divisor);
    }
    if (std::ranges::find(known_, word) == known_.end()) {
      at_ = begin;
      fail(unknown_name_message("name", word, known_));
    }
    auto term = std::make_shared<Term>();
    term->kind = Term::Kind::name;
    term->name = word;
    return term;
  }

  const std::string& text_;
  const SourcePosition& position_;
  const std::vector<std::string>& known_;
  size_t at_ = 0;
  int depth_ = 0;
};

Choice evaluate_term(const Term& term, const SizeExpression::Lookup& lookup) {
  switch (term.kind) {
    case Term::Kind::number: return Choice(term.number);
    case Term::Kind::name: return lookup(term.name);
    case Term::Kind::add: return evaluate_term(*term.left, lookup) + evaluate_term(*term.right, lookup);
    case Term::Kind::subtract: return evaluate_term(*term.left, lookup) - evaluate_term(*term.right, lookup);
    case Term::Kind::multiply: return evaluate_term(*term.left, lookup) * evaluate_term(*term.right, lookup);
    case Term::Kind::divide: return evaluate_term(*term.left, lookup) / evaluate_term(*term.right, lookup);
    case Term::Kind::make_divisible: return make_divisible(evaluate_term(*term.left, lookup), term.right->number);
  }
  return Choice(0);
}

}  // namespace

SizeExpression SizeExpression::parse(const std::string& text, const SourcePosition& position,
                                     const std::vector<std::string>& known) {
  if (text.size() > kLongest)
    throw UserError(position, "a size of more than " + std::to_string(kLongest) + " characters");
  SizeExpression result;
  result.term_ = Parser(text, position, known).whole();
  return result;
}

SizeExpression SizeExpression::constant(int64_t number) {
  auto term = std::make_shared<Term>();
  term->number = number;
  SizeExpression result;
  result.term_ = std::move(term);
  return result;
}

Choice SizeExpression::evaluate(const Lookup& lookup) const { return evaluate_term(*term_, lookup); }

}  // namespace nacre
