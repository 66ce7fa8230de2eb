#include "nacre/study/machine.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/base/processor.hpp"

namespace nacre {

std::string MachineFacts::numerics_class() const {
  std::string text = cpu_model + "; " + cpu_capability;
  for (const auto& [name, value] : numerics) text += fmt::format("; {} {}", name, value);
  for (const auto& [name, value] : decisions)
    text += fmt::format("; {} {}", name, value.dump(-1, ' ', false, Json::error_handler_t::replace));
  return text;
}

MachineFacts read_machine_facts() {
  MachineFacts facts;
  facts.cpu_model = processor_model();
  facts.cpu_capability = widest_vector_extension();
  facts.logical_cpus = usable_processors();
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
