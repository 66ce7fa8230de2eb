// Commands of a configuration: words, placeholders, identity, and what their errors say.
#include "nacre/base/command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/temporary_folder.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<std::string> kNames = {"model", "threads"};

CommandSettings settings_of(const std::string& yaml, const std::filesystem::path& folder = ".") {
  const std::vector<Parameter> parameters = command_parameters(kNames, 10, 2);
  return command_from_options(resolve_options(parse_config(yaml, "test.yaml"), parameters, "target command"), folder,
                              kNames);
}

std::string error_of(const std::string& yaml) {
  try {
    settings_of(yaml);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no UserError";
}

TEST(SplitWords, FollowsTheShell) {
  EXPECT_THAT(split_words("a  b\tc\n"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_words("'a b' \"c \\\"d\\\" \\x\" e\\ f g'h'"), ElementsAre("a b", "c \"d\" \\x", "e f", "gh"));
  EXPECT_THAT(split_words("'' \"\""), ElementsAre("", ""));
  EXPECT_TRUE(split_words("  ").empty());
  EXPECT_THROW(split_words("'open"), UserError);
}

TEST(Command, OneTextIsSplitAListIsNot) {
  EXPECT_THAT(settings_of("command: python3 'my script.py' {model}").words,
              ElementsAre("python3", "my script.py", "{model}"));
  EXPECT_THAT(settings_of("command: [sh, -c, 'echo a b']").words, ElementsAre("sh", "-c", "echo a b"));
}

TEST(Command, SurvivesBeingStored) {
  const std::vector<Parameter> parameters = command_parameters(kNames, 10, 2);
  const Options first = resolve_options(parse_config("command: run {model} {size}\noptions: {size: 3}\n", "test.yaml"),
                                        parameters, "target command");
  const Options again = options_from_json(first.json(), parameters, "target command");
  EXPECT_EQ(command_identity(command_from_options(first, ".", kNames)),
            command_identity(command_from_options(again, ".", kNames)));
}

TEST(Command, PlaceholdersAreFilledWithinTheirWord) {
  const CommandSettings settings =
      settings_of("command: run --model={model} {{plain}} {size}{threads}\noptions: {size: 3}\nenvironment: {A: 1}\n");
  const SubprocessOptions filled = filled_command(settings, {{"model", "/a b/{threads}.onnx"}, {"threads", "2"}});
  EXPECT_THAT(filled.arguments, ElementsAre("run", "--model=/a b/{threads}.onnx", "{plain}", "32"));
  EXPECT_THAT(filled.environment, ElementsAre("A=1"));
}

TEST(Command, ErrorsSayWhatIsWrong) {
  EXPECT_THAT(error_of("command: run {modle}"),
              testing::AllOf(HasSubstr("test.yaml:1:"),
                             HasSubstr("unknown placeholder of command 'modle'; did you mean 'model'?")));
  EXPECT_THAT(error_of("timeout_s: 3"), HasSubstr("missing key target command.command"));
  EXPECT_THAT(error_of("command: \"run 'x\""), HasSubstr("expected the quotation to end with '"));
  EXPECT_THAT(error_of("command: ''"), HasSubstr("expected a program"));
  EXPECT_THAT(error_of("command: run\noptions: [1]"), HasSubstr("options: expected a map"));
}

TEST(Command, IdentityFollowsWordsOptionsAndScripts) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "measure.sh", "echo 1\n");
  const auto identity = [&](const std::string& yaml) { return command_identity(settings_of(yaml, folder.path())); };
  const std::string first = identity("command: sh measure.sh {model}");
  EXPECT_EQ(first, identity("command: [sh, measure.sh, '{model}']"));
  EXPECT_EQ(first, identity("command: sh measure.sh {model}\ntimeout_s: 3\nretries: 9")) << "not a matter of results";
  EXPECT_NE(first, identity("command: sh measure.sh {model} x"));
  EXPECT_NE(first, identity("command: sh measure.sh {model}\nversion: '2'"));
  EXPECT_NE(first, identity("command: sh measure.sh {model}\noptions: {a: 1}"));
  write_file_atomically(folder.path() / "measure.sh", "echo 2\n");
  EXPECT_NE(first, identity("command: sh measure.sh {model}"));
}

TEST(Command, AProgramIsLookedForBeforeItIsNeeded) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "measure.sh", "#!/bin/sh\n");
  const auto error = [&](const std::string& yaml) -> std::string {
    try {
      check_program_exists(settings_of(yaml, folder.path()));
    } catch (const UserError& found) {
      return found.what();
    }
    return "";
  };
  EXPECT_EQ(error("command: sh measure.sh"), "");
  EXPECT_THAT(error("command: measure.sh"), HasSubstr("named with a slash: ./measure.sh"));
  EXPECT_THAT(error("command: ./measure.sh"), HasSubstr("not executable"));
  EXPECT_THAT(error("command: ./other.sh"), HasSubstr("there is no program './other.sh'"));
  std::filesystem::permissions(folder.path() / "measure.sh", std::filesystem::perms::owner_all);
  EXPECT_EQ(error("command: ./measure.sh"), "");
}

}  // namespace
}  // namespace nacre
