// A CSV file with a header as columns of texts and numbers: published tables of networks, accuracies and latencies.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace nacre {

class CsvTable {
 public:
  CsvTable(std::string origin, std::vector<std::string> names) : origin_(std::move(origin)), names_(std::move(names)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  size_t rows() const { return rows_.size(); }
  const std::vector<std::string>& names() const { return names_; }
  // Position of a column; UserError with the nearest names.
  size_t column(const std::string& name) const;
  const std::string& text(size_t row, size_t column) const { return rows_[row][column]; }
  // Nothing where the cell is empty or no number.
  std::optional<double> number(size_t row, size_t column) const;
  // Rows of both with the same text under `key`, in the order of this one; columns that both have are taken from this one.
  CsvTable joined(const CsvTable& other, const std::string& key) const;

 private:
  std::string origin_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::string>> rows_;
};

// Plain or gzip. UserError for an unreadable file or rows of uneven length.
CsvTable read_csv_table(const std::filesystem::path& path);

}  // namespace nacre
