// A search on a published table, as a user runs it: examples/nasbench201.yaml.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "nacre/base/json.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::Outcome;
using test::run_program;
using testing::HasSubstr;

bool has_tables() {
  const char* given = std::getenv("NACRE_DATA");
  const std::filesystem::path folder =
      given != nullptr ? std::filesystem::path(given) : test::source_dir() / ".." / "shared" / "data";
  return std::filesystem::exists(folder / "hwnasbench");
}

TEST(TableSearch, ExampleFindsAFrontWithinTheLimit) {
  if (!has_tables()) GTEST_SKIP() << "nasbench201 and hwnasbench are not in NACRE_DATA or ../shared/data";
  const test::Scratch scratch;
  const Outcome outcome =
      run_program("search examples/nasbench201.yaml --json --set search.trials=120 --set output_dir='" +
                  (scratch.path() / "study").string() + "'");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json front = parse_json(test::file_text(scratch.path() / "study" / "front.json"), "front.json");
  ASSERT_FALSE(front["networks"].empty());
  for (const Json& network : front["networks"]) {
    EXPECT_LE(network["metrics"]["latency_s"]["value"].get<double>(), 0.040);
    EXPECT_EQ(network["metrics"]["valid_accuracy"]["origin"], "table");
  }
  EXPECT_GT(front["networks"][0]["metrics"]["valid_accuracy"]["value"].get<double>(), 0.88);
  // Goes on where it was, with the same history.
  const Outcome more = run_program("search examples/nasbench201.yaml --set search.trials=130 --set output_dir='" +
                                   (scratch.path() / "study").string() + "'");
  EXPECT_EQ(more.exit_code, 0) << more.err;
}

TEST(TableSearch, ADifferentInputIsRefused) {
  if (!has_tables()) GTEST_SKIP() << "nasbench201 and hwnasbench are not in NACRE_DATA or ../shared/data";
  const test::Scratch scratch;
  const Outcome outcome = run_program(
      "search examples/nasbench201.yaml --set search.trials=3 --set 'task.outputs={logits: [11]}' --set output_dir='" +
      (scratch.path() / "study").string() + "'");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("the network is not the one that benchmark nasbench201/cifar10 speaks of"));
}

TEST(TableSearch, UnknownBenchmarksAndDevicesAreRefused) {
  Outcome outcome = run_program("search examples/nasbench201.yaml --set evaluator.benchmark=nasbench2001");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("nasbench201"));
  if (!has_tables()) return;
  outcome = run_program("search examples/nasbench201.yaml --set target.device=raspi5");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean 'raspi4'?"));
}

}  // namespace
}  // namespace nacre
