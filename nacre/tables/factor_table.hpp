// Rows of a CSV file whose decisions are columns of the file itself.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nacre/tables/csv_table.hpp"
#include "nacre/tables/decision_space.hpp"

namespace nacre {

// A space with a decision for each of `columns`, its alternatives what stands in the column: numbers in ascending order when all are,
// else words in the order of appearance. UserError for an empty cell.
std::shared_ptr<const DecisionSpace> decision_space_of(const std::string& name, const CsvTable& table,
                                                       const std::vector<std::string>& columns);
// The decisions of every row.
std::vector<Decisions> factor_decisions(const DecisionSpace& space, const CsvTable& table,
                                        const std::vector<std::string>& columns);

}  // namespace nacre
