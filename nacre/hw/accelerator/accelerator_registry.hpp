// The accelerators that come with nacre, by name: files of data/accelerators, built into the library.
#pragma once

#include <functional>
#include <string_view>

#include "nacre/base/registry.hpp"
#include "nacre/design/accelerator.hpp"

namespace nacre {

using AcceleratorFactory = std::function<AcceleratorDescription()>;

const Registry<AcceleratorFactory>& accelerator_registry();
// The YAML text of one. UserError for an unknown name.
std::string_view accelerator_preset_text(std::string_view name);

}  // namespace nacre
