// A CSV file with a header as columns of texts and numbers: published tables of networks, accuracies and latencies.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/hash.hpp"

namespace nacre {

class CsvTable {
 public:
  // The whole text of a file, plain; `origin` names it in messages. UserError for an empty one or rows of uneven length.
  CsvTable(std::string text, std::string origin);

  size_t rows() const { return names_.empty() ? 0 : cells_.size() / names_.size(); }
  const std::vector<std::string>& names() const { return names_; }
  const std::string& origin() const { return origin_; }
  const Hash128& content_hash() const { return content_hash_; }  // of the text; of both after joined()
  // Position of a column; UserError with the nearest names.
  size_t column(const std::string& name) const;
  // Valid as long as this table, or one joined from it, lives.
  std::string_view text(size_t row, size_t column) const { return cells_[row * names_.size() + column]; }
  // Nothing where the cell is empty or no number.
  std::optional<double> number(size_t row, size_t column) const;
  // Rows of both with the same text under `key`, in the order of this one; columns that both have are taken from this one.
  CsvTable joined(const CsvTable& other, const std::string& key) const;

 private:
  struct Text {
    std::string file;
    std::deque<std::string> unquoted;  // fields that are no part of the file as they stand
  };

  CsvTable() = default;
  void read(Text& text);

  std::string origin_;
  std::vector<std::string> names_;
  std::vector<std::string_view> cells_;  // row by row, into texts_
  std::vector<std::shared_ptr<const Text>> texts_;
  Hash128 content_hash_;
};

// Plain or gzip. UserError for an unreadable file or rows of uneven length.
CsvTable read_csv_table(const std::filesystem::path& path);

}  // namespace nacre
