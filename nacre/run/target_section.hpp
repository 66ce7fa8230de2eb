// The section `target` of a configuration as objects: kind, how a network is deployed, and the keys of that target.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "nacre/base/config.hpp"
#include "nacre/design/target.hpp"
#include "nacre/hw/target_registry.hpp"

namespace nacre {

// What `target.kind` may be: the targets of module hw, `table`, which answers from a published benchmark, and `transfer`, which
// predicts from one and a few measurements.
const TargetRegistry& run_target_registry();

struct TargetSection {
  std::shared_ptr<Target> target;
  Deployment deployment;
  Json own;       // kind and the target's own keys: what makes it again
  Json resolved;  // with batch, threads and symbols: as stored with a study
};

// `node` is the section: a word, or a map with `kind`; null: the default target, macs. UserError with position.
// `mappings`: where a modelled target keeps the mappings it searches; null: nowhere.
TargetSection read_target_section(const ConfigNode& node, const std::filesystem::path& base_folder,
                                  std::shared_ptr<MappingStore> mappings = nullptr);

// From the command line: a word ("host"), a map in YAML ("{kind: host, threads: 2}"), or a configuration file, whose section
// `target` is taken and whose folder is where relative paths start.
TargetSection target_from_argument(const std::string& argument);

}  // namespace nacre
