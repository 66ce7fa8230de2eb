#include "nacre/study/machine.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <thread>

#include "nacre/base/error.hpp"

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

int64_t usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

std::string MachineFacts::numerics_class() const {
  std::string text = cpu_model + "; " + cpu_capability;
  for (const auto& [name, value] : numerics) text += fmt::format("; {} {}", name, value);
  for (const auto& [name, value] : decisions) text += fmt::format("; {} {}", name, value.dump());
  return text;
}

MachineFacts read_machine_facts() {
  MachineFacts facts;
  facts.cpu_model = cpuinfo_value("model name");
  if (facts.cpu_model.empty()) facts.cpu_model = cpuinfo_value("CPU part");
  facts.cpu_capability = widest_vector_extension();
  facts.logical_cpus = usable_cpus();
  utsname names{};
  if (uname(&names) == 0) {
    facts.host = names.nodename;
    facts.operating_system = fmt::format("{} {} {}", names.sysname, names.release, names.machine);
  }
  facts.memory_bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  return facts;
}

Json to_json(const MachineFacts& facts) {
  Json json{{"cpu_model", facts.cpu_model},
            {"cpu_capability", facts.cpu_capability},
            {"logical_cpus", facts.logical_cpus},
            {"numerics", Json::object()},
            {"decisions", Json::object()},
            {"host", facts.host},
            {"operating_system", facts.operating_system},
            {"memory_bytes", facts.memory_bytes}};
  for (const auto& [name, value] : facts.numerics) json["numerics"][name] = value;
  for (const auto& [name, value] : facts.decisions) json["decisions"][name] = value;
  return json;
}

MachineFacts machine_facts_from_json(const Json& json) {
  try {
    MachineFacts facts;
    facts.cpu_model = json.at("cpu_model").get<std::string>();
    facts.cpu_capability = json.at("cpu_capability").get<std::string>();
    facts.logical_cpus = json.at("logical_cpus").get<int64_t>();
    for (const auto& [name, value] : json.at("numerics").items()) facts.numerics[name] = value.get<std::string>();
    for (const auto& [name, value] : json.at("decisions").items()) facts.decisions[name] = value;
    facts.host = json.value("host", "");
    facts.operating_system = json.value("operating_system", "");
    facts.memory_bytes = json.value("memory_bytes", int64_t{0});
    return facts;
  } catch (const Json::exception& error) {
    throw UserError("malformed machine facts: " + std::string(error.what()));
  }
}

std::vector<std::string> machine_differences(const MachineFacts& stored, const MachineFacts& current) {
  std::vector<std::string> lines;
  const auto compare = [&lines](std::string_view name, const std::string& then, const std::string& now) {
    if (then != now) lines.push_back(fmt::format("{}: '{}' then, '{}' now", name, then, now));
  };
  compare("cpu_model", stored.cpu_model, current.cpu_model);
  compare("cpu_capability", stored.cpu_capability, current.cpu_capability);
  compare("logical_cpus", std::to_string(stored.logical_cpus), std::to_string(current.logical_cpus));
  std::map<std::string, std::pair<std::string, std::string>> numerics;
  for (const auto& [name, value] : stored.numerics) numerics[name].first = value;
  for (const auto& [name, value] : current.numerics) numerics[name].second = value;
  for (const auto& [name, values] : numerics) compare(name, values.first, values.second);
  return lines;
}

void check_same_machine(const MachineFacts& stored, const MachineFacts& current, bool allow_other_machine) {
  const std::vector<std::string> differences = machine_differences(stored, current);
  if (differences.empty() || allow_other_machine) return;
  throw UserError(fmt::format(
      "the study was made on another machine ({}); its numbers would not be comparable; resume it there, or give "
      "--allow-other-machine to go on here",
      fmt::join(differences, "; ")));
}

}  // namespace nacre
