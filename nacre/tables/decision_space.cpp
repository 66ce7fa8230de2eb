#include "nacre/tables/decision_space.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/data/csv_scanner.hpp"

namespace nacre {

DecisionSpace::DecisionSpace(std::string name, std::vector<Factor> factors)
    : name_(std::move(name)), factors_(std::move(factors)) {
  for (const Factor& factor : factors_) {
    NACRE_CHECK(factor.numbers.empty() != factor.words.empty(), "alternatives, as numbers or as words");
    NACRE_CHECK(std::ranges::is_sorted(factor.numbers), "ascending numbers");
  }
}

Design DecisionSpace::build(Chooser& choose) const {
  for (const Factor& factor : factors_) {
    if (factor.numbers.size() > 1) {
      static_cast<void>(choose.pick_real(factor.key, factor.numbers));
    } else if (factor.words.size() > 1) {
      static_cast<void>(choose.pick_word(factor.key, factor.words));
    }
  }
  return {};
}

int64_t DecisionSpace::index_of(size_t factor, std::string_view text) const {
  const Factor& of = factors_.at(factor);
  double number = 0;
  if (!of.numbers.empty() && parse_csv_number(text, number)) {
    const auto found = std::ranges::lower_bound(of.numbers, number);
    if (found != of.numbers.end() && *found == number) return found - of.numbers.begin();
  }
  const auto found = std::ranges::find(of.words, text);
  if (found == of.words.end()) throw UserError(fmt::format("'{}' is no alternative of decision '{}'", text, of.key));
  return found - of.words.begin();
}

}  // namespace nacre
