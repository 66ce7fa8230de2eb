#include "nacre/bench/csv_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/data/csv_scanner.hpp"

namespace nacre {

size_t CsvTable::column(const std::string& name) const {
  const auto found = std::ranges::find(names_, name);
  if (found == names_.end()) throw UserError(unknown_name_message("column of '" + origin_ + "'", name, names_));
  return static_cast<size_t>(found - names_.begin());
}

std::optional<double> CsvTable::number(size_t row, size_t column) const {
  double value = 0;
  if (!parse_csv_number(rows_[row][column], value)) return std::nullopt;
  return value;
}

CsvTable CsvTable::joined(const CsvTable& other, const std::string& key) const {
  const size_t own_key = column(key), other_key = other.column(key);
  std::vector<size_t> taken;
  CsvTable result(origin_ + " and " + other.origin_, names_);
  for (size_t i = 0; i < other.names_.size(); ++i) {
    if (std::ranges::find(names_, other.names_[i]) != names_.end()) continue;
    taken.push_back(i);
    result.names_.push_back(other.names_[i]);
  }
  std::unordered_map<std::string, size_t> rows;
  for (size_t i = 0; i < other.rows(); ++i) {
    if (!rows.emplace(other.rows_[i][other_key], i).second)
      throw UserError(fmt::format("'{}' has two rows with {} = {}", other.origin_, key, other.rows_[i][other_key]));
  }
  for (const std::vector<std::string>& row : rows_) {
    const auto found = rows.find(row[own_key]);
    if (found == rows.end()) continue;
    std::vector<std::string> both = row;
    for (const size_t i : taken) both.push_back(other.rows_[found->second][i]);
    result.rows_.push_back(std::move(both));
  }
  return result;
}

CsvTable read_csv_table(const std::filesystem::path& path) {
  const std::string text = read_possibly_gzipped_file(path, uint64_t{1} << 30);
  std::optional<CsvTable> table;
  scan_csv(text, detect_csv_separator(text), path.string(), [&](const CsvRow& row) {
    std::vector<std::string> fields(row.fields.begin(), row.fields.end());
    if (!table) {
      table.emplace(path.string(), std::move(fields));
      return true;
    }
    if (fields.size() != table->names().size()) {
      throw UserError({path.string(), row.line, 0}, fmt::format("expected {} fields as in the header, found {}",
                                                                table->names().size(), fields.size()));
    }
    table->add(std::move(fields));
    return true;
  });
  if (!table) throw UserError("'" + path.string() + "' is empty");
  return std::move(*table);
}

}  // namespace nacre
