// nacre import: files of other models in, nacre's and Timeloop's out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::Outcome;
using test::run_program;
using testing::HasSubstr;

constexpr const char* kArch =
    "arch:\n  arithmetic: {name: MACs, instances: 4, meshX: 4, word-bits: 16, energy: 1}\n  storage:\n  - {name: Reg, "
    "instances: "
    "4, meshX: 4, entries: 3, word-bits: 16, vector-access-energy: 1, read_bandwidth: 2, write_bandwidth: 2, colour: "
    "1}\n  - "
    "{name: DRAM, technology: DRAM, instances: 1, word-bits: 16, vector-access-energy: 200}\n";
constexpr const char* kProblem = "problem: {K: 8, C: 4, P: 2, Q: 1, R: 1, S: 1, N: 1}\n";
constexpr const char* kMapping =
    "mapping:\n- {target: DRAM, type: temporal, factors: K2 C4 P2, permutation: CKP}\n- {target: DRAM, type: spatial, "
    "factors: "
    "K4, split: 1, permutation: K}\n";

TEST(ImportVerb, ArchitectureProblemAndMappingAreJudgedAndWritten) {
  const test::Scratch scratch;
  const std::string folder = scratch.path().string();
  write_file_atomically(scratch.path() / "arch.yaml", kArch);
  write_file_atomically(scratch.path() / "problem.yaml", kProblem);
  write_file_atomically(scratch.path() / "map.yaml", kMapping);
  const std::string files = folder + "/arch.yaml " + folder + "/problem.yaml " + folder + "/map.yaml";
  Outcome outcome =
      run_program("import " + files + " --output " + folder + "/ours.yaml --timeloop " + folder + "/back --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  EXPECT_EQ(json["accelerators"][0]["units"], 4);
  EXPECT_EQ(json["mappings"][0]["mapping"], "DRAM[WIO] P2 K2 C4 K4:X | Reg[WIO]");
  EXPECT_EQ(json["mappings"][0]["compute_cycles"], 16);
  EXPECT_GT(json["mappings"][0]["energy_j"].get<double>(), 0);
  EXPECT_THAT(outcome.err, HasSubstr("colour"));
  // What was written is read again, with the same answer.
  outcome = run_program("import " + folder + "/back/arch_arch.yaml " + folder + "/back/problem_problem.yaml " + folder +
                        "/back/mapping_problem.yaml --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  Json again = parse_json(outcome.out, "stdout")["mappings"][0];
  again["layer"] = json["mappings"][0]["layer"];  // the name of its file
  EXPECT_EQ(again, json["mappings"][0]);
  EXPECT_THAT(read_file(scratch.path() / "ours.yaml"), HasSubstr("name: Reg"));
}

TEST(ImportVerb, TheBestMappingWithinConstraints) {
  const test::Scratch scratch;
  const std::string folder = scratch.path().string();
  write_file_atomically(scratch.path() / "arch.yaml", kArch);
  write_file_atomically(scratch.path() / "problem.yaml", kProblem);
  write_file_atomically(
      scratch.path() / "constraints.yaml",
      "mapspace:\n  constraints:\n  - {target: DRAM, type: spatial, factors: K2}\n  - {target: Reg, type: "
      "datatype, keep: [Weights], bypass: [Inputs, Outputs]}\n");
  const std::string files = folder + "/arch.yaml " + folder + "/problem.yaml ";
  const Outcome free = run_program("import " + files + "--map latency --json");
  ASSERT_EQ(free.exit_code, 0) << free.err;
  EXPECT_EQ(parse_json(free.out, "stdout")["mappings"][0]["compute_cycles"], 16);
  const Outcome bound = run_program("import " + files + folder + "/constraints.yaml --map latency --json");
  ASSERT_EQ(bound.exit_code, 0) << bound.err;
  const Json mapping = parse_json(bound.out, "stdout")["mappings"][0];
  EXPECT_THAT(mapping["mapping"].get<std::string>(), testing::AllOf(HasSubstr("K2:X"), HasSubstr("Reg[W]")));
  EXPECT_EQ(run_program("import " + folder + "/arch.yaml --map latency").exit_code, 2);
  EXPECT_EQ(run_program("import " + files + "--map speed").exit_code, 2);
}

TEST(ImportVerb, DataflowsOfMaestro) {
  const test::Scratch scratch;
  write_file_atomically(
      scratch.path() / "net.m",
      "Network n { Layer a { Type: CONV Dimensions { K: 8, C: 4, R: 3, S: 3, Y: 10, X: 10 } Dataflow { "
      "SpatialMap(1,1) K; TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X; } } }");
  const Outcome outcome = run_program("import " + (scratch.path() / "net.m").string() + " --elements 4");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("L2[WIO] K2 P8 Q8 K4:X | L1[WIO] C4 R3 S3"));
  EXPECT_THAT(outcome.out, HasSubstr("4608"));
  EXPECT_THAT(outcome.err, HasSubstr("8 bit"));
}

TEST(ImportVerb, BadInput) {
  const test::Scratch scratch;
  write_file_atomically(scratch.path() / "a.yaml", "a: 1\n");
  const std::string file = (scratch.path() / "a.yaml").string();
  Outcome outcome = run_program("import " + file);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--as"));
  EXPECT_EQ(run_program("import " + file + " --as timelop").exit_code, 2);
  EXPECT_EQ(run_program("import nowhere.yaml").exit_code, 2);
}

TEST(ImportVerb, AcceleratorsAreListedAndDescribed) {
  EXPECT_THAT(run_program("list accelerators").out, HasSubstr("eyeriss"));
  EXPECT_THAT(run_program("list dataflows").out, HasSubstr("weight_stationary"));
  EXPECT_THAT(run_program("describe accelerator eyeriss").out, HasSubstr("weight_spad"));
  EXPECT_THAT(run_program("describe dataflow dla").out, HasSubstr("cluster"));
}

}  // namespace
}  // namespace nacre
