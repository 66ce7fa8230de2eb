// Accelerators, layers and mappings as a folder of files that Timeloop v0.3 reads: arch_*, problem_*, mapping_*.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "nacre/hw/interchange/imported.hpp"

namespace nacre {

struct TimeloopFolder {
  std::vector<AcceleratorDescription> accelerators = {};
  std::vector<Workload> workloads = {};    // problems without a mapping
  std::vector<ImportedLayer> layers = {};  // with one; their accelerators are written where `accelerators` is empty
  int64_t word_bits = 16;
};

// The paths written. Mappings that Timeloop's files cannot hold are left out and named in `warnings`.
std::vector<std::string> write_timeloop_files(const std::filesystem::path& folder, const TimeloopFolder& content,
                                              std::vector<std::string>& warnings);

// "name.yaml" of what may stand in a file's name, with a number behind where it is `used`.
std::string yaml_file_name(const std::string& name, std::set<std::string>& used);

}  // namespace nacre
