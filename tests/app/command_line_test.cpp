// What the command line promises: data on stdout, messages on stderr, exit codes, errors that say what, where and what to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "nacre/app/catalogue.hpp"
#include "nacre/base/json.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::Outcome;
using test::run_program;
using testing::HasSubstr;

TEST(CommandLine, ListsEverythingRegistered) {
  const Outcome outcome = run_program("list --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  for (const CatalogueKind& kind : catalogue()) {
    ASSERT_TRUE(json.contains(kind.plural)) << kind.plural;
    EXPECT_EQ(json[kind.plural].size(), kind.records.size());
  }
}

TEST(CommandLine, UnknownNamesAreAnsweredWithTheNearest) {
  Outcome outcome = run_program("describe strategy regularised_evolution");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err,
              HasSubstr("unknown strategy 'regularised_evolution'; did you mean 'regularized_evolution'?"));
  EXPECT_EQ(outcome.out, "");
  outcome = run_program("list strategys");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean 'strategies'?"));
}

TEST(CommandLine, NoVerbAndUnknownOptionsAreBadInput) {
  EXPECT_EQ(run_program("").exit_code, 2);
  EXPECT_EQ(run_program("--no-such-option").exit_code, 2);
  EXPECT_EQ(run_program("serach examples/digits.yaml").exit_code, 2);
  EXPECT_EQ(run_program("--help").exit_code, 0);
  EXPECT_EQ(run_program("--version").exit_code, 0);
}

struct BadCase {
  const char* name;
  const char* arguments;
  const char* message;
};

class BadInput : public testing::TestWithParam<BadCase> {};

TEST_P(BadInput, ExitsWithTwoAndSaysWhy) {
  const Outcome outcome = run_program(GetParam().arguments);
  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().message));
  EXPECT_EQ(outcome.out, "");
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadInput,
    testing::Values(BadCase{"NoFile", "search no_such.yaml", "cannot read 'no_such.yaml'"},
                    BadCase{"UnknownKey", "search examples/digits.yaml --set search.trails=3",
                            "unknown key of search 'trails'; did you mean 'trials'?"},
                    BadCase{"UnknownSection", "search examples/digits.yaml --set serach.trials=3",
                            "unknown section 'serach'; did you mean 'search'?"},
                    BadCase{"WrongType", "search examples/digits.yaml --set search.trials=many",
                            "search.trials: expected a whole number, found 'many'"},
                    BadCase{"OutOfRange", "search examples/digits.yaml --set search.trials=0",
                            "search.trials: expected a number 1 .. 1000000000, found 0"},
                    BadCase{"UnknownStrategy", "search examples/digits.yaml --set search.strategy=evolution",
                            "unknown strategy 'evolution'"},
                    BadCase{"UnknownSpace", "search examples/digits.yaml --set space=mbcon", "did you mean 'mbconv'?"},
                    BadCase{"UnknownLimit", "search examples/digits.yaml --set limits.latency=1",
                            "unknown metric in limits 'latency'"},
                    BadCase{"BadLimit", "search examples/digits.yaml --set limits.params=few",
                            "limits.params: expected a number, found 'few'"},
                    BadCase{"BadOverride", "search examples/digits.yaml --set search", "expected key=value"},
                    BadCase{"NoStudy", "resume no_such_folder", "no_such_folder"},
                    BadCase{"NoModel", "inspect no_such.onnx", "no_such.onnx"},
                    BadCase{"NotAModel", "inspect README.md", "README.md"},
                    BadCase{"NothingToTrain", "train -o x.onnx", "expected what to train"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(CommandLine, ReferenceCoversEverySection) {
  const Outcome outcome = run_program("reference");
  ASSERT_EQ(outcome.exit_code, 0);
  for (const char* section : {"## task", "## space", "## target", "## limits", "## search", "## train", "## evaluator",
                              "## final", "## output_dir"}) {
    EXPECT_THAT(outcome.out, HasSubstr(section));
  }
}

TEST(CommandLine, DoctorReportsTheBlas) {
  const Outcome outcome = run_program("doctor --json");
  EXPECT_THAT(outcome.out, HasSubstr("BLAS"));
  EXPECT_NO_THROW(parse_json(outcome.out, "stdout"));
}

// Another strategy on the command line does not stumble over what the file says to its own one; a wrong word still does.
TEST(CommandLine, AnotherStrategyLeavesOutTheKeysOfTheFilesOwn) {
  const Outcome other = run_program("search examples/gbdt_nas.yaml --dry-run --json --set search.strategy=random");
  ASSERT_EQ(other.exit_code, 0) << other.err;
  EXPECT_THAT(other.err, HasSubstr("search.initial is left out: random has no such key"));
  EXPECT_FALSE(parse_json(other.out, "stdout").dump().find("prune_per_round") != std::string::npos);
  const Outcome wrong =
      run_program("search examples/gbdt_nas.yaml --dry-run --set search.strategy=random --set search.initail=3");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("initail"));
}

// A deployed model says nothing of how its weights were once drawn; training it afresh forgets them all the same.
TEST(CommandLine, FreshTrainingOfADeployedModelForgetsItsWeights) {
  const test::Scratch scratch;
  const auto accuracy = [&](const std::string& more) {
    const Outcome outcome = run_program(
        "train --config examples/digits_resnet.yaml --set train.epochs=1 --set train.learning_rate=0.0001 --model "
        "examples/models/digits_resnet.onnx --json -o '" +
        (scratch.path() / "out.onnx").string() + "' " + more);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return parse_json(outcome.out, "train")["metrics"]["accuracy"]["value"].get<double>();
  };
  EXPECT_GT(accuracy(""), 0.9);
  EXPECT_LT(accuracy("--fresh"), 0.6);
}

}  // namespace
}  // namespace nacre
