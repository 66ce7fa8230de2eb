// The registry behind `target.kind`.
#pragma once

#include <functional>
#include <memory>

#include "nacre/base/registry.hpp"
#include "nacre/design/target.hpp"

namespace nacre {

using TargetFactory = std::function<std::unique_ptr<Target>(const Options& options)>;
using TargetRegistry = Registry<TargetFactory>;

const TargetRegistry& target_registry();

// Called by register.cpp only.
void register_macs(TargetRegistry& registry);
void register_host(TargetRegistry& registry);

}  // namespace nacre
