// Every example on the digits that come with nacre runs through, in a short form: few trials, one epoch.
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

// Examples whose search takes seconds when it is cut short, beside examples/digits.yaml (end_to_end_test.cpp).
struct Example {
  std::string name;
  std::string settings = "";  // so that six trials show the strategy at work
};

class ExampleSearch : public testing::TestWithParam<Example> {};

TEST_P(ExampleSearch, RunsInShortForm) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  const Outcome outcome = run_program("search examples/" + GetParam().name +
                                      ".yaml --set search.trials=6 --set train.epochs=1 --set search.workers=1 --set "
                                      "final.networks=1 --set output_dir='" +
                                      folder.string() + "' " + GetParam().settings);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json front = parse_json(read_file(folder / "front.json"), "front.json");
  ASSERT_EQ(front["networks"].size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(folder / front["networks"][0]["model"].get<std::string>()));
  EXPECT_TRUE(front["networks"][0]["metrics"].contains("test_accuracy"));
}

INSTANTIATE_TEST_SUITE_P(Digits, ExampleSearch,
                         testing::Values(Example{"deepmad_digits"}, Example{"nars_digits"}, Example{"stopped_digits"},
                                         Example{"gbdt_nas", "--set search.initial=4 --set search.batch=1"},
                                         Example{"bayesian", "--set search.initial_samples=3"},
                                         Example{"rnn_controller", "--set search.batch=2"},
                                         Example{"eeea", "--set search.population_size=3"}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace nacre
