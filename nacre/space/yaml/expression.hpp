// Sizes as users write them: numbers, names, + - * /, parentheses and make_divisible(x, 8).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/error.hpp"
#include "nacre/space/choice.hpp"

namespace nacre {

class SizeExpression {
 public:
  using Lookup = std::function<Choice(std::string_view name)>;

  // Parses `text`; names other than `known` are a UserError with the nearest one. Columns are counted from `position`.
  static SizeExpression parse(const std::string& text, const SourcePosition& position,
                              const std::vector<std::string>& known);
  static SizeExpression constant(int64_t number);

  // `lookup` is asked for the names that were known.
  Choice evaluate(const Lookup& lookup) const;

  struct Term;  // a tree; private to the source

 private:
  std::shared_ptr<const Term> term_;
};

}  // namespace nacre
