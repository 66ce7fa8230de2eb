// A folder in the system's place for temporary files that goes away with its owner.
#pragma once

#include <filesystem>

namespace nacre {

class TemporaryFolder {
 public:
  TemporaryFolder();  // UserError when none can be made
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace nacre
