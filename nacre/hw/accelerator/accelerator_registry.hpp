// The accelerators that come with nacre, by name: files of data/accelerators, built into the library.
#pragma once

#include <functional>
#include <string_view>

#include "nacre/base/registry.hpp"
#include "nacre/design/accelerator.hpp"

namespace nacre {

using AcceleratorFactory = std::function<AcceleratorDescription()>;

const Registry<AcceleratorFactory>& accelerator_registry();

}  // namespace nacre
