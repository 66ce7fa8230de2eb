// What `space.kind` may be: the spaces of module space, and `table`, the space behind a published benchmark as it is.
#pragma once

#include "nacre/space/space.hpp"

namespace nacre {

const Registry<SpaceFactory>& run_space_registry();

}  // namespace nacre
