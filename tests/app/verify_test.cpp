// nacre verify as a user runs it: agreement, a corrupted output that is found and named, and bad input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/onnx_test_data.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/text_form.hpp"
#include "tests/app/program.hpp"
#include "tests/ir/onnx_file.hpp"

namespace nacre {
namespace {

using test::Outcome;
using test::run_program;
using test::Scratch;
using ::testing::AllOf;
using ::testing::HasSubstr;

bool has_onnxruntime() {
  return std::filesystem::exists(test::source_dir() / "build/onnxruntime/node_modules/onnxruntime-node/package.json");
}

// Two inputs, two outputs, a parameter; the batch is a symbol.
Graph network() {
  Graph graph = parse_graph(
      "graph(x: float32[batch,3], shift: float32[4]) { w: float32[3,4] = param normal(1.0); h = MatMul(x, w); "
      "y = Add(h, shift); z = Tanh(y); return y, z }");
  materialize_parameters(graph, 3);
  return graph;
}

Tensor ramp(std::vector<int64_t> extents, float start) {
  Tensor tensor(ElementType::float32, extents);
  for (int64_t i = 0; i < tensor.elements(); ++i) tensor.set_number_at(i, start + 0.25 * static_cast<double>(i));
  return tensor;
}

// The network with two sets of inputs and the outputs of the reference executor.
OnnxTestCase recorded() {
  const Graph graph = network();
  OnnxTestCase test{.name = "case", .model = write_onnx_bytes(graph), .folder = "", .sets = {}};
  for (const int64_t batch : {2, 5}) {
    const Tensor x = ramp({batch, 3}, -1), shift = ramp({4}, 0.5);
    const NamedTensors outputs = run_reference(graph, {{"x", x}, {"shift", shift}});
    test.sets.push_back({.name = "test_data_set_" + std::to_string(test.sets.size()),
                         .inputs = {x, shift},
                         .outputs = {outputs.at("y"), outputs.at("z")},
                         .problem = ""});
  }
  return test;
}

class Verify : public ::testing::Test {
 protected:
  std::string place(const std::string& file = "") const { return (scratch_.path() / "case" / file).string(); }
  std::string model() const { return "'" + place("model.onnx") + "'"; }
  void write(const OnnxTestCase& test) const { write_onnx_test_case(test, place()); }
  Scratch scratch_;
};

Json json_of(const Outcome& outcome, int exit_code = 0) {
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
  return parse_json(outcome.out, "stdout");
}

TEST_F(Verify, AgreesWithStoredOutputs) {
  write(recorded());
  // Of the folder, of the model with its data, of one set alone.
  for (const std::string& arguments : {"'" + place() + "'", model() + " --data '" + place() + "'",
                                       model() + " --data '" + place("test_data_set_1") + "'"}) {
    const Json json = json_of(run_program("verify " + arguments + " --json"));
    EXPECT_TRUE(json["agreed"].get<bool>());
    const Json& only = json["models"][0];
    EXPECT_EQ(only["outcome"], "agreed");
    EXPECT_EQ(only["opset_written"], 17);
    const size_t sets = arguments.ends_with("set_1'") ? 1 : 2;
    // Reference, libtorch and the file written anew; two outputs each.
    ASSERT_EQ(only["comparisons"].size(), sets * 3 * 2);
    for (const Json& row : only["comparisons"]) {
      EXPECT_EQ(row["expected_by"], "stored");
      EXPECT_LT(row["largest_difference"].get<double>(), 1e-5);
    }
  }
  const Outcome text = run_program("verify '" + place() + "' --executor reference --no-reexport");
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.out, AllOf(HasSubstr("test_data_set_1"), HasSubstr("reference"), HasSubstr("1 model: 1 agreed")));
  EXPECT_THAT(text.out, ::testing::Not(HasSubstr("re-exported")));
}

TEST_F(Verify, FindsACorruptedOutput) {
  OnnxTestCase test = recorded();
  Tensor& output = *test.sets[1].outputs[1];
  output.set_number_at(9, output.number_at(9) + 0.01);  // element [2,1]
  write(test);
  const Outcome outcome = run_program("verify '" + place() + "' --executor torch --json");
  const Json json = json_of(outcome, 3);
  EXPECT_FALSE(json["agreed"].get<bool>());
  size_t differing = 0;
  for (const Json& row : json["models"][0]["comparisons"]) {
    if (row["agreed"].get<bool>()) continue;
    ++differing;
    EXPECT_EQ(row["set"], "test_data_set_1");
    EXPECT_EQ(row["output"], "z");
    EXPECT_EQ(row["outside"], 1);
    EXPECT_EQ(row["worst"]["index"], (std::vector<int64_t>{2, 1}));
    EXPECT_NEAR(row["largest_difference"].get<double>(), 0.01, 1e-5);
  }
  EXPECT_EQ(differing, 2U);  // libtorch, and what was written anew
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("test_data_set_1, output 'z': libtorch against stored"), HasSubstr("[2,1]")));
  EXPECT_EQ(run_program("verify '" + place() + "' --tolerance 0.02").exit_code, 0);
}

TEST_F(Verify, DrawsInputsWhereNoneAreStored) {
  write(recorded());
  const auto inputs = [&](const std::string& options) {
    const Json json = json_of(run_program("verify " + model() + " --json " + options));
    EXPECT_EQ(json["models"][0]["comparisons"][0]["expected_by"], "reference");
    return json["models"][0]["inputs"][0].get<std::string>();
  };
  EXPECT_EQ(inputs(""), "x float32[1,3]");
  EXPECT_EQ(inputs("--bind batch=7"), "x float32[7,3]");
  EXPECT_EQ(inputs("--shape x=4x3 --samples 2"), "x float32[4,3]");
  // The seed decides.
  const auto differences = [&](int seed) {
    return run_program("verify " + model() + " --json --bind batch=64 --seed " + std::to_string(seed)).out;
  };
  EXPECT_EQ(differences(1), differences(1));
  EXPECT_NE(differences(1), differences(2));
}

TEST_F(Verify, ParametersWithoutValuesAreDrawnWhenAsked) {
  WireWriter weight;
  for (const int64_t extent : {3, 2}) weight.integer(onnx::field::tensor::dims, extent);
  weight.integer(onnx::field::tensor::data_type, 1);
  weight.bytes(onnx::field::tensor::name, "w");
  testing::OnnxFile file(17);
  file.input("x", {1, 3}).output("y").initializer(weight).node("MatMul", {"x", "w"}, {"y"});
  write_file_atomically(place("bare.onnx"), file.bytes());
  const Outcome refused = run_program("verify '" + place("bare.onnx") + "'");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--draw 1 draws the parameters"));
  const Outcome drawn = run_program("verify '" + place("bare.onnx") + "' --draw 1");
  EXPECT_EQ(drawn.exit_code, 0) << drawn.err;
}

TEST_F(Verify, ManyModelsGetARowEach) {
  write(recorded());
  write_file_atomically(scratch_.path() / "case" / "broken" / "bad.onnx", "no model");
  const Outcome outcome = run_program("verify '" + place() + "' " + model() + " --json");
  const Json json = json_of(outcome, 2);
  // The case, the damaged file beneath it, and the model again on drawn inputs.
  ASSERT_EQ(json["models"].size(), 3U);
  int agreed = 0, refused = 0;
  for (const Json& row : json["models"]) {
    agreed += row["outcome"] == "agreed" ? 1 : 0;
    refused += row["outcome"] == "refused" ? 1 : 0;
  }
  EXPECT_EQ(agreed, 2);
  EXPECT_EQ(refused, 1);
  EXPECT_THAT(outcome.err, HasSubstr("bad.onnx"));
}

TEST_F(Verify, AgreesWithOnnxRuntime) {
  if (!has_onnxruntime()) GTEST_SKIP() << "onnxruntime-node is not installed: scripts/install_onnxruntime";
  OnnxTestCase test = recorded();
  write(test);
  Json json = json_of(run_program("verify " + model() + " --onnxruntime --samples 2 --bind batch=3 --json"));
  EXPECT_THAT(json["onnxruntime"].get<std::string>(), HasSubstr("onnxruntime-node 1."));
  EXPECT_EQ(json["models"][0]["comparisons"].size(), 2U * 3 * 2);
  for (const Json& row : json["models"][0]["comparisons"]) EXPECT_EQ(row["expected_by"], "ONNX Runtime");
  // Stored outputs judge ONNX Runtime too.
  Tensor& output = *test.sets[0].outputs[0];
  output.set_number_at(0, 100);
  write(test);
  const Outcome outcome = run_program("verify '" + place() + "' --onnxruntime");
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("test_data_set_0, output 'y': ONNX Runtime against stored"));
}

TEST_F(Verify, SaysWhatIsWrong) {
  write(recorded());
  const auto error = [](const std::string& arguments) {
    const Outcome outcome = run_program("verify " + arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    return outcome.err;
  };
  EXPECT_THAT(error("no_such.onnx"), HasSubstr("there is no model 'no_such.onnx'"));
  EXPECT_THAT(error(model() + " --data no_such_folder"), HasSubstr("'no_such_folder' is no folder"));
  EXPECT_THAT(error(model() + " --data examples"), HasSubstr("expected input_0.pb, output_0.pb"));
  EXPECT_THAT(error(model() + " --executor tensorflow"), HasSubstr("unknown executor 'tensorflow'"));
  EXPECT_THAT(error(model() + " --executor reference --no-reexport"), HasSubstr("nothing to compare"));
  EXPECT_THAT(error(model() + " --shape shfit=4"), HasSubstr("did you mean 'shift'?"));
  EXPECT_THAT(error(model() + " --shape x=4x5"), HasSubstr("input 'x' has the shape [4,5], the model takes [batch,3]"));
  EXPECT_THAT(error(model() + " --shape x"), HasSubstr("e.g. image=1x3x224x224"));
  EXPECT_THAT(error(model() + " --bind bacth=4"), HasSubstr("did you mean 'batch'?"));
  EXPECT_THAT(error(model() + " --bind batch"), HasSubstr("e.g. batch=1"));
  EXPECT_THAT(error(model() + " --samples 0"), HasSubstr("expected at least 1"));
  EXPECT_THAT(error(model() + " --onnxruntime --package examples"), HasSubstr("scripts/install_onnxruntime"));
  EXPECT_THAT(error(model() + " " + model() + " --data '" + place() + "'"), HasSubstr("--data belongs to one model"));
}

TEST_F(Verify, StoredInputsThatDoNotFitAreNamed) {
  const auto error = [&](const std::function<void(OnnxTestSet&)>& damage) {
    OnnxTestCase test = recorded();
    damage(test.sets[0]);
    std::filesystem::remove_all(place());
    write(test);
    const Outcome outcome = run_program("verify '" + place() + "'");
    EXPECT_EQ(outcome.exit_code, 2);
    return outcome.err;
  };
  EXPECT_THAT(error([](OnnxTestSet& set) { set.inputs[1] = ramp({5}, 0); }),
              HasSubstr("test_data_set_0: input_1.pb ('shift') has the shape [5], the model takes [4]"));
  EXPECT_THAT(error([](OnnxTestSet& set) { set.inputs.pop_back(); }), HasSubstr("input_1.pb ('shift') is missing"));
  EXPECT_THAT(error([](OnnxTestSet& set) { set.inputs[0] = set.inputs[0]->cast(ElementType::float64); }),
              HasSubstr("input_0.pb ('x') holds float64, the model takes float32"));
  EXPECT_THAT(error([](OnnxTestSet& set) { set.inputs.push_back(ramp({1}, 0)); }),
              HasSubstr("test_data_set_0 has 3 inputs and 2 outputs; the model takes 2 (x, shift) and gives 2 (y, z)"));
}

}  // namespace
}  // namespace nacre
