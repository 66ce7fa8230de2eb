// A space that a user writes in YAML (docs/add_a_space.md), in a file of its own or within the configuration.
//
//   space: {kind: yaml, file: my_space.yaml}
#pragma once

#include <memory>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord yaml_space_record();
// Reads the definition, traces it and builds some of its networks, so that its errors show before a search begins.
std::unique_ptr<Space> make_yaml_space(const Options& options, const SpaceContext& context);

}  // namespace nacre
