// The operators' own cases and the networks made here as files: each is written with its inputs and the outputs of the
// reference executor in the form of the ONNX project's test data, read back and run again. Where NACRE_ONNX_CASES names a
// folder the files stay there, for `nacre verify FOLDER --onnxruntime` (scripts/check_models).
#include <gtest/gtest.h>

#include <cstdlib>

#include "nacre/base/temporary_folder.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/onnx_test_data.hpp"
#include "tests/ir/model_cases.hpp"
#include "tests/ir/operator_cases.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

constexpr int kCasesPerOperator = 4;

class CaseFiles : public ::testing::Test {
 protected:
  fs::path folder() const {
    const char* kept = std::getenv("NACRE_ONNX_CASES");
    return kept != nullptr ? fs::path(kept) : scratch_.path();
  }

  // Writes, reads back and runs again.
  void expect_whole(const std::string& group, const std::string& name, const std::string& model,
                    const std::vector<NamedTensors>& inputs) const {
    SCOPED_TRACE(name);
    const Graph graph = read_onnx_bytes(model, name);
    OnnxTestCase test;
    test.name = name;
    test.model = model;
    for (const NamedTensors& given : inputs) {
      OnnxTestSet set;
      set.name = "test_data_set_" + std::to_string(test.sets.size());
      for (const ValueId id : graph.inputs) set.inputs.emplace_back(given.at(value_text(graph, id)));
      const NamedTensors outputs = run_reference(graph, given);
      for (const ValueId id : graph.outputs) set.outputs.emplace_back(outputs.at(value_text(graph, id)));
      test.sets.push_back(std::move(set));
    }
    write_onnx_test_case(test, folder() / group / name);
    const OnnxTestResult result =
        run_onnx_test(read_onnx_test_case(folder() / group / name), {.relative = 0, .absolute = 0});
    EXPECT_EQ(result.outcome, OnnxTestResult::Outcome::passed) << result.message;
    EXPECT_EQ(result.sets, static_cast<int>(inputs.size()));
  }

  TemporaryFolder scratch_;
};

TEST_F(CaseFiles, OfEveryOperator) {
  for (const auto& [op, maker] : testing::case_makers()) {
    for (int i = 0; i < kCasesPerOperator; ++i) {
      Random random = Random::stream(1, op, static_cast<uint64_t>(i));
      const testing::OperatorCase test = testing::make_case(op, random);
      Graph graph = testing::case_graph(test);
      graph.name = op;
      infer_shapes(graph);
      NamedTensors inputs;
      for (size_t k = 0; k < test.inputs.size(); ++k) {
        if (test.inputs[k].has_value()) inputs.emplace("x" + std::to_string(k), *test.inputs[k]);
      }
      expect_whole("operators", op + "_" + std::to_string(i), write_onnx_bytes(graph), {inputs});
    }
  }
}

TEST_F(CaseFiles, OfNetworksMadeHere) {
  Random random(21);
  const auto whole = [&](const std::string& name, const Graph& graph, const std::vector<NamedTensors>& inputs) {
    expect_whole("networks", name, write_onnx_bytes(graph), inputs);
  };
  whole("lstm_classifier", testing::lstm_classifier(1),
        {{{"tokens", Tensor::of<int64_t>({3, 2}, {1, 7, 3, 10, 2, 0})}, {"lengths", Tensor::of<int32_t>({2}, {3, 2})}},
         {{"tokens", Tensor::of<int64_t>({4, 1}, {9, 9, 1, 5})}, {"lengths", Tensor::of<int32_t>({1}, {4})}}});
  std::vector<NamedTensors> inputs;
  for (const int64_t count : {1, 3, 6})
    inputs.push_back({{"x", testing::random_tensor(random, {2, 6})}, {"count", Tensor::scalar<int64_t>(count)}});
  whole("branch_and_loop", testing::branch_and_loop(2), inputs);
  for (const bool backwards : {false, true}) {
    const testing::ScanForm form{.in_axis = 1, .out_axis = 1, .in_backwards = backwards, .out_backwards = !backwards};
    whole(backwards ? "scan_backwards" : "scan", testing::scan_network(form, 9),
          {{{"start", testing::random_tensor(random, {3})}, {"x", testing::random_tensor(random, {3, 4})}}});
  }
  inputs.clear();
  for (const int64_t batch : {1, 4}) inputs.push_back({{"image", testing::random_tensor(random, {batch, 3, 8, 8})}});
  whole("quantized_network", testing::quantized_network(4), inputs);
  // A prompt, then tokens one by one with the cache.
  const std::string decoder = testing::decoder_file(6);
  const Graph graph = read_onnx_bytes(decoder, "decoder");
  inputs = {testing::decoder_inputs({3, 11, 0, 7}, {})};
  for (const int64_t token : {5, 12}) {
    const NamedTensors cache = run_reference(graph, inputs.back());
    inputs.push_back(testing::decoder_inputs({token}, cache));
  }
  expect_whole("networks", "decoder", decoder, inputs);
  whole("decoder_written", graph, inputs);
}

}  // namespace
}  // namespace nacre
