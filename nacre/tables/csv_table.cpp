#include "nacre/tables/csv_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/data/csv_scanner.hpp"

namespace nacre {

CsvTable::CsvTable(std::string text, std::string origin) : origin_(std::move(origin)) {
  const auto kept = std::make_shared<Text>();
  kept->file = std::move(text);
  content_hash_ = hash_text(kept->file);
  read(*kept);
  texts_.push_back(kept);
}

void CsvTable::read(Text& text) {
  const char* begin = text.file.data();
  const char* end = begin + text.file.size();
  bool header = true;
  scan_csv(text.file, detect_csv_separator(text.file), origin_, [&](const CsvRow& row) {
    if (header) {
      names_.assign(row.fields.begin(), row.fields.end());
      header = false;
      return true;
    }
    if (row.fields.size() != names_.size()) {
      throw UserError({origin_, row.line, 0},
                      fmt::format("expected {} fields as in the header, found {}", names_.size(), row.fields.size()));
    }
    for (const std::string_view field : row.fields) {
      const bool in_file =
          field.empty() || (std::less_equal<>()(begin, field.data()) && std::less<>()(field.data(), end));
      cells_.push_back(in_file ? field : std::string_view(text.unquoted.emplace_back(field)));
    }
    return true;
  });
  if (header) throw UserError("'" + origin_ + "' is empty");
}

size_t CsvTable::column(const std::string& name) const {
  const auto found = std::ranges::find(names_, name);
  if (found == names_.end()) throw UserError(unknown_name_message("column of '" + origin_ + "'", name, names_));
  return static_cast<size_t>(found - names_.begin());
}

std::optional<double> CsvTable::number(size_t row, size_t column) const {
  double value = 0;
  if (!parse_csv_number(text(row, column), value)) return std::nullopt;
  return value;
}

CsvTable CsvTable::joined(const CsvTable& other, const std::string& key) const {
  const size_t own_key = column(key), other_key = other.column(key);
  CsvTable result;
  result.origin_ = origin_ + " and " + other.origin_;
  result.names_ = names_;
  result.texts_ = texts_;
  result.texts_.insert(result.texts_.end(), other.texts_.begin(), other.texts_.end());
  result.content_hash_ = hash_combine(content_hash_, other.content_hash_);
  std::vector<size_t> taken;
  for (size_t i = 0; i < other.names_.size(); ++i) {
    if (std::ranges::find(names_, other.names_[i]) != names_.end()) continue;
    taken.push_back(i);
    result.names_.push_back(other.names_[i]);
  }
  std::unordered_map<std::string_view, size_t> rows;
  for (size_t i = 0; i < other.rows(); ++i) {
    if (!rows.emplace(other.text(i, other_key), i).second)
      throw UserError(fmt::format("'{}' has two rows with {} = {}", other.origin_, key, other.text(i, other_key)));
  }
  for (size_t row = 0; row < this->rows(); ++row) {
    const auto found = rows.find(text(row, own_key));
    if (found == rows.end()) continue;
    for (size_t i = 0; i < names_.size(); ++i) result.cells_.push_back(text(row, i));
    for (const size_t i : taken) result.cells_.push_back(other.text(found->second, i));
  }
  return result;
}

CsvTable read_csv_table(const std::filesystem::path& path) {
  return CsvTable(read_possibly_gzipped_file(path, uint64_t{1} << 30), path.string());
}

}  // namespace nacre
