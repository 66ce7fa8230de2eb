// A search within an energy on a chip that is modelled, as a user runs it: examples/eyeriss_digits.yaml in short form.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/json.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::Outcome;
using test::run_program;
using testing::HasSubstr;

const std::string kShort =
    "search examples/eyeriss_digits.yaml --set search.trials=3 --set search.epochs=1 --set train.epochs=1 --set "
    "search.workers=1 "
    "--set train.precision=fp32 --set task.split.subset=200";

TEST(ModelledChip, ASearchKeepsItsEnergy) {
  const test::Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  const Outcome outcome = run_program(kShort + " --set output_dir='" + folder.string() + "'");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::filesystem::path front = folder / "front.json";
  const Json networks = parse_json(test::file_text(front), front.string()).at("networks");
  ASSERT_FALSE(networks.empty());
  for (const Json& network : networks) {
    const Json& energy = network.at("metrics").at("energy_j");
    EXPECT_EQ(energy.at("origin"), "modelled");
    EXPECT_GT(energy.at("value").get<double>(), 0);
    EXPECT_LE(energy.at("value").get<double>(), 5e-6);
  }
}

TEST(ModelledChip, SettingsOfAnotherMethodAreRefused) {
  const Outcome outcome = run_program(kShort + " --set target.objective=energy --dry-run");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("target.objective belongs to a search as the method; method is 'dataflow'"));
}

}  // namespace
}  // namespace nacre
