// Completion scripts: made from the command line, so that no verb or option can be missing; and what bash makes of them.
#include "nacre/app/completion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "nacre/app/verb.hpp"
#include "nacre/base/error.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

void expect_complete(const std::vector<VerbDescription>& verbs, const std::string& script) {
  for (const VerbDescription& verb : verbs) {
    EXPECT_THAT(script, HasSubstr(verb.name));
    for (const OptionDescription& option : verb.options) {
      if (long_name(option) == "help") continue;  // every verb has it
      EXPECT_TRUE(script.find(long_name(option)) != std::string::npos) << verb.name << " " << option.names;
    }
    expect_complete(verb.verbs, script);
  }
}

TEST(Completion, NamesEveryVerbAndOptionInEveryShell) {
  Session session;
  const auto program = make_program(session);
  EXPECT_GT(program->verbs().size(), 10u);
  for (const char* shell : {"bash", "zsh", "fish"})
    expect_complete(program->verbs(), completion_script(*program, shell));
  EXPECT_THROW(completion_script(*program, "csh"), UserError);
}

// What is offered at the end of `line`.
std::set<std::string> offered(const std::string& line) {
  const test::Scratch scratch;
  Session session;
  const auto program = make_program(session);
  std::ofstream(scratch.path() / "completion") << completion_script(*program, "bash");
  std::ofstream(scratch.path() / "ask") << ". '" << (scratch.path() / "completion").string() << "'\nCOMP_WORDS=("
                                        << line
                                        << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_nacre\n"
                                           "printf '%s\\n' \"${COMPREPLY[@]}\" > '"
                                        << (scratch.path() / "out").string() << "'\n";
  EXPECT_EQ(std::system(("bash '" + (scratch.path() / "ask").string() + "'").c_str()), 0);
  std::istringstream words(test::file_text(scratch.path() / "out"));
  std::set<std::string> result;
  for (std::string word; words >> word;) result.insert(word);
  return result;
}

TEST(Completion, BashOffersVerbsOptionsAndNames) {
  EXPECT_THAT(offered("nacre s"), testing::ElementsAre("scale", "search", "specialize", "study"));
  EXPECT_THAT(offered("nacre search --dr"), testing::ElementsAre("--dry-run"));
  EXPECT_THAT(offered("nacre search examples/digits.yaml --js"), testing::ElementsAre("--json"));
  EXPECT_THAT(offered("nacre repro r"), testing::ElementsAre("run"));
  EXPECT_THAT(offered("nacre repro run --qu"), testing::IsSupersetOf({std::string("--quick")}));
  EXPECT_THAT(offered("nacre list strat"), testing::ElementsAre("strategies"));
  EXPECT_THAT(offered("nacre describe regul"), testing::ElementsAre("regularized_evolution"));
  EXPECT_THAT(offered("nacre measure m.onnx --target ho"), testing::ElementsAre("host", "host_table"));
  EXPECT_THAT(offered("nacre export digits --format op"), testing::ElementsAre("optuna"));
  EXPECT_THAT(offered("nacre rewrite m.onnx --rule fold"), testing::ElementsAre("fold_batch_norm"));
  EXPECT_TRUE(offered("nacre inspect mod").empty()) << "files: left to the shell";
}

TEST(Completion, OtherShellsAcceptTheirs) {
  Session session;
  const auto program = make_program(session);
  for (const char* shell : {"zsh", "fish"}) {
    if (std::system(("command -v " + std::string(shell) + " >/dev/null").c_str()) != 0) {
      std::cout << shell << " is not installed: its script was not parsed\n";
      continue;
    }
    const test::Scratch scratch;
    std::ofstream(scratch.path() / "completion") << completion_script(*program, shell);
    EXPECT_EQ(std::system((std::string(shell) + " -n '" + (scratch.path() / "completion").string() + "'").c_str()), 0);
  }
}

}  // namespace
}  // namespace nacre
