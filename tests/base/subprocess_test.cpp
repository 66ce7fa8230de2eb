// Programs run by nacre: streams both ways, every way to end, time limits, and that nothing is left behind.
#include "nacre/base/subprocess.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "nacre/base/error.hpp"
#include "nacre/base/spawn.hpp"
#include "nacre/base/temporary_folder.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

SubprocessOptions shell(const std::string& script) { return {.arguments = {"sh", "-c", script}}; }

double seconds_of(const std::function<void()>& action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool is_alive(pid_t pid) {
  std::ifstream stream("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name, state;
  stream >> number >> name >> state;
  return !state.empty() && state != "Z";
}

bool dies_soon(pid_t pid) {
  for (int i = 0; i < 200 && is_alive(pid); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return !is_alive(pid);
}

template <class Action>
std::string user_error(const Action& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no UserError";
}

TEST(Subprocess, RunsToItsEndWithBothStreams) {
  const FinishedProcess finished = run_subprocess(shell("cat; echo problem >&2; exit 3"), 10, "one\ntwo");
  EXPECT_EQ(finished.output, "one\ntwo\n");
  EXPECT_EQ(finished.error, "problem");
  EXPECT_FALSE(finished.succeeded());
  EXPECT_EQ(finished.failure_text(10), "left with exit code 3: problem");
  EXPECT_TRUE(run_subprocess(shell("true"), 10).succeeded());
}

TEST(Subprocess, TalksInLinesBothWays) {
  Subprocess program(shell("while read line; do echo \"got $line\"; done; echo bye"));
  for (int i = 0; i < 50; ++i) {
    program.send({{"n", i}});
    const Heard heard = program.listen(10);
    ASSERT_EQ(heard.kind, Heard::Kind::line);
    EXPECT_EQ(heard.line, "got {\"n\":" + std::to_string(i) + "}");
  }
  program.close_input();
  EXPECT_EQ(program.listen(10).line, "bye");
  EXPECT_EQ(program.listen(10).kind, Heard::Kind::ended);
  EXPECT_EQ(program.listen(10).kind, Heard::Kind::ended) << "the end stays the end";
  EXPECT_TRUE(program.succeeded());
}

TEST(Subprocess, LargeStreamsDoNotBlockEachOther) {
  const std::string input(8 << 20, 'x');  // more than any pipe holds, both ways at once
  const FinishedProcess finished = run_subprocess({.arguments = {"cat"}}, 60, input);
  EXPECT_EQ(finished.output.size(), input.size() + 1);
}

TEST(Subprocess, AProgramThatReadsNothingIsNoError) {
  const FinishedProcess finished = run_subprocess(shell("exec 0<&-; echo done"), 10, std::string(1 << 20, 'x'));
  EXPECT_EQ(finished.output, "done\n");
  EXPECT_TRUE(finished.succeeded());
}

TEST(Subprocess, ATimeLimitEndsTheProgramAndAllThatItStarted) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "pid").string();
  FinishedProcess finished;
  const double time_s = seconds_of(
      [&] { finished = run_subprocess(shell("sleep 60 & echo $! >'" + file + "'; echo started; sleep 60"), 0.5); });
  EXPECT_TRUE(finished.timed_out);
  EXPECT_LT(time_s, 10);
  EXPECT_EQ(finished.output, "started\n");
  EXPECT_THAT(finished.failure_text(0.5), HasSubstr("took longer than 0.5 s"));
  pid_t grandchild = 0;
  std::ifstream(file) >> grandchild;
  ASSERT_GT(grandchild, 0);
  EXPECT_TRUE(dies_soon(grandchild));
}

TEST(Subprocess, AProgramThatIgnoresTheRequestToEndIsKilled) {
  Subprocess program(shell("trap '' TERM; echo ready; while :; do sleep 1; done"));
  ASSERT_EQ(program.listen(10).line, "ready");
  const pid_t pid = program.pid();
  EXPECT_LT(seconds_of([&] { program.stop(0.2); }), 5);
  EXPECT_TRUE(WIFSIGNALED(program.status()));
  EXPECT_FALSE(is_alive(pid));
}

TEST(Subprocess, StoppingGivesTimeToTidyUp) {
  Subprocess program(shell("trap 'echo tidy; exit 0' TERM; echo ready; while :; do sleep 0.05; done"));
  ASSERT_EQ(program.listen(10).line, "ready");
  program.stop(10);
  EXPECT_EQ(program.listen(1).line, "tidy");
  EXPECT_TRUE(program.succeeded());
}

TEST(Subprocess, TheObjectTakesTheProgramWithIt) {
  pid_t pid = 0;
  {
    Subprocess program({.arguments = {"sleep", "60"}});
    pid = program.pid();
    EXPECT_TRUE(is_alive(pid));
  }
  EXPECT_FALSE(is_alive(pid));
}

TEST(Subprocess, SomethingThatKeepsTheStreamsOpenDoesNotKeepNacreWaiting) {
  FinishedProcess finished;
  EXPECT_LT(seconds_of([&] { finished = run_subprocess(shell("sleep 30 & echo left"), 20); }), 10);
  EXPECT_EQ(finished.output, "left\n");
  EXPECT_TRUE(finished.succeeded());
}

TEST(Subprocess, InterruptionEndsTheWaiting) {
  SubprocessOptions options = shell("sleep 60");
  int asked = 0;
  options.interrupted = [&] { return ++asked > 2; };
  EXPECT_LT(seconds_of([&] { EXPECT_THROW(run_subprocess(options, 60), Interrupted); }), 10);
}

TEST(Subprocess, WhatCannotBeStartedSaysWhy) {
  EXPECT_EQ(user_error([] { run_subprocess({.arguments = {"no-such-program-here"}}, 1); }),
            "cannot start 'no-such-program-here': No such file or directory");
  EXPECT_THAT(user_error([] { run_subprocess({.arguments = {"true"}, .folder = "/no/such/folder"}, 1); }),
              HasSubstr("in '/no/such/folder': No such file or directory"));
}

TEST(Subprocess, FolderAndEnvironmentAreTheProgramsOwn) {
  const TemporaryFolder folder;
  const FinishedProcess finished = run_subprocess({.arguments = {"sh", "-c", "pwd; echo $NACRE_TEST_WORD"},
                                                   .environment = {"NACRE_TEST_WORD=a b"},
                                                   .folder = folder.path()},
                                                  10);
  EXPECT_EQ(finished.output, std::filesystem::canonical(folder.path()).string() + "\na b\n");
  EXPECT_EQ(std::getenv("NACRE_TEST_WORD"), nullptr);
}

TEST(Subprocess, AnEndlessLineEndsTheProgram) {
  SubprocessOptions options = shell("head -c 3000000 /dev/zero | tr '\\0' x; sleep 60");
  options.longest_line_bytes = 1 << 20;
  EXPECT_THAT(user_error([&] { run_subprocess(options, 30); }), HasSubstr("wrote a line of more than 1048576 bytes"));
  EXPECT_THAT(user_error([&] { run_subprocess(shell("yes"), 30, "", 1 << 20); }),
              HasSubstr("wrote more than 1048576 bytes"));
}

TEST(Subprocess, OnlyTheEndOfALongErrorIsKept) {
  SubprocessOptions options = shell("seq 100000 >&2; exit 1");
  options.error_tail_bytes = 1000;
  const FinishedProcess finished = run_subprocess(options, 30);
  EXPECT_LE(finished.error.size(), 1000U);
  EXPECT_EQ(last_line(finished.error), "100000");
}

TEST(Subprocess, ADeadlySignalIsNamed) {
  EXPECT_THAT(run_subprocess(shell("kill -SEGV $$"), 10).failure_text(10), HasSubstr("was killed by signal 11"));
}

TEST(Subprocess, ASignalOfANewGroupReachesWhatAProgramRuns) {
  Subprocess program(shell("sleep 60 & echo $!; wait"));
  const pid_t grandchild = std::stoi(program.listen(10).line);
  signal_child_groups(getpid(), SIGKILL);
  EXPECT_TRUE(dies_soon(grandchild));
  EXPECT_EQ(program.listen(10).kind, Heard::Kind::ended);
}

TEST(LastLine, IsTheLastThatIsNotBlank) {
  EXPECT_EQ(last_line("a\n b \n\n \n"), "b");
  EXPECT_EQ(last_line("alone"), "alone");
  EXPECT_EQ(last_line("\n\n"), "");
  EXPECT_EQ(last_line(""), "");
  EXPECT_EQ(last_line("abcdef", 3), "abc ...");
}

}  // namespace
}  // namespace nacre
