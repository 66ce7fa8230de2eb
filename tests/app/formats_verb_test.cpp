// nacre formats: codes, errors and advice as a user asks for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/json.hpp"
#include "nacre/base/random.hpp"
#include "nacre/data/npy.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::Outcome;
using test::run_program;
using testing::HasSubstr;

Json json_of(const std::string& arguments) {
  const Outcome outcome = run_program(arguments + " --json");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return parse_json(outcome.out, "stdout");
}

TEST(FormatsVerb, ListsAndShowsFormats) {
  const Json list = json_of("formats list")["formats"];
  EXPECT_GT(list.size(), 40u);
  for (const Json& row : list) EXPECT_GE(row["bits_per_element"].get<double>(), 1) << row;
  const Json shown = json_of("formats show mxfp4");
  EXPECT_EQ(shown["values"],
            Json({0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0}));
  EXPECT_EQ(shown["bits_per_element"], 4.25);
  EXPECT_THAT(run_program("formats show fp8_e4m3").out, HasSubstr("01111111     no number  yes"));
  EXPECT_THAT(run_program("formats show fp16").out, HasSubstr("65536 codes; --all prints them"));
  EXPECT_THAT(run_program("list formats").out, HasSubstr("nvfp4"));
  EXPECT_THAT(run_program("describe mxint8").out, HasSubstr("blocks of 32: 8-bit integers"));
  EXPECT_THAT(run_program("describe grid fp").out, HasSubstr("bits of the exponent"));
}

TEST(FormatsVerb, ErrorsOfDistributionsAndFiles) {
  const Json rows = json_of("formats sqnr mxint8 nvfp4 --dist gauss --samples 65536")["rows"];
  EXPECT_NEAR(rows[0]["expected_sqnr_db"].get<double>(), 41.6, 0.1);
  EXPECT_NEAR(rows[0]["drawn_sqnr_db"].get<double>(), 41.6, 0.15);
  EXPECT_TRUE(rows[1]["expected_sqnr_db"].is_null());
  const test::Scratch scratch;
  const std::filesystem::path file = scratch.path() / "x.npy";
  Tensor tensor(ElementType::float32, {64, 96});
  Random random(1);
  for (float& value : tensor.mutable_values<float>()) value = static_cast<float>(random.normal());
  write_npy(file, tensor);
  const Json measured = json_of("formats sqnr mxint8 int8:token --file " + file.string())["rows"];
  EXPECT_NEAR(measured[0]["measured_sqnr_db"].get<double>(), measured[0]["predicted_sqnr_db"].get<double>(), 1.5);
  EXPECT_EQ(measured[0]["stored_bytes"], 64 * 96 + 64 * 3);
  EXPECT_EQ(measured[1]["stored_bytes"], 64 * 96 + 64 * 4);
}

TEST(FormatsVerb, CrossoversAreThoseOfThePaper) {
  const Json rows = json_of("formats crossover")["crossovers"];
  ASSERT_EQ(rows.size(), 4u);
  const double expected[] = {7.55, 1.96, 2.04, 2.39};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(rows[i]["crossover_kappa"].get<double>(), expected[i], 0.01);
}

TEST(FormatsVerb, LayersOfAModelAreAnalyzedAndAdvised) {
  const test::Scratch scratch;
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {4, 32, 6, 6});
  builder.output(builder.convolution_norm_activation("conv", x, 32, {.kernel = 3}, Activation::relu), "y");
  Graph graph = builder.take();
  materialize_parameters(graph, 1);
  const std::string model = (scratch.path() / "net.onnx").string(), data = (scratch.path() / "x.npy").string();
  write_onnx(graph, model);
  Tensor tensor(ElementType::float32, {8, 32, 6, 6});
  Random random(2);
  for (float& value : tensor.mutable_values<float>()) value = static_cast<float>(random.normal());
  write_npy(data, tensor);
  const Json layers =
      json_of("formats analyze " + model + " --data " + data + " --formats mxint8 mxfp8 mxfp4")["layers"];
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_GT(layers[0]["trials"][0]["output_sqnr_db"].get<double>(),
            layers[0]["trials"][1]["output_sqnr_db"].get<double>());
  const Json advice =
      json_of("formats advise " + model + " --data " + data + " --formats mxfp4 mxfp8 fp16 --least-db 25");
  EXPECT_EQ(advice["layers"][0]["advised"]["format"], "mxfp8_e4m3");
  EXPECT_EQ(advice["layers"][0]["by_output_error"], Json({"fp16", "mxfp8_e4m3", "mxfp4"}));
  EXPECT_EQ(advice["layers_below"], 0);
  EXPECT_THAT(run_program("formats advise " + model).err, HasSubstr("no --data: inputs are drawn"));
  const Outcome few = run_program("formats analyze " + model + " --data " + data + " --samples 0");
  EXPECT_EQ(few.exit_code, 2);
  write_npy(data, Tensor(ElementType::float32, {3, 32, 6, 6}));
  EXPECT_THAT(run_program("formats analyze " + model + " --data " + data).err, HasSubstr("3 rows, the model takes 4"));
  write_npy(data, Tensor(ElementType::float32, {3, 32}));
  EXPECT_THAT(run_program("formats analyze " + model + " --data " + data).err,
              HasSubstr("an array of 2 axes for input 'input' of 4 axes"));
}

struct Refusal {
  const char* arguments;
  const char* message;
};

TEST(FormatsVerb, EachErrorSaysWhatIsWrong) {
  const Refusal refusals[] = {{"formats show mxpf4", "unknown number format 'mxpf4'; did you mean 'mxfp4'?"},
                              {"formats show int32", "has 32 bits and no table of codes"},
                              {"formats sqnr int32", "is for accumulators; no error can be measured"},
                              {"formats sqnr int8 --dist gaus", "did you mean 'gauss'?"},
                              {"formats sqnr int8 --samples 1", "--samples 1: expected 2 to 2^30"},
                              {"formats sqnr int8 --dist gauss --file x.npy", "two sources of numbers"},
                              {"formats sqnr int8 --file no.npy", "no.npy"},
                              {"formats crossover mxint8", "formats cross in pairs"},
                              {"formats crossover int8 mxint8", "no theory for format int8"},
                              {"formats analyze no.onnx", "no.onnx"}};
  for (const Refusal& refusal : refusals) {
    const Outcome outcome = run_program(refusal.arguments);
    EXPECT_EQ(outcome.exit_code, 2) << refusal.arguments;
    EXPECT_THAT(outcome.err, HasSubstr(refusal.message)) << refusal.arguments;
    EXPECT_EQ(outcome.out, "") << refusal.arguments;
  }
}

}  // namespace
}  // namespace nacre
