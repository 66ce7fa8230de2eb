// nacre map: a network on an accelerator, as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::file_text;
using test::Outcome;
using test::run_program;
using test::Scratch;
using testing::HasSubstr;

// Two equal convolutions behind a first one, pooling, and a classifier.
std::string model_in(const std::filesystem::path& folder) {
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {builder.graph().symbol("batch"), 3, 16, 16});
  x = builder.convolution_norm_activation("stem", x, 8, {.kernel = 3, .stride = 2}, Activation::relu);
  x = builder.convolution_norm_activation("body", x, 8, {.kernel = 3}, Activation::relu);
  x = builder.convolution_norm_activation("tail", x, 8, {.kernel = 3}, Activation::relu);
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(x)), 10), "logits");
  Graph graph = builder.take();
  materialize_parameters(graph, 1);
  const std::string path = (folder / "model.onnx").string();
  write_onnx(graph, path);
  return "'" + path + "'";
}

TEST(MapVerb, TheTotalsAreThoseOfTheTarget) {
  const Scratch scratch;
  const std::string model = model_in(scratch.path());
  const Outcome outcome = run_program("map " + model + " --accelerator eyeriss --method dataflow --dataflow rs --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json mapped = parse_json(outcome.out, "stdout");
  const Outcome measured =
      run_program("measure " + model + " --json --target '{kind: accelerator, accelerator: eyeriss, dataflow: rs}'");
  const Json target = parse_json(measured.out, "stdout")["metrics"];
  EXPECT_EQ(mapped["latency_s"], target["latency_s"]["value"]);
  EXPECT_EQ(mapped["energy_j"], target["energy_j"]["value"]);
  EXPECT_EQ(mapped["area_mm2"], target["area_mm2"]["value"]);
  double cycles = 0;
  for (const Json& layer : mapped["layers"]) cycles += layer["cycles"].get<double>();
  EXPECT_DOUBLE_EQ(cycles, mapped["cycles"].get<double>());
  EXPECT_EQ(mapped["shapes"], 3);  // body and tail are one
}

TEST(MapVerb, ASearchWritesTablePageAndFilesOfTimeloop) {
  const Scratch scratch;
  const std::string folder = scratch.path().string();
  const std::string arguments = "map " + model_in(scratch.path()) +
                                " -a gemmini --method lattice --evaluations 300 --factors exact --objective energy";
  const Outcome outcome = run_program(arguments + " --mappings --csv '" + folder + "/layers.csv' --report '" + folder +
                                      "/map.html' --timeloop '" + folder + "/timeloop'");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("mapped for energy by lattice"));
  EXPECT_THAT(outcome.out, HasSubstr("4 layers of 3 shapes"));
  EXPECT_THAT(outcome.out, HasSubstr("time bound by"));
  std::istringstream csv(file_text(scratch.path() / "layers.csv"));
  std::string line;
  int rows = -1;
  while (std::getline(csv, line)) ++rows;
  const Json json = parse_json(run_program(arguments + " --json").out, "stdout");
  EXPECT_EQ(rows, static_cast<int>(json["layers"].size()));
  const std::string page = file_text(scratch.path() / "map.html");
  for (const char* part : {"id=roofline", "id=shares", "id=layers", "id=mappings", "Content-Security-Policy"})
    EXPECT_THAT(page, HasSubstr(part));
  // What was written for Timeloop is read again, and costs as much.
  const std::string mapping = json["layers"][0]["mappings"][0];
  std::string stem;
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path() / "timeloop"))
    if (entry.path().filename().string().starts_with("problem_") && stem.empty())
      stem = entry.path().filename().string().substr(8);
  const std::string base = folder + "/timeloop/";
  const Outcome again = run_program("import '" + base + "arch_gemmini.yaml' '" + base + "problem_" + stem + "' '" +
                                    base + "mapping_" + stem + "' --json");
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_FALSE(parse_json(again.out, "stdout")["mappings"].empty());
}

TEST(MapVerb, WhatDoesNotFitIsExplained) {
  const Scratch scratch;
  write_file_atomically(scratch.path() / "tiny.yaml",
                        "name: tiny\nclock_mhz: 100\nlevels:\n  - {name: DRAM, access_bits: 8}\n"
                        "  - {name: line, capacity_bits: 32, access_bits: 8, holds: [weights], fanout: {x: 4}}\n"
                        "  - {name: cell, capacity_bits: 4, access_bits: 4, holds: [outputs]}\n");
  const Outcome outcome =
      run_program("map " + model_in(scratch.path()) + " --accelerator '" + (scratch.path() / "tiny.yaml").string() +
                  "' --method dataflow --dataflow output_stationary --json");
  EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  EXPECT_GT(json["infeasible"], 0);
  EXPECT_TRUE(json["latency_s"].is_null());
  EXPECT_THAT(json["layers"][0]["misfit"].get<std::string>(),
              testing::AllOf(HasSubstr("level 'line'"), HasSubstr("missing")));
}

TEST(MapVerb, FusedLayersShowWhatTheyGain) {
  const Scratch scratch;
  const std::string arguments =
      "map " + model_in(scratch.path()) + " -a edge_npu --method dataflow --dataflow dla --fuse";
  const Outcome outcome = run_program(arguments + " --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  ASSERT_FALSE(json["fused"].empty());
  for (const Json& group : json["fused"])
    EXPECT_LT(group["outermost_bytes"].get<double>(), group["separate_outermost_bytes"].get<double>());
  EXPECT_LT(json["energy_j"].get<double>(), json["separate"]["energy_j"].get<double>());
  EXPECT_THAT(run_program(arguments).out, HasSubstr("fused layers"));
}

TEST(MapVerb, BadInput) {
  const Scratch scratch;
  const std::string model = model_in(scratch.path());
  for (const auto& [arguments, message] : std::initializer_list<std::pair<std::string, std::string>>{
           {model, "expected --accelerator"},
           {model + " -a eyerisss", "did you mean 'eyeriss'"},
           {model + " -a eyeriss --objective speed", "speed"},
           {model + " -a eyeriss --method lattice --time-s 1", "belongs to exact as the method"},
           {model + " -a eyeriss --weights int99", "number format 'int99'"},
           {model + " -a eyeriss --bind past", "expected name=number"},
           {"nowhere.onnx -a eyeriss", "nowhere.onnx"}}) {
    const Outcome outcome = run_program("map " + arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(message)) << arguments;
  }
}

}  // namespace
}  // namespace nacre
