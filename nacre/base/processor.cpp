#include "nacre/base/processor.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <thread>

namespace nacre {
namespace {

// Value of the first line "key : value" of /proc/cpuinfo, "" when absent.
std::string cpuinfo_value(std::string_view key) {
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t end = line.find_last_not_of(" \t", colon == 0 ? 0 : colon - 1);
    if (end == std::string::npos || line.substr(0, end + 1) != key) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

}  // namespace

std::string processor_model() {
  std::string model = cpuinfo_value("model name");
  return model.empty() ? cpuinfo_value("CPU part") : model;
}

std::string widest_vector_extension() {
  struct Level {
    std::string_view flag;
    std::string_view name;
  };
  constexpr std::array<Level, 7> kLevels{{{"amx_tile", "amx"},
                                          {"avx512f", "avx512"},
                                          {"avx2", "avx2"},
                                          {"avx", "avx"},
                                          {"sse4_2", "sse4.2"},
                                          {"sve", "sve"},
                                          {"asimd", "neon"}}};
  std::string flags = cpuinfo_value("flags");
  if (flags.empty()) flags = cpuinfo_value("Features");
  flags = " " + flags + " ";
  for (const auto& [flag, name] : kLevels) {
    if (flags.find(" " + std::string(flag) + " ") != std::string::npos) return std::string(name);
  }
  return "baseline";
}

int64_t usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace nacre
