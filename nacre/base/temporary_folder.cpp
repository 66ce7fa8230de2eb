#include "nacre/base/temporary_folder.hpp"

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "nacre/base/error.hpp"

namespace nacre {

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "nacre-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw UserError("cannot make a temporary folder '" + pattern + "': " + std::strerror(errno));
  }
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace nacre
