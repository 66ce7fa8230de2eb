// nacre explore: sizes of an accelerator for networks, as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/json.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::file_text;
using test::Outcome;
using test::run_program;
using testing::HasSubstr;

TEST(ExploreVerb, TheExampleGivesAFrontWithFilesAndAPage) {
  const test::Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  const std::string command = "explore examples/explore_edge_npu.yaml --set output_dir='" + folder.string() + "'";
  const Outcome outcome = run_program(command + " --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  ASSERT_FALSE(json["accelerators"].empty());
  EXPECT_EQ(json["stopped"], "exhausted");
  // A front member is an accelerator by itself: mapping to its file gives its costs.
  const Json& first = json["accelerators"][0];
  const Outcome mapped =
      run_program("map examples/models/digits_resnet.onnx --method dataflow --dataflow dla --json --accelerator '" +
                  (folder / first["file"].get<std::string>()).string() + "'");
  ASSERT_EQ(mapped.exit_code, 0) << mapped.err;
  EXPECT_DOUBLE_EQ(parse_json(mapped.out, "stdout")["latency_s"].get<double>(),
                   first["metrics"]["latency_s"]["value"].get<double>());
  const std::string page = file_text(folder / "report.html");
  for (const char* part : {"id=front-plots", "id=all", "id=configuration"}) EXPECT_THAT(page, HasSubstr(part));
  EXPECT_THAT(file_text(folder / "front.csv"), HasSubstr("trial,columns,rows,buffer_kib,latency_s,energy_j,area_mm2"));
  EXPECT_THAT(run_program(command).out, HasSubstr("front: "));
}

TEST(ExploreVerb, BadInput) {
  const Outcome unknown = run_program("explore examples/explore_edge_npu.yaml --set parameters.rows.path=levels.x.y");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("unknown level 'x'"));
  EXPECT_EQ(run_program("explore nowhere.yaml").exit_code, 2);
  const Outcome dry = run_program("explore examples/explore_edge_npu.yaml --dry-run");
  EXPECT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr("networks: 1"));
}

}  // namespace
}  // namespace nacre
