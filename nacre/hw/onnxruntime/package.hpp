// Where onnxruntime-node lies: the package from the npm registry that scripts/install_onnxruntime installs.
#pragma once

#include <filesystem>
#include <string>

namespace nacre {

// The folder `given`, or, when that is empty, the first with a package of $NACRE_ONNXRUNTIME,
// build/onnxruntime/node_modules/onnxruntime-node and nacre/onnxruntime/node_modules/onnxruntime-node in $XDG_CACHE_HOME or
// ~/.cache. Absolute. UserError that names the places and how to install it.
std::filesystem::path find_onnxruntime_package(const std::filesystem::path& given = {});

}  // namespace nacre
