#include "nacre/study/artifacts.hpp"

#include <algorithm>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/hash.hpp"

namespace nacre {

std::string ArtifactFolder::name_of(std::string_view content, std::string_view extension) {
  return hash_text(content).hex() + std::string(extension);
}

std::string ArtifactFolder::put(std::string_view content, std::string_view extension) const {
  std::string name = name_of(content, extension);
  if (!contains(name)) write_file_atomically(path(name), content);
  return name;
}

std::filesystem::path ArtifactFolder::path(const std::string& name) const {
  if (name.empty() || name.find('/') != std::string::npos || name.starts_with('.')) {
    throw UserError("'" + name + "' is no name of an artifact; expected 32 hexadecimal digits and an extension");
  }
  return folder_ / name;
}

std::string ArtifactFolder::get(const std::string& name) const {
  const std::filesystem::path file = path(name);
  if (!contains(name))
    throw UserError("the artifact '" + file.string() + "' is missing; restore it from a copy of the study");
  std::string content = read_file(file);
  if (!name.starts_with(hash_text(content).hex())) {
    throw UserError("the artifact '" + file.string() + "' is damaged: its content does not match its name");
  }
  return content;
}

bool ArtifactFolder::contains(const std::string& name) const { return std::filesystem::is_regular_file(path(name)); }

std::vector<std::string> ArtifactFolder::unregistered(Store& store) const {
  std::set<std::string> known;
  for (const Artifact& artifact : store.artifacts()) known.insert(artifact.name);
  std::vector<std::string> result;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename();
    if (entry.is_regular_file() && !known.contains(name)) result.push_back(name);
  }
  std::ranges::sort(result);
  return result;
}

}  // namespace nacre
