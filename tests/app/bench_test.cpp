// nacre bench and nacre coverage, as a user runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "nacre/base/json.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::file_text;
using test::run_program;
using test::Scratch;
using testing::HasSubstr;
using testing::Not;

bool has_tables() {
  const char* given = std::getenv("NACRE_DATA");
  const std::filesystem::path root = given != nullptr ? given : test::source_dir() / ".." / "shared" / "data";
  return std::filesystem::exists(root / "hwnasbench") && std::filesystem::exists(root / "nasbench201");
}

std::string suite(const std::string& name) { return "benchmarks/suites/" + name + ".yaml"; }

TEST(Bench, RunsASuiteAndWritesAllFiles) {
  if (!has_tables()) GTEST_SKIP() << "nasbench201 and hwnasbench are not in NACRE_DATA or ../shared/data";
  const Scratch scratch;
  const std::string output = "-o '" + (scratch.path() / "out").string() + "'";
  const std::string command =
      "bench run " + suite("nasbench201_edgegpu") + " --set seeds=4 --set budgets=[20,40] " + output;
  const auto outcome = run_program(command + " --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  const Json& random = json.at("benchmarks").at("test_edgegpu").at("strategies").at("random");
  EXPECT_EQ(random.at("seeds"), 4);
  EXPECT_GT(random.at("hypervolume").at("40").at("mean").get<double>(), 0.3);
  EXPECT_LE(random.at("hypervolume").at("40").at("mean").get<double>(), 1);
  EXPECT_EQ(json.at("duplicates"), 0);
  EXPECT_EQ(json.at("benchmarks").at("test_edgegpu").at("front"), 24) << "the front of sheet 25's table";
  for (const char* file : {"report.html", "summary.csv", "curves.csv", "runs.csv", "summary.json", "suite.json"})
    EXPECT_TRUE(std::filesystem::exists(scratch.path() / "out" / file)) << file;
  const std::string page = file_text(scratch.path() / "out" / "report.html");
  EXPECT_THAT(page, HasSubstr("<h1>NAS-Bench-201, CIFAR-10, accuracy against latency on the edge GPU</h1>"));
  EXPECT_THAT(page, HasSubstr("id=\"hypervolume-0\""));
  EXPECT_THAT(page, HasSubstr("Friedman p"));
  EXPECT_THAT(page, Not(HasSubstr("http://localhost")));
  // Again: everything is read; the report verb gives the same.
  const auto again = run_program(command + " --json");
  EXPECT_EQ(parse_json(again.out, "stdout"), json);
  EXPECT_THAT(again.err, HasSubstr("40 of 40 runs were run before"));
  const auto report = run_program("bench report '" + (scratch.path() / "out").string() + "' --json");
  EXPECT_EQ(parse_json(report.out, "stdout"), json);
  const auto text = run_program("bench report '" + (scratch.path() / "out").string() + "'");
  EXPECT_THAT(text.out, HasSubstr("ranks after 40 queries on 2 benchmarks, 8 blocks"));
}

TEST(Bench, BadSuitesAreExitCodeTwoWithAPlace) {
  const auto misspelled = run_program("bench run " + suite("nasbench201_cifar10") + " --set budget=[3]");
  EXPECT_EQ(misspelled.exit_code, 2);
  EXPECT_THAT(misspelled.err, HasSubstr("did you mean 'budgets'?"));
  const Scratch scratch;
  std::ofstream(scratch.path() / "s.yaml") << "title: t\nbenchmarks:\n  - {kind: nasbench201, objectives: [accuracy]}\n"
                                              "strategies: [random]\nbudgets: [5]\n";
  const auto unknown = run_program("bench run '" + (scratch.path() / "s.yaml").string() + "' -o '" +
                                   (scratch.path() / "out").string() + "'");
  EXPECT_EQ(unknown.exit_code, 2);
  if (has_tables())
    EXPECT_THAT(unknown.err, HasSubstr("s.yaml:3:37: unknown metric of nasbench201_cifar10 in objectives"));
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "out"));
  const auto empty = run_program("bench report '" + scratch.path().string() + "'");
  EXPECT_EQ(empty.exit_code, 2);
  EXPECT_THAT(empty.err, HasSubstr("holds no suite.json"));
}

TEST(Bench, EverySuiteOfTheProjectIsRead) {
  if (!has_tables()) GTEST_SKIP() << "nasbench201 and hwnasbench are not in NACRE_DATA or ../shared/data";
  for (const auto& entry : std::filesystem::directory_iterator(test::source_dir() / "benchmarks" / "suites")) {
    const Scratch scratch;
    const bool predictors = file_text(entry.path()).find("kind: predictors") != std::string::npos;
    const std::string small = predictors ? " --set seeds=1 --set train_sizes=[20] --set test_size=50"
                                         : " --set seeds=1 --set budgets=[12] --set goals=[]";
    const auto outcome = run_program("bench run '" + entry.path().string() + "'" + small + " --json -o '" +
                                     (scratch.path() / "out").string() + "'");
    EXPECT_EQ(outcome.exit_code, 0) << entry.path() << "\n" << outcome.err;
  }
}

// Sheet 25, proof 3 in short form: within 500 queries every formulation that the survey names keeps the limit and comes near
// the optimum, which is known by enumeration.
TEST(Bench, FormulationsFindTheConstrainedOptimum) {
  if (!has_tables()) GTEST_SKIP() << "nasbench201 and hwnasbench are not in NACRE_DATA or ../shared/data";
  const Scratch scratch;
  const auto outcome =
      run_program("bench run " + suite("constrained_raspi4") + " --set seeds=5 --set budgets=[500] --json -o '" +
                  (scratch.path() / "out").string() + "'");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json benchmarks = parse_json(outcome.out, "stdout").at("benchmarks");
  const std::pair<const char*, double> optima[] = {
      {"pi_10ms", 0.90905}, {"pi_12ms", 0.90990}, {"pi_40ms", 0.94015}, {"pi_50ms", 0.94307}};
  for (const auto& [name, optimum] : optima) {
    const Json& benchmark = benchmarks.at(name);
    EXPECT_NEAR(benchmark.at("optimum").get<double>(), optimum, 5e-6);
    for (const char* strategy : {"penalty", "epsilon_constraint", "weighted_product", "nsga2"}) {
      EXPECT_LT(benchmark.at("strategies").at(strategy).at("regret").at("500").at("median").get<double>(), 0.5)
          << name << " " << strategy;
    }
  }
}

TEST(Coverage, ShowsFilledAndEmptySlots) {
  const auto outcome = run_program("coverage --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json cells = parse_json(outcome.out, "stdout").at("cells");
  ASSERT_EQ(cells.size(), 17u);
  int64_t empty = 0;
  for (size_t i = 0; i < cells.size(); ++i) {
    EXPECT_EQ(cells[i].at("number"), "C" + std::to_string(i + 1));
    empty += cells[i].at("empty_slots").get<int64_t>();
    for (const Json& slot : cells[i].at("slots")) {
      for (const Json& entry : slot.at("entries"))
        EXPECT_FALSE(entry.at("summary").get<std::string>().empty()) << entry;
    }
  }
  EXPECT_EQ(cells[5].at("empty_slots"), 0) << "every formulation: " << cells[5].dump(1);
  EXPECT_EQ(run_program("coverage --require-complete").exit_code, empty > 0 ? 3 : 0);
  const auto text = run_program("coverage");
  EXPECT_THAT(text.out, HasSubstr("slots are filled"));
  if (empty > 0) EXPECT_THAT(text.out, HasSubstr("(empty)"));
}

// Whatever is registered of these kinds stands somewhere.
TEST(Coverage, NamesEverythingThatIsRegistered) {
  const std::string text = run_program("coverage --json").out;
  const Json list = parse_json(run_program("list --json").out, "stdout");
  for (const char* kind : {"strategies", "spaces", "targets", "benchmarks", "predictors", "tasks"}) {
    if (!list.contains(kind)) continue;
    for (const Json& record : list.at(kind))
      EXPECT_THAT(text, HasSubstr("\"name\": \"" + record.at("name").get<std::string>() + "\"")) << kind;
  }
}

}  // namespace
}  // namespace nacre
