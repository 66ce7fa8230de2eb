// Strategy `command`: programs that answer well, badly, late or not at all; replay by asking and by the record.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::run;
using synthetic::Step;
using testing::AllOf;
using testing::HasSubstr;

std::filesystem::path examples() {
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  return std::filesystem::absolute(std::filesystem::path(source == nullptr ? "." : source) / "examples" /
                                   "your_strategy");
}

class CommandStrategyTest : public testing::Test {
 protected:
  // `answer` is what the program says to an ask: shell code with the request in $line.
  std::unique_ptr<Strategy> shell(const std::string& answer, const Json& more = Json::object()) {
    write_file_atomically(
        folder_.path() / "strategy.sh",
        "while read -r line; do\n  printf '%s\\n' \"$line\" >>heard\n  case $line in\n    *'\"ask\"'*) " + answer +
            " ;;\n  esac\ndone\n");
    Json options = {{"command", "sh strategy.sh"}};
    options.update(more);
    return make(options, folder_.path());
  }
  std::unique_ptr<Strategy> make(const Json& options, const std::filesystem::path& folder) {
    return synthetic::make_strategy("command", {trace_, synthetic::maximize_accuracy(), 30, folder}, options);
  }
  std::string error_of(const std::string& answer, const Json& more = Json::object()) {
    const auto strategy = shell(answer, more);
    Random random(1);
    try {
      strategy->ask(7, random);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }
  std::vector<Json> heard() const {
    std::vector<Json> messages;
    std::istringstream stream(read_file(folder_.path() / "heard"));
    for (std::string line; std::getline(stream, line);) messages.push_back(Json::parse(line));
    return messages;
  }

  TemporaryFolder folder_;
  Trace trace_ = synthetic::flat_trace(5, 4);
};

Trial evaluated(const Decisions& decisions) {
  return synthetic::trial_of({{"accuracy", synthetic::additive(decisions)}});
}

TEST_F(CommandStrategyTest, IsToldTheSpaceAskedAndTold) {
  {
    const auto strategy = shell("echo '{\"decisions\": {}, \"made_by\": \"luck\"}'");
    Random random = Random::stream(1, "ask", 3);
    const Candidate candidate = strategy->ask(3, random).value().candidate;
    EXPECT_TRUE(candidate.decisions.empty()) << "what is missing is drawn by the caller";
    EXPECT_EQ(candidate.made_by, "luck");
    Trial trial = evaluated(trace_.at(5));
    trial.number = 3;
    trial.candidate.decisions = trace_.at(5);
    trial.metrics["latency_s"].value.reset();
    strategy->tell(trial);
  }
  const std::vector<Json> messages = heard();
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_EQ(messages[0]["type"], "start");
  EXPECT_EQ(messages[0]["networks"], "1024");
  EXPECT_EQ(messages[0]["trials"], 30);
  EXPECT_EQ(messages[0]["decisions"].size(), 5U);
  EXPECT_EQ(messages[0]["decisions"][0]["alternatives"].size(), 4U);
  EXPECT_EQ(messages[0]["objectives"], Json::parse("[{\"metric\": \"accuracy\", \"direction\": \"maximize\"}]"));
  EXPECT_EQ(messages[1]["type"], "ask");
  EXPECT_EQ(messages[1]["number"], 3);
  EXPECT_EQ(messages[2]["type"], "tell");
  EXPECT_EQ(messages[2]["status"], "ok");
  EXPECT_TRUE(messages[2]["metrics"]["latency_s"].is_null());
  EXPECT_EQ(messages[2]["decisions"].size(), 5U);
  EXPECT_EQ(messages[3]["type"], "end");
}

TEST_F(CommandStrategyTest, AlternativesAreNamedByIndexOrText) {
  const TraceDecision& decision = trace_.decisions()[0];
  const auto strategy = shell("echo '{\"decisions\": {\"" + decision.key + "\": \"" + decision.alternatives[2] +
                              "\", \"" + trace_.decisions()[1].key + "\": 3}, \"parents\": [0, 6]}'");
  Random random(1);
  const Candidate candidate = strategy->ask(7, random).value().candidate;
  EXPECT_EQ(*candidate.decisions.find(decision.key), 2);
  EXPECT_EQ(*candidate.decisions.find(trace_.decisions()[1].key), 3);
  EXPECT_EQ(candidate.parents, (std::vector<int64_t>{0, 6}));
}

TEST_F(CommandStrategyTest, MayHaveNothingMoreToPropose) {
  const auto strategy = shell("echo '{\"done\": true}'");
  Random random(1);
  EXPECT_FALSE(strategy->ask(7, random).has_value());
}

TEST_F(CommandStrategyTest, BadAnswersAreErrorsThatNameThem) {
  const std::string& key = trace_.decisions()[0].key;
  EXPECT_THAT(error_of("echo thinking"),
              AllOf(HasSubstr("strategy command: 'sh strategy.sh': ask 7: "),
                    HasSubstr("expected one JSON object a line, found 'thinking'"), HasSubstr("standard error")));
  EXPECT_THAT(error_of("echo '{\"decision\": 1}'"), HasSubstr("expected {\"decisions\": {..}}"));
  EXPECT_THAT(error_of("echo '{\"decisions\": {\"" + key + "x\": 1}}'"),
              HasSubstr("unknown decision '" + key + "x'; did you mean"));
  EXPECT_THAT(error_of("echo '{\"decisions\": {\"" + key + "\": 4}}'"), HasSubstr("expected an index 0 .. 3"));
  EXPECT_THAT(error_of("echo '{\"decisions\": {\"" + key + "\": 1.5}}'"), HasSubstr("expected an index 0 .. 3"));
  EXPECT_THAT(error_of("echo '{\"decisions\": {\"" + key + "\": \"zzz\"}}'"),
              HasSubstr("unknown alternative of " + key));
  EXPECT_THAT(error_of("echo '{\"decisions\": {}, \"parents\": [7]}'"),
              HasSubstr("parents are numbers of earlier asks"));
  EXPECT_THAT(error_of("echo '{\"error\": \"out of ideas\"}'"), HasSubstr("out of ideas"));
}

TEST_F(CommandStrategyTest, AProgramThatDiesOrSleepsIsAnError) {
  EXPECT_THAT(error_of("echo 'Traceback: no module numpy' >&2; exit 1"),
              HasSubstr("the program left with exit code 1: Traceback: no module numpy"));
  EXPECT_THAT(error_of("sleep 60", {{"timeout_s", 0.3}}), HasSubstr("no answer within 0.3 s"));
  EXPECT_THAT(error_of("true", {{"command", "no-such-program"}}), HasSubstr("cannot start 'no-such-program'"));
}

TEST_F(CommandStrategyTest, AnInterruptionEndsTheWaiting) {
  write_file_atomically(folder_.path() / "sleep.sh", "sleep 60\n");
  const StrategyContext context{trace_, synthetic::maximize_accuracy(), 30, folder_.path(), [] { return true; }};
  const auto strategy = synthetic::make_strategy("command", context, {{"command", "sh sleep.sh"}});
  Random random(1);
  EXPECT_THROW(strategy->ask(0, random), Interrupted);
}

// --- the example, a real program

TEST_F(CommandStrategyTest, TheExampleClimbsAndRepeatsItself) {
  const auto history = [&](uint64_t seed) {
    const auto strategy = make({{"command", "python3 hill_climber.py"}}, examples());
    Random completion(9);
    std::vector<Step> steps;
    for (int64_t number = 0; number < 60; ++number) {
      Random random = Random::stream(seed, "ask", static_cast<uint64_t>(number));
      Candidate candidate = strategy->ask(number, random).value().candidate;
      candidate.decisions = trace_.complete(candidate.decisions, completion);
      Trial trial = evaluated(candidate.decisions);
      trial.number = number;
      trial.candidate = candidate;
      strategy->tell(trial);
      steps.push_back({candidate, trial});
    }
    return steps;
  };
  const std::vector<Step> first = history(4), again = history(4), other = history(5);
  std::string text, again_text, other_text;
  for (const Step& step : first) text += to_json(step.candidate).dump();
  for (const Step& step : again) again_text += to_json(step.candidate).dump();
  for (const Step& step : other) other_text += to_json(step.candidate).dump();
  EXPECT_EQ(text, again_text);
  EXPECT_NE(text, other_text);
  double early = 0, late = 0;
  for (size_t i = 0; i < 10; ++i) {
    early += metric_value(first[i].trial.metrics, "accuracy").value();
    late += metric_value(first[50 + i].trial.metrics, "accuracy").value();
  }
  EXPECT_GT(late, early);
}

TEST_F(CommandStrategyTest, TheRecordTakesThePlaceOfAsks) {
  const auto asked = shell("echo '{\"decisions\": {}}'");
  EXPECT_FALSE(asked->takes_record());
  const auto recorded = shell("echo '{\"decisions\": {}}'", {{"resume", "record"}});
  ASSERT_TRUE(recorded->takes_record());
  Random random = Random::stream(1, "ask", 0), same = Random::stream(1, "ask", 0);
  Candidate candidate;
  candidate.decisions = trace_.at(77);
  recorded->replay(0, random, candidate);
  Random next = Random::stream(1, "ask", 1);
  EXPECT_TRUE(recorded->ask(1, next).has_value()) << "no answer to the replay is in the way";
  const std::vector<Json> messages = heard();
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[1]["type"], "replay");
  EXPECT_EQ(messages[1]["seed"], static_cast<int64_t>(same.next() >> 11)) << "the seed that the ask had";
  EXPECT_EQ(messages[1]["decisions"].size(), 5U);
  EXPECT_EQ(messages[2]["type"], "ask");
}

}  // namespace
}  // namespace nacre
