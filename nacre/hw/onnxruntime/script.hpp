// The helper of target `onnxruntime`, built into nacre (measure.js beside this file).
#pragma once

#include <string_view>

namespace nacre::onnxruntime_script {

extern const std::string_view js;

}  // namespace nacre::onnxruntime_script
