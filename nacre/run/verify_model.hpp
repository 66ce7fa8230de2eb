// A model checked: the outputs of nacre's executors, of the file that nacre writes of it, and of ONNX Runtime, on the same
// inputs, against stored outputs and each other.
//
//   judges (expected)                 runners (found)
//   outputs stored with the inputs    reference     the graph as read, by the reference executor
//   ONNX Runtime on the file itself   libtorch      the same by libtorch
//   or, without either, the first     re-exported   written by nacre and read again: by ONNX Runtime where it takes part,
//   executor that runs it                           else by the first executor
//
// Every runner is compared with every judge; ONNX Runtime as a runner with what is stored. Inputs are stored ones in the
// form of the ONNX project's test data (ir/onnx_test_data.hpp) or drawn from a seed.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nacre/ir/graph.hpp"
#include "nacre/ir/onnx_test_data.hpp"

namespace nacre {

class OnnxRuntimeSession;

// What is checked: a file, or the bytes of a case in an archive.
struct ModelToVerify {
  std::string name = {};
  std::filesystem::path file = {};  // "" when only `bytes` are there
  std::string bytes = {};
  std::vector<OnnxTestSet> sets = {};  // stored; none: inputs are drawn
};

// An .onnx file; a folder with model.onnx and test_data_set_0 (a case of the ONNX project's tests); a folder of such cases or
// of .onnx files at any depth; a tar archive of cases. UserError when there is none.
std::vector<ModelToVerify> find_models_to_verify(const std::filesystem::path& path);

struct VerifyOptions {
  bool reference = true;        // run the reference executor
  bool torch = true;            // run libtorch
  bool reexport = true;         // write the model, read it again and compare that too
  bool every_executor = false;  // an executor that cannot run the model is an error, not a note
  OnnxRuntimeSession* onnxruntime = nullptr;
  int64_t samples = 1;  // input sets to draw, where none are stored
  uint64_t seed = 0;
  std::optional<uint64_t> draw;  // seed for parameters without values; nothing: such a model is refused
  SymbolBindings bindings;       // of symbolic dimensions; 1 unless named here
  std::map<std::string, std::vector<int64_t>> shapes;  // of inputs by name
  double tolerance = 1e-4;                             // |found - expected| <= tolerance + tolerance |expected|
  std::function<bool()> interrupted = {};
};

// One output of one set by one runner against one judge.
struct VerifyComparison {
  std::string set = {}, output = {}, found_by = {}, expected_by = {};
  TensorDifference difference = {};
  std::vector<int64_t> worst = {};  // index of difference.worst; empty when equal, when shapes differ and for scalars
  double found = 0, expected = 0;   // the worst element
  // In words, "" when agreed.
  std::string message() const;
};

struct VerifyReport {
  enum class Outcome { agreed, differs, refused };
  std::string name;
  Outcome outcome = Outcome::agreed;
  size_t nodes = 0;
  int opset = 0;                    // of what nacre writes; 0 when it was not written
  std::vector<std::string> inputs;  // "x float32[1,3,8,8]" of the first set
  std::vector<VerifyComparison> comparisons;
  std::vector<std::string> notes;  // who could not run it and why
  std::string refusal;             // why nothing could be compared; "" unless refused

  double largest() const;  // difference of all outputs
  double relative() const;
  const VerifyComparison* worst()
      const;  // the one with the largest difference that does not agree; null when all agree
};

// "agreed", "differs", "refused".
std::string_view outcome_name(VerifyReport::Outcome outcome);

// UserError for bad input: a model or tensor that cannot be read, inputs that do not fit, nothing to compare. Throws
// Interrupted.
VerifyReport verify_model(const ModelToVerify& model, const VerifyOptions& options);

// The largest difference allowed for outputs of that type: 16-bit floats hold no 1e-4, so theirs is at least four units in
// the last place.
Tolerance tolerance_for(ElementType type, double tolerance);

}  // namespace nacre
