// Genuine files of other tools, where the shared data are at hand.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace nacre::test {

inline std::optional<std::filesystem::path> shared_data(const std::string& folder) {
  const char* given = std::getenv("NACRE_DATA");
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  for (const std::filesystem::path& root :
       {std::filesystem::path(given != nullptr ? given : ""),
        std::filesystem::path(source != nullptr ? source : ".") / "../shared/data"}) {
    if (!root.empty() && std::filesystem::is_directory(root / folder)) return root / folder;
  }
  return std::nullopt;
}

// Rows of a table without quoted cells, by column.
inline std::vector<std::map<std::string, std::string>> csv_rows(const std::filesystem::path& path) {
  std::ifstream stream(path);
  std::vector<std::string> columns;
  std::vector<std::map<std::string, std::string>> rows;
  for (std::string line; std::getline(stream, line);) {
    std::vector<std::string> cells;
    std::istringstream cut(line);
    for (std::string cell; std::getline(cut, cell, ',');) cells.push_back(cell);
    if (columns.empty()) {
      columns = cells;
      continue;
    }
    std::map<std::string, std::string> row;
    for (size_t i = 0; i < columns.size() && i < cells.size(); ++i) row[columns[i]] = cells[i];
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace nacre::test
