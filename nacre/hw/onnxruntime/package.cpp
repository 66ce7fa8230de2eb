#include "nacre/hw/onnxruntime/package.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr const char* kBelow = "onnxruntime/node_modules/onnxruntime-node";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<std::filesystem::path> usual_places() {
  std::vector<std::filesystem::path> places;
  if (const std::string folder = variable("NACRE_ONNXRUNTIME"); !folder.empty()) places.emplace_back(folder);
  places.push_back(std::filesystem::path("build") / kBelow);
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty())
    places.push_back(std::filesystem::path(cache) / "nacre" / kBelow);
  if (const std::string home = variable("HOME"); !home.empty())
    places.push_back(std::filesystem::path(home) / ".cache/nacre" / kBelow);
  return places;
}

}  // namespace

std::filesystem::path find_onnxruntime_package(const std::filesystem::path& given) {
  std::string looked;
  const auto places = given.empty() ? usual_places() : std::vector<std::filesystem::path>{given};
  for (const std::filesystem::path& place : places) {
    if (std::filesystem::exists(place / "package.json")) return std::filesystem::absolute(place).lexically_normal();
    looked += (looked.empty() ? "" : ", ") + place.string();
  }
  throw UserError(fmt::format(
      "there is no onnxruntime-node in {}; install it with scripts/install_onnxruntime, or name its folder", looked));
}

}  // namespace nacre
