#include "nacre/tables/factor_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "nacre/base/error.hpp"

namespace nacre {

std::shared_ptr<const DecisionSpace> decision_space_of(const std::string& name, const CsvTable& table,
                                                       const std::vector<std::string>& columns) {
  std::vector<DecisionSpace::Factor> factors;
  for (const std::string& column : columns) {
    const size_t position = table.column(column);
    DecisionSpace::Factor factor{column, {}, {}};
    std::unordered_set<std::string_view> seen;
    bool numbers = true;
    for (size_t row = 0; row < table.rows(); ++row) {
      const std::string_view text = table.text(row, position);
      if (text.empty())
        throw UserError(
            fmt::format("'{}': row {} says nothing in column {}, which is a decision", table.origin(), row, column));
      if (!seen.insert(text).second) continue;
      factor.words.emplace_back(text);
      const std::optional<double> number = table.number(row, position);
      numbers = numbers && number.has_value();
      if (number) factor.numbers.push_back(*number);
    }
    if (numbers) {
      factor.words.clear();
      std::ranges::sort(factor.numbers);
      factor.numbers.erase(std::ranges::unique(factor.numbers).begin(), factor.numbers.end());
    } else {
      factor.numbers.clear();
    }
    if (seen.empty()) throw UserError(fmt::format("'{}' has no rows", table.origin()));
    factors.push_back(std::move(factor));
  }
  return std::make_shared<const DecisionSpace>(name, std::move(factors));
}

std::vector<Decisions> factor_decisions(const DecisionSpace& space, const CsvTable& table,
                                        const std::vector<std::string>& columns) {
  std::vector<size_t> positions;
  for (const std::string& column : columns) positions.push_back(table.column(column));
  std::vector<Decisions> rows;
  rows.reserve(table.rows());
  for (size_t row = 0; row < table.rows(); ++row) {
    std::vector<Decision> items;
    for (size_t i = 0; i < columns.size(); ++i) {
      const DecisionSpace::Factor& factor = space.factors()[i];
      if (factor.numbers.size() + factor.words.size() < 2) continue;  // what has one alternative is no decision
      items.push_back({columns[i], space.index_of(i, table.text(row, positions[i]))});
    }
    rows.emplace_back(std::move(items));
  }
  return rows;
}

}  // namespace nacre
