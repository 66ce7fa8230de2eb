// nacre scale: counts of a released cell at a size, its ONNX file, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "program.hpp"

namespace nacre {
namespace {

using test::Outcome;
using test::run_program;
using test::Scratch;
using testing::HasSubstr;

TEST(ScaleVerb, CountsAReleasedCellAtItsPublishedSize) {
  const Outcome outcome = run_program(
      "scale nasnet-a --space nasnet --size channels=44 --size repeats=4 --size skeleton=mobile --size concat=released "
      "--input 3,224,224 --classes 1000 --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "scale");
  EXPECT_EQ(json["scaled"]["params"], 5289978);
  EXPECT_EQ(json["scaled"]["macs"], 563638816);
  EXPECT_THAT(json["network"].get<std::string>(), HasSubstr("sep5 0, sep3 1 | sep5 1, sep3 1 | avg 0, skip 1"));
}

TEST(ScaleVerb, WritesAModelThatCountsTheSame) {
  const Scratch scratch;
  const std::string model = (scratch.path() / "cell.onnx").string();
  const Outcome outcome = run_program(
      "scale 'sep3 0, skip 0 | max 1, inv3 1 / dil3 0, avg 0 | skip 1, sep5 0' --space eeea --size blocks=2 --size "
      "channels=4 --size cells=3 --input 1,8,8 --classes 10 --json -o " +
      model);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "scale");
  const Outcome inspected = run_program("inspect --json " + model);
  ASSERT_EQ(inspected.exit_code, 0) << inspected.err;
  EXPECT_EQ(parse_json(inspected.out, "inspect")["params"], json["scaled"]["params"]);
}

TEST(ScaleVerb, AConfigurationSaysTheTaskAndTheSizeFound) {
  const Outcome outcome = run_program(
      "scale 'sep3 0, skip 0 | max 1, inv3 1 | sep3 0, sep3 1 / dil3 0, avg 0 | skip 1, sep5 0 | max 0, max 2' "
      "--config "
      "examples/eeea.yaml --size cells=8 --size channels=12 --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "scale");
  EXPECT_LT(json["found"]["params"].get<double>(), json["scaled"]["params"].get<double>() / 4);
  EXPECT_EQ(json["found"]["input"], json["scaled"]["input"]);
}

TEST(ScaleVerb, WhatIsMissingIsNamed) {
  const auto refused = [](const std::string& arguments, const std::string& message) {
    const Outcome outcome = run_program("scale " + arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(message)) << arguments;
  };
  refused("nasnet-a", "expected where the space comes from");
  refused("nasnet-a --space nasnet", "expected --input and --classes");
  refused("nasnet-a --space nasnet --input 3,32,32 --classes 10", "expected a space with another `concat`");
  refused("nasnet-b --space nasnet --input 3,32,32 --classes 10", "or one of nasnet-a");
  refused("--space nasnet --input 3,32,32 --classes 10", "expected a network");
  refused("nasnet-a --space nasnet --size filters=3 --input 3,32,32 --classes 10", "filters");
}

}  // namespace
}  // namespace nacre
