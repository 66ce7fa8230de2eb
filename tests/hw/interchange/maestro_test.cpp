// MAESTRO's dataflows under nacre's loops, against its own cycles.
#include "nacre/hw/interchange/maestro.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "tests/hw/interchange/interchange_data.hpp"
#include "tests/hw/loopnest/loop_time.hpp"

namespace nacre {
namespace {

using testing::Contains;
using testing::HasSubstr;

std::string layer(const std::string& dataflow, const std::string& more = "") {
  return "Network n {\n  Layer a {\n    Type: CONV\n    " + more +
         "Dimensions { K: 8, C: 4, R: 3, S: 3, Y: 10, X: 10 }\n    Dataflow {\n" + dataflow + "    }\n  }\n}\n";
}

std::string error_of(const std::string& text) {
  try {
    read_maestro(text, "net.m", 64);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Maestro, ADataflowBecomesLoops) {
  const Imported imported = read_maestro(
      layer("SpatialMap(1,1) K; TemporalMap(2,2) C; TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X; TemporalMap(3,3) R;"
            "TemporalMap(3,3) S; Cluster(2, P); SpatialMap(1,1) C;"),
      "net.m", 8);
  ASSERT_EQ(imported.layers.size(), 1u);
  const ImportedLayer& made = imported.layers[0];
  EXPECT_EQ(mapping_text(*made.mapping, made.workload, *made.accelerator),
            "L2[WIO] K2 C2 P8 Q8 K4:X | cluster1[] C2:X | L1[WIO] R3 S3");
  EXPECT_EQ(made.accelerator->units(), 8);
  EXPECT_EQ(test::cycles_of(made.workload, *made.mapping), 2 * 2 * 8 * 8 * 9);
}

TEST(Maestro, OlderSyntaxConstantsAndGemm) {
  const Imported old = read_maestro(
      "Constant T 2; // tile\nNetwork n { Layer a { Type: CONV Stride { X: 2, Y: 2 } Dimensions { N 1, K 4, C 2, R 1, "
      "S 1, "
      "Y 8, X 8 } Dataflow { TemporalMap(T,T) K; SpatialMap(1,1) Y'; TemporalMap(1+1,4/2) X'; } } }",
      "old.m", 4);
  EXPECT_EQ(mapping_text(*old.layers[0].mapping, old.layers[0].workload, *old.layers[0].accelerator),
            "L2[WIO] K2 Q2 P4:X | L1[WIO] K2 C2 Q2");
  const Imported gemm = read_maestro(
      "Network n { Layer g { Type: GEMM Dimensions { K: 6, M: 4, N: 5 } Dataflow { TemporalMap(1,1) N; SpatialMap(1,1) "
      "M; "
      "TemporalMap(6,6) K; Cluster(6, P); SpatialMap(1,1) K; } } }",
      "gemm.m", 24);
  EXPECT_EQ(test::cycles_of(gemm.workloads[0], *gemm.layers[0].mapping), 5);
}

TEST(Maestro, FaultsAreRefusedOrSaid) {
  EXPECT_THAT(error_of(layer("TemporalMap(2,1) C;")), HasSubstr("net.m:6:1: layer 'a': C in tiles of 2 at steps of 1"));
  EXPECT_THAT(error_of(layer("TemporalMap(5,1) Y;")), HasSubstr("tiles of 3 outputs at steps of 1"));
  EXPECT_THAT(error_of(layer("TemporalMap(1,1) K; Cluster(100, P); SpatialMap(1,1) C;")),
              HasSubstr("clusters of 100 elements in an array of 64"));
  EXPECT_THAT(error_of(layer("TemporalMap(1,1) Z;")), HasSubstr("'Z' is no dimension"));
  EXPECT_THAT(error_of(layer("TemporalMap(0,1) K;")), HasSubstr("size is 0"));
  EXPECT_THAT(error_of(layer("TemporalMap(Sz(Q),1) K;")), HasSubstr("Sz(Q)"));
  EXPECT_THAT(error_of(layer("Map(1,1) K;")), HasSubstr("expected TemporalMap"));
  EXPECT_THAT(error_of("Network n { Layer a { Type: CONV"), HasSubstr("ends in the middle"));
  EXPECT_THAT(error_of("Network n { }"), HasSubstr("no layers"));
  EXPECT_THAT(error_of("Network n { Layer a { Type: LSTM Dimensions { K: 1 } } }"), HasSubstr("type 'LSTM'"));
  EXPECT_THAT(error_of("Network n { Layer a { Type: CONV Dimensions { K: 1, C: 1, R: 5, S: 1, Y: 3, X: 3 } } }"),
              HasSubstr("larger than its input"));
  EXPECT_THAT(read_maestro(layer("TemporalMap(12,10) Y;"), "net.m", 64).warnings,
              Contains(HasSubstr("MAESTRO gives 0 cycles there")));
  EXPECT_THAT(read_maestro(layer("TemporalMap(5,3) Y;", "Stride { X: 2, Y: 2 }\n"), "net.m", 64).warnings,
              Contains(HasSubstr("too many multiply-accumulates")));
}

TEST(Maestro, Hardware) {
  const Imported imported =
      read_maestro_hardware("num_pes: 256\nl1_size_cstr: 100\nnoc_bw_cstr: 1000\nfoo: 3\n", "hw.m");
  const AcceleratorDescription& chip = imported.accelerators[0];
  EXPECT_EQ(chip.units(), 256);
  EXPECT_EQ(*chip.levels[2].capacity_bits, 800);
  EXPECT_EQ(*chip.levels[1].read_bits_per_cycle, 8000);
  EXPECT_THAT(imported.warnings, Contains(HasSubstr("foo")));
  EXPECT_THROW(read_maestro_hardware("num_pes: 0\n", "hw.m"), UserError);
  EXPECT_THROW(read_maestro_hardware("l1_size_cstr: 3\n", "hw.m"), UserError);
}

// Without a limit of its network MAESTRO's runtime is the compute cycles of the loops, on every row that it counts right.
TEST(Maestro, CyclesOfEveryConsistentRowWithoutABandwidthLimit) {
  const auto data = test::shared_data("hw-reference");
  if (!data) GTEST_SKIP() << "needs hw-reference of the shared data (NACRE_DATA or ../shared/data)";
  std::map<std::string, Imported> read;
  int judged = 0;
  int explained = 0;
  for (const auto& row : test::csv_rows(*data / "maestro.csv")) {
    if (row.at("consistent") != "1" || row.at("noc_bw_elems_per_cycle") != "1000000") continue;
    const std::string file = row.at("network") + "_" + row.at("dataflow") + ".m";
    const std::string key = file + row.at("num_pes");
    if (!read.contains(key)) {
      const std::filesystem::path path = *data / "inputs" / file;
      read[key] = read_maestro(read_file(path), file, std::stoll(row.at("num_pes")));
    }
    std::string name = row.at("layer");
    std::ranges::replace(name, '.', '_');
    const auto found =
        std::ranges::find(read[key].layers, name, [](const ImportedLayer& made) { return made.workload.name; });
    ASSERT_NE(found, read[key].layers.end()) << name << " in " << file;
    EXPECT_EQ(found->workload.points(), std::stoll(row.at("true_macs"))) << name;
    const int64_t cycles = test::cycles_of(found->workload, *found->mapping);
    const int64_t theirs = std::stoll(row.at("runtime_cycles"));
    const std::string what = name + " " + file + " " + row.at("num_pes");
    if (row.at("dataflow") == "yrp_rs" && found->workload.dimensions[2].size == 3) {
      // Three channels in tiles of two: MAESTRO works off the half-empty tile as a full one, four channels in all.
      EXPECT_EQ(4 * cycles, 3 * theirs) << what;
      ++explained;
    } else {
      EXPECT_EQ(cycles, theirs) << what;
    }
    ++judged;
  }
  EXPECT_EQ(judged, 267);
  EXPECT_EQ(explained, 6);
}

}  // namespace
}  // namespace nacre
