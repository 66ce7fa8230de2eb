#include "nacre/ir/dim_expression.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <vector>

namespace nacre {
namespace {

constexpr size_t kMaximumTerms = 16;
constexpr size_t kMaximumText = 256;
constexpr int kMaximumDepth = 32;

// coefficient * atoms[0] * atoms[1] ...; atoms are identifiers or parenthesised quotients, sorted.
struct Term {
  int64_t coefficient = 0;
  std::vector<std::string> atoms;
};

// Sum of terms, sorted by atoms, no two alike, none of coefficient 0. Empty: the number 0.
using Polynomial = std::vector<Term>;
using Maybe = std::optional<Polynomial>;

Polynomial number(int64_t value) { return value == 0 ? Polynomial{} : Polynomial{{value, {}}}; }

std::optional<int64_t> as_number(const Polynomial& p) {
  if (p.empty()) return 0;
  if (p.size() == 1 && p[0].atoms.empty()) return p[0].coefficient;
  return std::nullopt;
}

int64_t floor_divide(int64_t a, int64_t b) { return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0); }

Maybe normalized(Polynomial terms) {
  std::ranges::sort(terms, {}, &Term::atoms);
  Polynomial result;
  for (Term& term : terms) {
    if (!result.empty() && result.back().atoms == term.atoms) {
      if (__builtin_add_overflow(result.back().coefficient, term.coefficient, &result.back().coefficient))
        return std::nullopt;
    } else {
      result.push_back(std::move(term));
    }
  }
  std::erase_if(result, [](const Term& term) { return term.coefficient == 0; });
  if (result.size() > kMaximumTerms) return std::nullopt;
  return result;
}

Maybe add(Polynomial a, const Polynomial& b) {
  a.insert(a.end(), b.begin(), b.end());
  return normalized(std::move(a));
}

Maybe multiply(const Polynomial& a, const Polynomial& b) {
  Polynomial result;
  for (const Term& x : a) {
    for (const Term& y : b) {
      Term term = x;
      if (__builtin_mul_overflow(x.coefficient, y.coefficient, &term.coefficient)) return std::nullopt;
      term.atoms.insert(term.atoms.end(), y.atoms.begin(), y.atoms.end());
      std::ranges::sort(term.atoms);
      result.push_back(std::move(term));
    }
  }
  return normalized(std::move(result));
}

Maybe subtract(Polynomial a, const Polynomial& b) {
  const Maybe negative = multiply(b, number(-1));
  return negative ? add(std::move(a), *negative) : std::nullopt;
}

std::string print_term(const Term& term, int64_t magnitude) {
  if (term.atoms.empty()) return std::to_string(magnitude);
  // A quotient standing alone needs no parentheses of its own: "(h-1)/2+1".
  if (magnitude == 1 && term.atoms.size() == 1 && term.atoms[0].front() == '(') {
    return term.atoms[0].substr(1, term.atoms[0].size() - 2);
  }
  std::string text = magnitude == 1 ? "" : std::to_string(magnitude) + "*";
  for (size_t i = 0; i < term.atoms.size(); ++i) text += (i == 0 ? "" : "*") + term.atoms[i];
  return text;
}

// Positive terms first, numbers last: "past+1", "8-past".
std::string print(const Polynomial& p) {
  if (p.empty()) return "0";
  std::string text;
  for (const bool positive : {true, false}) {
    for (const bool constant : {false, true}) {
      for (const Term& term : p) {
        if ((term.coefficient > 0) != positive || term.atoms.empty() != constant) continue;
        if (!positive)
          text += '-';
        else if (!text.empty())
          text += '+';
        text += print_term(term, positive ? term.coefficient : -term.coefficient);
      }
    }
  }
  return text;
}

// p / q as one monomial division when q divides every term; nothing otherwise.
Maybe divide_exactly(const Polynomial& p, const Term& q) {
  Polynomial result;
  for (Term term : p) {
    if (term.coefficient % q.coefficient != 0) return std::nullopt;
    term.coefficient /= q.coefficient;
    for (const std::string& atom : q.atoms) {
      const auto found = std::ranges::find(term.atoms, atom);
      if (found == term.atoms.end()) return std::nullopt;
      term.atoms.erase(found);
    }
    result.push_back(std::move(term));
  }
  return normalized(std::move(result));
}

Maybe divide(const Polynomial& p, const Polynomial& q) {
  if (q.empty()) return std::nullopt;
  if (q.size() == 1) {
    if (Maybe exact = divide_exactly(p, q[0])) return exact;
  }
  Polynomial whole;
  Polynomial rest = p;
  if (const std::optional<int64_t> k = as_number(q)) {
    // floor((k x + r) / k) = x + floor(r / k)
    rest.clear();
    for (const Term& term : p) {
      if (term.atoms.empty()) {
        const int64_t quotient = floor_divide(term.coefficient, *k);
        if (quotient != 0) whole.push_back({quotient, {}});
        if (term.coefficient != quotient * *k) rest.push_back({term.coefficient - quotient * *k, {}});
      } else if (term.coefficient % *k == 0) {
        whole.push_back({term.coefficient / *k, term.atoms});
      } else {
        rest.push_back(term);
      }
    }
    if (const std::optional<int64_t> remainder = as_number(rest))
      return add(std::move(whole), number(floor_divide(*remainder, *k)));
  }
  const std::string above = rest.size() > 1 || rest[0].coefficient < 0 ? "(" + print(rest) + ")" : print(rest);
  const std::string below = as_number(q).has_value() ? print(q) : "(" + print(q) + ")";
  return add(std::move(whole), Polynomial{{1, {"(" + above + "/" + below + ")"}}});
}

class Parser {
 public:
  Parser(std::string_view text, const SymbolBindings& bindings) : text_(text), bindings_(bindings) {}

  Maybe parse() {
    if (text_.size() > kMaximumText) return std::nullopt;
    Maybe result = sum(0);
    skip_spaces();
    return at_ == text_.size() ? result : std::nullopt;
  }

 private:
  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(char c) {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Maybe sum(int depth) {
    if (depth > kMaximumDepth) return std::nullopt;
    const bool negative = take('-');
    Maybe left = product(depth);
    if (negative && left) left = multiply(*left, number(-1));
    while (left) {
      const bool plus = take('+');
      if (!plus && !take('-')) break;
      const Maybe right = product(depth);
      if (!right) return std::nullopt;
      left = plus ? add(std::move(*left), *right) : subtract(std::move(*left), *right);
    }
    return left;
  }

  Maybe product(int depth) {
    Maybe left = atom(depth);
    while (left) {
      const bool times = take('*');
      if (!times && !take('/')) break;
      const Maybe right = atom(depth);
      if (!right) return std::nullopt;
      left = times ? multiply(*left, *right) : divide(*left, *right);
    }
    return left;
  }

  Maybe atom(int depth) {
    if (take('(')) {
      Maybe inner = sum(depth + 1);
      return take(')') ? inner : std::nullopt;
    }
    const size_t begin = at_;
    const auto is_word = [&](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == ':';
    };
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word.empty()) return std::nullopt;
    if (std::isdigit(static_cast<unsigned char>(word[0])) != 0) {
      int64_t value = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
      if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
      return number(value);
    }
    const auto bound = bindings_.find(word);
    if (bound != bindings_.end()) return number(bound->second);
    return Polynomial{{1, {std::string(word)}}};
  }

  std::string_view text_;
  const SymbolBindings& bindings_;
  size_t at_ = 0;
};

Maybe parse(std::string_view text, const SymbolBindings& bindings = {}) {
  // A whole name may be bound even where it is no expression ("Resize_0 dim 2").
  const auto bound = bindings.find(text);
  if (bound != bindings.end()) return number(bound->second);
  return Parser(text, bindings).parse();
}

Maybe combine(const Maybe& a, char operation, const Maybe& b) {
  if (!a || !b) return std::nullopt;
  switch (operation) {
    case '+': return add(*a, *b);
    case '-': return subtract(*a, *b);
    case '*': return multiply(*a, *b);
    default: return divide(*a, *b);
  }
}

Dim combine_dims(Graph& graph, Dim a, char operation, Dim b) {
  if (a.is_unknown() || b.is_unknown()) return {};
  const auto read = [&](Dim dim) {
    return dim.is_fixed() ? Maybe(number(dim.extent())) : parse(graph.symbol_name(dim));
  };
  const Maybe result = combine(read(a), operation, read(b));
  if (!result) return {};
  if (const std::optional<int64_t> value = as_number(*result)) return *value >= 0 ? Dim(*value) : Dim();
  const std::string text = print(*result);
  return text.size() > kMaximumText ? Dim() : graph.symbol(text);
}

}  // namespace

Dim add_dims(Graph& graph, Dim a, Dim b) {
  if (b == Dim(0)) return a;
  if (a == Dim(0)) return b;
  return combine_dims(graph, a, '+', b);
}

Dim subtract_dims(Graph& graph, Dim a, Dim b) { return b == Dim(0) ? a : combine_dims(graph, a, '-', b); }

Dim multiply_dims(Graph& graph, Dim a, Dim b) {
  if (b == Dim(1)) return a;
  if (a == Dim(1)) return b;
  if (a == Dim(0) || b == Dim(0)) return Dim(0);
  return combine_dims(graph, a, '*', b);
}

Dim divide_dims(Graph& graph, Dim a, Dim b) { return b == Dim(1) ? a : combine_dims(graph, a, '/', b); }

std::optional<std::string> combine_dim_expressions(std::string_view a, char operation, std::string_view b) {
  const Maybe result = combine(parse(a), operation, parse(b));
  if (!result) return std::nullopt;
  std::string text = print(*result);
  if (text.size() > kMaximumText) return std::nullopt;
  return text;
}

std::optional<int64_t> evaluate_dim_expression(std::string_view expression, const SymbolBindings& bindings) {
  const Maybe result = parse(expression, bindings);
  return result ? as_number(*result) : std::nullopt;
}

std::string bind_dim_expression(std::string_view expression, const SymbolBindings& bindings) {
  const Maybe result = parse(expression, bindings);
  return result ? print(*result) : std::string(expression);
}

}  // namespace nacre
