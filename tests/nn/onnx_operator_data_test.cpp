// The operator tests of the ONNX project by the torch executor, beside the reference executor; and, where
// NACRE_ONNX_TABLE names a file, the table of what both pass (docs/onnx_operators.md, by scripts/onnx_operators).
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "executor_check.hpp"
#include "nacre/base/file.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/onnx_test_data.hpp"
#include "nacre/ir/schema.hpp"
#include "tests/ir/operator_cases.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;
using Outcome = OnnxTestResult::Outcome;

fs::path collection() {
  const char* data = std::getenv("NACRE_DATA");
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  return (data != nullptr ? fs::path(data) : fs::path(source == nullptr ? "." : source) / ".." / "shared" / "data") /
         "onnx";
}

// The executor computes in one floating-point type; outputs are brought back to what the model declares.
NamedTensors run_by_torch(const Graph& graph, const NamedTensors& inputs) {
  bool doubles = false;
  for (const auto& [name, tensor] : inputs) doubles = doubles || tensor.type() == ElementType::float64;
  const Numerics numerics = test::numerics_under_test(doubles ? Arithmetic::fp64 : Arithmetic::fp32);
  for (const ValueId id : graph.inputs) {
    if (!inputs.contains(graph.value(id).name)) throw UserError("input '" + graph.value(id).name + "' is missing");
  }
  PlainStore store(graph, 1, numerics);
  const std::vector<at::Tensor> outputs = test::run_torch(graph, inputs, store, numerics);
  NamedTensors named;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Value& value = graph.value(graph.outputs[i]);
    const bool real = is_floating(value.type) && at::isFloatingType(outputs[i].scalar_type());
    Tensor tensor = from_torch(real ? outputs[i].to(torch_type(value.type)) : outputs[i]);
    // Types that libtorch lacks are carried in wider ones.
    if (value.type == ElementType::uint16 || value.type == ElementType::uint32) tensor = tensor.cast(value.type);
    named.emplace(value_text(graph, graph.outputs[i]), std::move(tensor));
  }
  return named;
}

struct Row {
  int tests = 0, reference = 0, torch = 0;
};

// The operator a test is about: that of its last node; none where it cannot be read.
std::string subject(const OnnxTestCase& test) {
  OnnxReadOptions options;
  options.infer = false;
  try {
    const Graph graph = read_onnx_bytes(test.model, test.name, options);
    if (graph.nodes().empty()) return "Constant";
    const Node& node = graph.nodes().back();
    return node.domain.empty() ? node.op : node.domain + "." + node.op;
  } catch (const UserError&) {
    return "";  // an optional sequence
  }
}

std::string table(const std::map<std::string, Row>& rows) {
  const std::vector<std::string> torch = torch_operator_names();
  std::string text;
  for (const OperatorSchema* schema : all_operators()) {
    if (!schema->domain.empty()) continue;
    const auto found = rows.find(schema->name);
    const Row row = found == rows.end() ? Row() : found->second;
    const auto count = [&](int passed) {
      return row.tests == 0 ? std::string("-") : std::to_string(passed) + " of " + std::to_string(row.tests);
    };
    const bool has_bodies = std::set<std::string>{"If", "Loop", "Scan"}.contains(schema->name);
    const bool runs = schema->reference != nullptr || has_bodies;
    const bool on_torch = std::ranges::find(torch, schema->name) != torch.end();
    text += "| " + schema->name + " | " + (runs ? "yes" : "no") + " | " + count(row.reference) + " | " +
            (on_torch ? "yes" : "no") + " | " + count(row.torch) + " | " +
            (testing::case_makers().contains(schema->name) ? "yes"
             : has_bodies                                  ? "networks"
                                                           : "no") +
            " |\n";
  }
  return text;
}

// As in tests/ir/onnx_operator_data_test.cpp.
const std::set<std::string>& known_exceptions() {
  static const std::set<std::string> names = {
      "test_resize_downsample_scales_linear_align_corners", "test_resize_downsample_scales_cubic_align_corners",
      "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True", "test_identity_opt"};
  return names;
}

TEST(OnnxOperatorDataOnTorch, AgreesWhereItDoesNotRefuse) {
  if (!fs::is_directory(collection())) GTEST_SKIP() << "no ONNX collection at " << collection() << " (set NACRE_DATA)";
  std::map<std::string, Row> rows;
  int passed = 0;
  std::string refused;
  for (const char* archive : {"op_tests_node.tar.gz", "op_tests_simple_pytorch_operator.tar.gz"}) {
    for (const OnnxTestCase& test : read_onnx_test_cases(collection() / archive)) {
      Row& row = rows[subject(test)];
      ++row.tests;
      if (known_exceptions().contains(test.name)) continue;
      row.reference += run_onnx_test(test).outcome == Outcome::passed ? 1 : 0;
      const OnnxTestResult result = run_onnx_test(test, run_by_torch, {.relative = 1e-3, .absolute = 1e-5});
      EXPECT_NE(result.outcome, Outcome::differs) << test.name << ": " << result.message;
      if (result.outcome == Outcome::passed) {
        ++row.torch;
        ++passed;
      } else if (result.outcome == Outcome::refused) {
        refused += "  " + test.name + ": " + result.message + "\n";
      }
    }
  }
  std::printf("official tests that pass on libtorch: %d; refused:\n%s", passed, refused.c_str());
  // All 579 but nine: 8-bit floats (5) and uint64 (4), which this libtorch has not.
  EXPECT_GE(passed, 570);
  if (const char* path = std::getenv("NACRE_ONNX_TABLE")) write_file_atomically(path, table(rows));
}

}  // namespace
}  // namespace nacre
