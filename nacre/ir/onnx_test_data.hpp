// Recorded inputs and outputs in the form in which the ONNX project keeps its test data, and running a model against them:
//
//   <case>/model.onnx
//   <case>/test_data_set_0/input_0.pb, input_1.pb, ..., output_0.pb, ...     one TensorProto each, in the model's order
//   <case>/test_data_set_1/...
//
// Cases are read from a folder or straight from a .tar.gz. Who runs the model is the caller's choice: the reference
// executor, libtorch, a runtime behind a command.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/ir/graph.hpp"
#include "nacre/ir/reference_executor.hpp"

namespace nacre {

struct OnnxTestSet {
  std::string name;                            // "test_data_set_0"
  std::vector<std::optional<Tensor>> inputs;   // by position; nothing where there is no file
  std::vector<std::optional<Tensor>> outputs;  // by position
  std::string problem;                         // why a file could not be read (a sequence, say); "" when all could
};

struct OnnxTestCase {
  std::string name;              // of its folder
  std::string model;             // the bytes of model.onnx
  std::filesystem::path folder;  // of model.onnx, where external data lie; "" for a case of an archive
  std::vector<OnnxTestSet> sets;
};

// The tensor of a file that holds one TensorProto. UserError for anything else.
Tensor read_onnx_tensor(std::string_view bytes, const std::string& origin);
// The same as bytes, for writing such files.
std::string write_onnx_tensor(const Tensor& tensor, std::string_view name = "");

// The data sets of a folder: input_0.pb, output_0.pb, ... in it (one set, named as the folder), or in folders
// test_data_set_0, ... beneath, by number. UserError when there is none.
std::vector<OnnxTestSet> read_onnx_test_sets(const std::filesystem::path& folder);
// One case. UserError when there is no model.onnx, no data set, or an input or output file is damaged.
OnnxTestCase read_onnx_test_case(const std::filesystem::path& folder);
// All cases, sorted by path: of a folder that is a case, of a folder of cases at any depth, or of a tar archive (.tar.gz or
// .tar). UserError when there is none.
std::vector<OnnxTestCase> read_onnx_test_cases(const std::filesystem::path& path);
// Writes a case; `set.name` names its folder. The inverse of read_onnx_test_case.
void write_onnx_test_case(const OnnxTestCase& test, const std::filesystem::path& folder);

// --- comparing ----------------------------------------------------------------------------------------------------

// |found - expected| <= absolute + relative |expected|. The defaults are those of the ONNX project's own runner.
struct Tolerance {
  double relative = 1e-3;
  double absolute = 1e-7;
};

struct TensorDifference {
  std::string
      problem;         // "" when equal; else in words: another shape, or how many elements differ and the worst of them
  double largest = 0;  // largest |found - expected| of the elements; infinite where only one is finite
  double relative = 0;  // `largest` by the largest magnitude of the finite expected elements; 0 where both are 0
  int64_t outside = 0;  // elements outside the tolerance
  std::optional<int64_t> worst;  // the element farthest outside, row-major; nothing when equal or when shapes differ
  bool equal() const { return problem.empty(); }
};

// Element types and extents must be the same. Integers, truth values and strings must be equal, whatever the tolerance;
// infinities must be the same and not-a-number meets itself.
TensorDifference compare_tensors(const Tensor& found, const Tensor& expected, const Tolerance& tolerance = {});

// --- running ------------------------------------------------------------------------------------------------------

// Inputs by name in, outputs by name out. A UserError says that the model cannot be run.
using GraphRunner = std::function<NamedTensors(const Graph&, const NamedTensors&)>;

struct OnnxTestResult {
  enum class Outcome { passed, differs, refused };
  std::string name;
  Outcome outcome = Outcome::passed;
  std::string message;  // "" when passed
  double largest = 0;   // difference of all outputs of all sets
  int sets = 0;         // run
};

// Reads the model, runs it on the inputs of every set and compares the outputs. Nothing is thrown for a model that cannot
// be read or run: the outcome is `refused`, with the message.
OnnxTestResult run_onnx_test(const OnnxTestCase& test, const GraphRunner& runner, const Tolerance& tolerance = {});
// By the reference executor.
OnnxTestResult run_onnx_test(const OnnxTestCase& test, const Tolerance& tolerance = {});

// "passed", "differs", "refused".
std::string_view outcome_name(OnnxTestResult::Outcome outcome);

}  // namespace nacre
