// The helper of OnnxRuntimeSession, built into nacre (run.js beside this file).
#pragma once

#include <string_view>

namespace nacre::onnxruntime_run_script {

extern const std::string_view js;

}  // namespace nacre::onnxruntime_run_script
