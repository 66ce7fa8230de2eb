// The files of a study that are too large for its record: weights, models. Named by their content, so that a name says
// what is inside, writing twice is harmless, and a shared folder serves many machines. Names are registered in the Store.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/study/store.hpp"

namespace nacre {

class ArtifactFolder {
 public:
  explicit ArtifactFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& folder() const { return folder_; }
  // "<32 hexadecimal digits of the content's hash><extension>", e.g. extension ".nacrew".
  static std::string name_of(std::string_view content, std::string_view extension);
  // Writes the content (atomically) unless it is there, and returns its name.
  std::string put(std::string_view content, std::string_view extension) const;
  // UserError for a name that is no artefact name (a path out of the folder).
  std::filesystem::path path(const std::string& name) const;
  // The content; UserError when the file is missing or is not what its name says.
  std::string get(const std::string& name) const;
  bool contains(const std::string& name) const;
  // Files that `store` does not know: left by a process that was killed before it told. Sorted.
  std::vector<std::string> unregistered(Store& store) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace nacre
