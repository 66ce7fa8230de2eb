// ONNX Runtime as an executor: models are loaded and run by a helper for Node (run.js, built into nacre) that stays open, so
// that many models cost one start. Judges what nacre reads and writes; target `onnxruntime` measures time instead.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "nacre/ir/reference_executor.hpp"

namespace nacre {

struct OnnxRuntimeSettings {
  std::filesystem::path package = {};  // folder of onnxruntime-node; "": the usual places
  std::string node = "node";           // the program that runs the helper
  int64_t threads = 1;
  double timeout_s = 600;  // of one answer
  std::function<bool()> interrupted = {};
};

class OnnxRuntimeSession {
 public:
  // UserError when there is no package (with how to install it) or the helper cannot be started.
  explicit OnnxRuntimeSession(OnnxRuntimeSettings settings);
  ~OnnxRuntimeSession();
  OnnxRuntimeSession(const OnnxRuntimeSession&) = delete;
  OnnxRuntimeSession& operator=(const OnnxRuntimeSession&) = delete;

  const std::string& version() const;  // "onnxruntime-node 1.20.1"

  // Makes `model` the one that run() runs. UserError with ONNX Runtime's own words when it takes the model not.
  void load(const std::filesystem::path& model);
  // Inputs by name (those the model does not have are passed over), outputs by name. UserError when ONNX Runtime cannot
  // run it, or for an element type that its interface for Node has not (strings, bfloat16, 8-bit floats, 4-bit integers).
  NamedTensors run(const NamedTensors& inputs);

 private:
  struct Helper;
  std::unique_ptr<Helper> helper_;
};

}  // namespace nacre
