// The registry behind `target.kind`.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "nacre/base/registry.hpp"
#include "nacre/design/target.hpp"

namespace nacre {

class MappingStore;  // hw/mapper/mapping_cache.hpp

struct TargetContext {
  std::filesystem::path base_folder = {};  // of the configuration: relative files of a target's options start here
  std::shared_ptr<MappingStore> mappings =
      nullptr;  // where mappings that are searched are kept from run to run; null: nowhere
};

using TargetFactory = std::function<std::unique_ptr<Target>(const Options& options, const TargetContext& context)>;
using TargetRegistry = Registry<TargetFactory>;

const TargetRegistry& target_registry();

// From a stored section {"kind": .., ..} without the keys of the deployment. UserError when it does not fit.
std::unique_ptr<Target> make_target(const Json& section, const std::filesystem::path& base_folder);

// Called by register.cpp only.
void register_macs(TargetRegistry& registry);
void register_host(TargetRegistry& registry);
void register_host_table(TargetRegistry& registry);
void register_command(TargetRegistry& registry);
void register_onnxruntime(TargetRegistry& registry);
void register_heterogeneous(TargetRegistry& registry);
void register_accelerator(TargetRegistry& registry);

}  // namespace nacre
