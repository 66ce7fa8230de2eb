// `nacre rewrite` and `nacre cells` as a user runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "nacre/base/json.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/rewrite.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::file_text;
using test::Outcome;
using test::run_program;
using test::Scratch;
using testing::HasSubstr;

TEST(RewriteVerb, RunsTheExampleOfEveryRewrite) {
  for (const Rewrite& rewrite : all_rewrites()) {
    const Outcome outcome = run_program("rewrite '" + rewrite.example + "' --json --verify --rule " + rewrite.name);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const Json json = parse_json(outcome.out, "stdout");
    ASSERT_EQ(json["rewrites"].size(), 1U);
    EXPECT_EQ(json["rewrites"][0]["name"], rewrite.name);
    EXPECT_GT(json["rewrites"][0]["applied"].get<int>(), 0);
    EXPECT_TRUE(json["rewrites"][0]["verified"].get<bool>());
    EXPECT_LT(json["nodes"]["after"].get<int>(), json["nodes"]["before"].get<int>());
    EXPECT_THAT(json["graph"].get<std::string>(), HasSubstr("return y"));
  }
}

TEST(RewriteVerb, ATextIsAnsweredByATextOnStdoutAndTheReportOnStderr) {
  const Outcome outcome = run_program("rewrite 'graph(x: float32[4]) { a = Identity(x); y = Relu(a); return y }'");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, testing::StartsWith("graph"));
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("Identity")));
  EXPECT_THAT(outcome.err, HasSubstr("nodes 2 -> 1"));
}

TEST(RewriteVerb, WritesModels) {
  const Scratch scratch;
  const std::string model = "'" + (scratch.path() / "m.onnx").string() + "'";
  const std::string smaller = (scratch.path() / "smaller.onnx").string();
  const std::string text =
      "'graph(x: float32[1,2,4,4]) { w: float32[2,2,1,1] = param normal(1.0); v: float32[2,2,1,1] = param normal(1.0); "
      "h = "
      "Conv(x, w); y = Conv(h, v); return y }'";
  // Without values the pair stays, and the program says why; a file needs them.
  Outcome outcome = run_program("rewrite " + text + " --rule merge_pointwise --json");
  EXPECT_EQ(parse_json(outcome.out, "stdout")["rewrites"][0]["applied"], 0);
  EXPECT_THAT(outcome.err, HasSubstr("2 parameters have no values"));
  outcome = run_program("rewrite " + text + " --draw 1 --rule dead_code -o " + model);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  outcome = run_program("rewrite " + model + " --verify -o '" + smaller + "'");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("nodes 2 -> 1, params 8 -> 4, macs 128 -> 64"));
  EXPECT_EQ(read_onnx(smaller).nodes().size(), 1U);
  outcome = run_program("rewrite " + model + " --without merge_pointwise --json");
  EXPECT_EQ(parse_json(outcome.out, "stdout")["nodes"]["after"], 2);
}

TEST(RewriteVerb, SaysWhatIsWrong) {
  Outcome outcome = run_program("rewrite 'graph(x: float32[4]) { y = Relu(x); return y }' --rule identify");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("unknown rewrite 'identify'; did you mean 'identity'?"));
  outcome = run_program("rewrite 'graph(x: float32[4]) { y = Relu(z); return y }'");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("graph text:1:33: value 'z'"));
  outcome = run_program("rewrite no_such_model.onnx");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("no_such_model.onnx"));
}

TEST(CellsVerb, CountsAndLists) {
  const Scratch scratch;
  const std::filesystem::path csv = scratch.path() / "classes.csv";
  Outcome outcome = run_program("cells nasbench201 --json -o '" + csv.string() + "'");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json classes = parse_json(outcome.out, "stdout")["classes"];
  EXPECT_EQ(classes["code"], 15625);
  EXPECT_EQ(classes["benchmark_string"], 6466);
  EXPECT_EQ(classes["exact"], 5425);
  EXPECT_EQ(classes["exact_shared_pools"], 5260);
  const std::string text = file_text(csv);
  EXPECT_EQ(std::ranges::count(text, '\n'), 15626);
  EXPECT_THAT(text, HasSubstr("code,architecture,benchmark_string,exact,exact_shared_pools\n000000,|none~0|+"));
  outcome = run_program("cells nasbench101 --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(parse_json(outcome.out, "stdout")["classes"]["all"], 423624);
  outcome = run_program("cells nasbench102");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean 'nasbench101'?"));
}

}  // namespace
}  // namespace nacre
