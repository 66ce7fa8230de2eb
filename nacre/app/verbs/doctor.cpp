// nacre doctor: what this machine offers and what is wrong with it.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/json.hpp"
#include "nacre/data/data_paths.hpp"
#include "nacre/nn/torch_compat.hpp"
#include "nacre/study/machine.hpp"

namespace nacre {
namespace {

struct Check {
  std::string name;
  std::string value;
  std::string problem;  // "" when it is well; else what to do
};

std::vector<Check> run_checks() {
  const MachineFacts machine = read_machine_facts();
  std::vector<Check> checks = {
      {"nacre", NACRE_VERSION, ""},
      {"processor", machine.cpu_model, ""},
      {"vector extension", machine.cpu_capability, ""},
      {"logical processors", std::to_string(machine.logical_cpus), ""},
      {"memory", fmt::format("{:.1f} GiB", static_cast<double>(machine.memory_bytes) / (1 << 30)), ""},
      {"operating system", machine.operating_system, ""}};
  checks.push_back({"libtorch", torch_version(), ""});
  checks.push_back({"bfloat16 in hardware", has_fast_bf16(Device::cpu) ? "yes" : "no", ""});
  checks.push_back({"CUDA device", device_available(Device::cuda) ? device_description(Device::cuda) : "none", ""});
  const BlasReport blas = check_blas();
  checks.push_back({"BLAS", fmt::format("{:.1f} GFLOP/s on one thread ({})", blas.gflops, blas.library),
                    blas.slow ? blas.advice : ""});
  std::string roots;
  const DataPaths paths;
  for (const std::filesystem::path& root : paths.roots()) {
    if (std::filesystem::is_directory(root)) roots += (roots.empty() ? "" : ", ") + root.string();
  }
  checks.push_back({"data folders", roots.empty() ? "none" : roots, ""});
  return checks;
}

void doctor(Session& session) {
  const std::vector<Check> checks = run_checks();
  bool well = true;
  Json json = Json::array();
  TextTable table({"", "what", "found"});
  for (const Check& check : checks) {
    well = well && check.problem.empty();
    json.push_back({{"check", check.name}, {"found", check.value}, {"problem", check.problem}});
    table.add({check.problem.empty() ? "ok" : "!!", check.name,
               check.value + (check.problem.empty() ? "" : ": " + check.problem)});
  }
  std::cout << (session.json ? json.dump(2) + "\n" : table.text());
  if (!well) session.exit_code = kExitInternal;
}

}  // namespace

void add_doctor(Command& program, Session& session) {
  Command verb = program.add_verb("doctor", "what this machine offers, and what is wrong with it");
  verb.on_run([&session] { doctor(session); });
}

}  // namespace nacre
