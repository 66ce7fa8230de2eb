#include "nacre/data/data_paths.hpp"

#include <algorithm>
#include <cstdlib>

namespace nacre {
namespace {

namespace fs = std::filesystem;

fs::path existing(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path, error)) return path;
  fs::path zipped = path;
  zipped += ".gz";
  return fs::exists(zipped, error) ? zipped : fs::path();
}

}  // namespace

DataPaths::DataPaths(fs::path configuration_folder) {
  if (configuration_folder.empty()) configuration_folder = ".";
  const auto add = [&](const fs::path& root) {
    const fs::path normal = fs::absolute(root).lexically_normal();
    if (std::ranges::find(roots_, normal) == roots_.end()) roots_.push_back(normal);
  };
  add(configuration_folder);
  const char* variable = std::getenv("NACRE_DATA");
  if (variable != nullptr && *variable != '\0') add(variable);
  for (const fs::path& base : {configuration_folder, configuration_folder / "..", fs::path(".")}) {
    for (const char* folder : {"data", "../data", "../shared/data"}) add(base / folder);
  }
}

DataPaths DataPaths::of_roots(std::vector<fs::path> roots) {
  DataPaths paths;
  paths.roots_ = std::move(roots);
  return paths;
}

fs::path DataPaths::find(const std::string& written, const SourcePosition& position) const {
  if (written.empty()) throw UserError(position, "expected the path of a file or folder, found ''");
  if (fs::path(written).is_absolute()) {
    if (fs::path found = existing(written); !found.empty()) return found;
    throw UserError(position, "no such file or folder: '" + written + "'");
  }
  std::string places;
  for (const fs::path& root : roots_) {
    if (fs::path found = existing(root / written); !found.empty()) return found.lexically_normal();
    std::error_code error;
    if (fs::is_directory(root, error)) places += (places.empty() ? "" : ", ") + root.string();
  }
  throw UserError(position, "cannot find '" + written + "'; looked in " + places +
                                "; give a full path or set NACRE_DATA to the folder that holds it");
}

}  // namespace nacre
