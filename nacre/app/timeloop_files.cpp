#include "nacre/app/timeloop_files.hpp"

#include <fmt/format.h>

#include <cctype>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/hw/interchange/timeloop.hpp"

namespace nacre {

std::string yaml_file_name(const std::string& name, std::set<std::string>& used) {
  std::string word;
  for (const char c : name) word += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' ? c : '_';
  if (word.empty()) word = "unnamed";
  std::string free = word;
  for (int i = 2; !used.insert(free).second; ++i) free = fmt::format("{}_{}", word, i);
  return free + ".yaml";
}

std::vector<std::string> write_timeloop_files(const std::filesystem::path& folder, const TimeloopFolder& content,
                                              std::vector<std::string>& warnings) {
  std::vector<std::pair<std::string, std::string>> files;
  std::set<std::string> used;  // of problems and their mappings
  std::set<std::string> used_of_accelerators;
  for (const AcceleratorDescription& accelerator : content.accelerators) {
    files.emplace_back("arch_" + yaml_file_name(accelerator.name, used_of_accelerators),
                       timeloop_architecture_yaml(accelerator, content.word_bits));
  }
  for (const Workload& workload : content.workloads)
    files.emplace_back("problem_" + yaml_file_name(workload.name, used), timeloop_problem_yaml(workload));
  for (const ImportedLayer& layer : content.layers) {
    const std::string name = yaml_file_name(layer.workload.name, used);
    files.emplace_back("problem_" + name, timeloop_problem_yaml(layer.workload));
    if (content.accelerators.empty())
      files.emplace_back("arch_" + name,
                         timeloop_architecture_yaml(*layer.accelerator, layer.workload.tensors[0].bits));
    try {
      files.emplace_back("mapping_" + name, timeloop_mapping_yaml(*layer.mapping, layer.workload, *layer.accelerator));
    } catch (const UserError& error) {
      warnings.push_back(fmt::format("no mapping file of '{}': {}", layer.workload.name, error.what()));
    }
  }
  std::vector<std::string> written;
  for (const auto& [name, text] : files) {
    write_file_atomically(folder / name, text);
    written.push_back((folder / name).string());
  }
  return written;
}

}  // namespace nacre
