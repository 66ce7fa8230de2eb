#include "nacre/ir/onnx_test_data.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "nacre/base/file.hpp"
#include "tests/ir/onnx_file.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

class OnnxTestData : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("onnx_test_data_" + std::to_string(getpid()));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // y = x + x, on two sets.
  static OnnxTestCase doubling() {
    testing::OnnxFile file(17);
    file.input("x", {2}).output("y").node("Add", {"x", "x"}, {"y"});
    OnnxTestCase test;
    test.name = "doubling";
    test.model = file.bytes();
    for (const float shift : {0.0F, 1.0F}) {
      OnnxTestSet set;
      set.name = "test_data_set_" + std::to_string(test.sets.size());
      set.inputs = {Tensor::of<float>({2}, {1 + shift, 2})};
      set.outputs = {Tensor::of<float>({2}, {2 + 2 * shift, 4})};
      test.sets.push_back(set);
    }
    return test;
  }

  fs::path folder_;
};

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST_F(OnnxTestData, WritesWhatItReadsAndRunsIt) {
  const OnnxTestCase written = doubling();
  write_onnx_test_case(written, folder_ / "doubling");
  const OnnxTestCase test = read_onnx_test_case(folder_ / "doubling");
  EXPECT_EQ(test.name, "doubling");
  EXPECT_EQ(test.model, written.model);
  ASSERT_EQ(test.sets.size(), 2u);
  EXPECT_EQ(*test.sets[1].inputs[0], *written.sets[1].inputs[0]);
  const OnnxTestResult result = run_onnx_test(test);
  EXPECT_EQ(result.outcome, OnnxTestResult::Outcome::passed) << result.message;
  EXPECT_EQ(result.sets, 2);
  EXPECT_EQ(result.largest, 0);
}

TEST_F(OnnxTestData, FindsCasesBelowAFolder) {
  for (const char* name : {"b", "a/deep"}) write_onnx_test_case(doubling(), folder_ / name);
  const std::vector<OnnxTestCase> cases = read_onnx_test_cases(folder_);
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].name, "deep");
  EXPECT_EQ(cases[1].name, "b");
  EXPECT_EQ(read_onnx_test_cases(folder_ / "b").size(), 1u);
}

TEST_F(OnnxTestData, ReadsSetsWithoutAModel) {
  write_onnx_test_case(doubling(), folder_);
  fs::remove(folder_ / "model.onnx");
  const std::vector<OnnxTestSet> sets = read_onnx_test_sets(folder_);
  ASSERT_EQ(sets.size(), doubling().sets.size());
  // The folder of one set is a set too.
  const std::vector<OnnxTestSet> single = read_onnx_test_sets(folder_ / "test_data_set_0");
  ASSERT_EQ(single.size(), 1U);
  EXPECT_EQ(single[0].name, "test_data_set_0");
  EXPECT_EQ(single[0].inputs, sets[0].inputs);
  EXPECT_EQ(single[0].outputs, sets[0].outputs);
}

TEST_F(OnnxTestData, SaysWhatDiffersAndWhere) {
  OnnxTestCase test = doubling();
  test.sets[1].outputs[0] = Tensor::of<float>({2}, {4, 7});
  OnnxTestResult result = run_onnx_test(test);
  EXPECT_EQ(result.outcome, OnnxTestResult::Outcome::differs);
  EXPECT_EQ(result.message, "test_data_set_1, output 'y': 1 of 2 elements differ; the worst, at 1, is 4, expected 7");
  EXPECT_EQ(result.largest, 3);
  test.sets[1].outputs[0] = Tensor::of<float>({1}, {4});
  EXPECT_EQ(run_onnx_test(test).message, "test_data_set_1, output 'y': float32[2], expected float32[1]");
}

TEST_F(OnnxTestData, RefusesWhatCannotBeRun) {
  OnnxTestCase test = doubling();
  test.sets[0].inputs.clear();
  OnnxTestResult result = run_onnx_test(test);
  EXPECT_EQ(result.outcome, OnnxTestResult::Outcome::refused);
  EXPECT_EQ(result.message, "input 'x' is missing");
  test = doubling();
  test.sets[0].inputs.push_back(Tensor::scalar(1.0F));
  EXPECT_EQ(run_onnx_test(test).message, "test_data_set_0 has 2 inputs, the model takes 1");
  testing::OnnxFile file(17);
  file.input("x", {2}).output("y").node("Mystery", {"x"}, {"y"}, {}, "m", "some.domain");
  test.model = file.bytes();
  test.sets[0].inputs.pop_back();
  EXPECT_NE(run_onnx_test(test).message.find("node 'm' (some.domain.Mystery)"), std::string::npos)
      << run_onnx_test(test).message;
}

TEST_F(OnnxTestData, ErrorsNameTheFolder) {
  const std::string folder = folder_.string();
  EXPECT_EQ(message_of([&] { read_onnx_test_case(folder_); }), "'" + folder + "' is no folder");
  fs::create_directories(folder_);
  EXPECT_EQ(message_of([&] { read_onnx_test_case(folder_); }), "'" + folder + "' holds no model.onnx");
  EXPECT_EQ(message_of([&] { read_onnx_test_cases(folder_); }),
            "'" + folder + "' holds no case: a folder with model.onnx and test_data_set_0");
  write_file_atomically(folder_ / "model.onnx", doubling().model);
  EXPECT_EQ(message_of([&] { read_onnx_test_case(folder_); }),
            "'" + folder +
                "' holds no data set: expected input_0.pb, output_0.pb, ... in it or in folders test_data_set_0, ... "
                "beneath");
  // A damaged tensor refuses its case, not the reading of the others.
  write_onnx_test_case(doubling(), folder_);
  write_file_atomically(folder_ / "test_data_set_0" / "input_0.pb", "no tensor");
  const OnnxTestResult result = run_onnx_test(read_onnx_test_case(folder_));
  EXPECT_EQ(result.outcome, OnnxTestResult::Outcome::refused);
  EXPECT_NE(result.message.find("input_0.pb"), std::string::npos) << result.message;
}

TEST(CompareTensors, HoldsTheTolerance) {
  const Tensor expected = Tensor::of<float>({2}, {100, 0});
  EXPECT_TRUE(compare_tensors(Tensor::of<float>({2}, {100.09F, 0}), expected).equal());
  EXPECT_FALSE(compare_tensors(Tensor::of<float>({2}, {100.11F, 0}), expected).equal());
  EXPECT_FALSE(compare_tensors(Tensor::of<float>({2}, {100, 1e-5F}), expected).equal());
  EXPECT_TRUE(
      compare_tensors(Tensor::of<float>({2}, {100, 1e-5F}), expected, {.relative = 0, .absolute = 1e-4}).equal());
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const Tensor special = Tensor::of<float>({3}, {infinity, nan, -infinity});
  EXPECT_TRUE(compare_tensors(special, special).equal());
  const TensorDifference difference = compare_tensors(Tensor::of<float>({3}, {infinity, 0, infinity}), special);
  EXPECT_EQ(difference.outside, 2);
  EXPECT_EQ(difference.largest, std::numeric_limits<double>::infinity());
  const TensorDifference far =
      compare_tensors(Tensor::of<float>({3}, {100, 3, -50}), Tensor::of<float>({3}, {100, 1, -49}));
  EXPECT_EQ(far.largest, 2);
  EXPECT_EQ(far.relative, 0.02);
  EXPECT_EQ(far.worst, 1);
  // Integers are equal or not.
  EXPECT_FALSE(compare_tensors(Tensor::of<int32_t>({1}, {100000}), Tensor::of<int32_t>({1}, {100001})).equal());
  EXPECT_FALSE(compare_tensors(Tensor::scalar<int32_t>(1), Tensor::scalar<int64_t>(1)).equal());
}

}  // namespace
}  // namespace nacre
