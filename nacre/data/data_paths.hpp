// Where a data file named in a configuration lies: beside the configuration, in $NACRE_DATA, or in the usual folders.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nacre/base/error.hpp"

namespace nacre {

class DataPaths {
 public:
  // Looks in, in this order: `configuration_folder`, $NACRE_DATA, then data/, ../data/ and ../shared/data/ of both the
  // configuration's folder, the folder above it, and the working folder.
  explicit DataPaths(std::filesystem::path configuration_folder = ".");
  // Only these.
  static DataPaths of_roots(std::vector<std::filesystem::path> roots);

  // The existing file or folder meant by `written`; "name.gz" is found for "name" too. UserError at `position` that lists
  // where it looked.
  std::filesystem::path find(const std::string& written, const SourcePosition& position = {}) const;
  const std::vector<std::filesystem::path>& roots() const { return roots_; }

 private:
  std::vector<std::filesystem::path> roots_;
};

}  // namespace nacre
