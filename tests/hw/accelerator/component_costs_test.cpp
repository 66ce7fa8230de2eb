// Published constants: anchors of the sources, scaling between nodes, and answers of a program.
#include "nacre/hw/accelerator/component_costs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/temporary_folder.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

constexpr double kPico = 1e-12;

ComponentQuery sram(int64_t bytes, int64_t width, double node_nm) {
  return {.component = "sram", .capacity_bits = bytes * 8, .access_bits = width, .node_nm = node_nm, .name = "buffer"};
}

std::string error_of(const ComponentQuery& query) {
  try {
    estimate_component(query);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

// CACTI 7.0, lstp, 64 bit: what the power laws were fitted to.
TEST(ComponentCosts, SramIsNearWhatItWasFittedTo) {
  struct Anchor {
    int64_t bytes;
    double node_nm, read_pj, write_pj, area_mm2;
  };
  for (const Anchor& anchor : {Anchor{8192, 45, 6.137, 7.878, 0.02627}, Anchor{32768, 45, 17.04, 15.40, 0.09486},
                               Anchor{1048576, 45, 93.52, 76.18, 3.263}}) {
    const ComponentCost cost = estimate_component(sram(anchor.bytes, 64, anchor.node_nm));
    EXPECT_NEAR(*cost.read_energy_j / kPico / anchor.read_pj, 1.0, 0.25) << anchor.bytes;
    EXPECT_NEAR(*cost.write_energy_j / kPico / anchor.write_pj, 1.0, 0.2) << anchor.bytes;
    EXPECT_NEAR(*cost.area_mm2 / anchor.area_mm2, 1.0, 0.2) << anchor.bytes;
  }
  const std::pair<double, double> reads_of_32k[] = {{65, 30.1}, {45, 17.0}, {32, 8.3}, {22, 3.8}};
  for (const auto& [node_nm, read_pj] : reads_of_32k) {
    EXPECT_NEAR(*estimate_component(sram(32768, 64, node_nm)).read_energy_j / kPico / read_pj, 1.0, 0.3) << node_nm;
  }
}

// Horowitz, ISSCC 2014: 10, 20 and 100 pJ for 64 bit of 8 KB, 32 KB and 1 MB at 45 nm. Two sources, a factor apart.
TEST(ComponentCosts, SramAgreesWithHorowitzWithinAFactor) {
  for (const auto& [bytes, pj] : {std::pair<int64_t, double>{8192, 10}, {32768, 20}, {1048576, 100}}) {
    const double read = *estimate_component(sram(bytes, 64, 45)).read_energy_j / kPico;
    EXPECT_GT(read, pj / 1.9) << bytes;
    EXPECT_LT(read, pj * 1.9) << bytes;
  }
}

TEST(ComponentCosts, LargerWiderAndOlderMemoriesCostMore) {
  for (const double node_nm : {65.0, 45.0, 40.0, 32.0, 28.0, 22.0, 16.0, 7.0}) {
    double before = 0;
    for (int64_t bytes = 512; bytes <= 2 << 20; bytes *= 2) {
      const ComponentCost narrow = estimate_component(sram(bytes, 32, node_nm));
      const ComponentCost wide = estimate_component(sram(bytes, 128, node_nm));
      EXPECT_GT(*narrow.read_energy_j, before);
      EXPECT_GT(*wide.read_energy_j, *narrow.read_energy_j);
      EXPECT_LT(*wide.read_energy_j, 4 * *narrow.read_energy_j);
      before = *narrow.read_energy_j;
    }
  }
  EXPECT_GT(*estimate_component(sram(65536, 64, 65)).read_energy_j,
            *estimate_component(sram(65536, 64, 28)).read_energy_j);
  EXPECT_GT(*estimate_component(sram(65536, 64, 65)).area_mm2, *estimate_component(sram(65536, 64, 16)).area_mm2);
}

TEST(ComponentCosts, ArithmeticIsHorowitzs) {
  const auto mac = [](const char* format, double node_nm, std::optional<double> voltage = {}) {
    return estimate_component({.component = "mac", .format = format, .node_nm = node_nm, .voltage_v = voltage});
  };
  EXPECT_NEAR(*mac("int8", 45).energy_j, 0.3e-12, 1e-18);
  EXPECT_NEAR(*mac("int32", 45).energy_j, 3.3e-12, 1e-18);
  EXPECT_NEAR(*mac("fp16", 45).energy_j, 2.0e-12, 1e-18);
  EXPECT_NEAR(*mac("fp32", 45, 0.9).energy_j, 4.6e-12, 1e-18);
  EXPECT_NEAR(*mac("fp32", 45).area_mm2, 11884e-6, 1e-12);
  // 45 nm at 0.9 V to 65 nm at 1.0 V: (3.755 - 4.398 + 1.975) / (1.103 0.81 - 0.362 0.9 + 0.2767).
  EXPECT_NEAR(*mac("int16", 65, 1.0).energy_j / *mac("int16", 45).energy_j, 1.332 / 0.84433, 1e-9);
}

TEST(ComponentCosts, ScalingIsConsistent) {
  EXPECT_DOUBLE_EQ(energy_scale(45, 0.9, 45, 0.9), 1.0);
  EXPECT_NEAR(energy_scale(45, 0.8, 7, 0.8) * energy_scale(7, 0.8, 65, 0.8), energy_scale(45, 0.8, 65, 0.8), 1e-12);
  EXPECT_NEAR(area_scale(65, 45), 0.66, 0.01);
  EXPECT_NEAR(area_scale(65, 7), 0.039, 0.001);
  EXPECT_NEAR(area_scale(10, 7), 0.58, 0.02);
  for (double node_nm = 130; node_nm > 8; node_nm *= 0.9) {
    EXPECT_GT(energy_scale(node_nm, 0.8, node_nm * 0.9, 0.8), 0.1);
    EXPECT_LT(area_scale(node_nm, node_nm * 0.9), 1.0) << node_nm;
  }
}

TEST(ComponentCosts, WhatIsNotKnownIsRefused) {
  EXPECT_THAT(error_of({.component = "sramm", .access_bits = 8, .node_nm = 45}), HasSubstr("did you mean 'sram'"));
  EXPECT_THAT(error_of({.component = "mac", .format = "int77", .node_nm = 45}),
              HasSubstr("unknown format to estimate"));
  EXPECT_THAT(error_of({.component = "mac", .format = "int8", .name = "mac"}), HasSubstr("give node_nm"));
  EXPECT_THAT(error_of({.component = "mac", .format = "int8", .node_nm = 3}), HasSubstr("expected 7 .. 130"));
  EXPECT_THAT(error_of(sram(64, 16, 45)), HasSubstr("use register_file"));
  EXPECT_THAT(error_of({.component = "sram", .access_bits = 8, .node_nm = 45, .name = "b"}), HasSubstr("its capacity"));
}

TEST(ComponentCosts, AProgramAnswers) {
  const TemporaryFolder folder;
  const auto answer_of = [&](const std::string& script) {
    write_file_atomically(folder.path() / "answer.sh", script);
    CommandSettings command;
    command.words = {"sh", "answer.sh"};
    command.folder = folder.path();
    command.timeout_s = 20;
    return ask_component_cost(command, sram(8192, 64, 45));
  };
  const ComponentCost cost = answer_of(
      "read line; case \"$line\" in *'\"capacity_bits\":65536'*) ;; *) exit 3;; esac\n"
      "echo '{\"read_energy_pj\": 5, \"write_energy_pj\": null, \"area_mm2\": 0.5, \"source\": \"tape-out\"}'");
  EXPECT_DOUBLE_EQ(*cost.read_energy_j, 5e-12);
  EXPECT_FALSE(cost.write_energy_j);
  EXPECT_FALSE(cost.leakage_w);
  EXPECT_DOUBLE_EQ(*cost.area_mm2, 0.5);
  EXPECT_THAT(cost.source, HasSubstr("tape-out"));
  const auto refusal = [&](const std::string& script) -> std::string {
    try {
      answer_of(script);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(refusal("echo '{\"error\": \"no such cell\"}'"), HasSubstr("refuses: no such cell"));
  EXPECT_THAT(refusal("echo hello"), HasSubstr("no JSON object but 'hello'"));
  EXPECT_THAT(refusal("echo '{\"read_energy_pj\": -1}'"), HasSubstr("read_energy_pj is -1"));
  EXPECT_THAT(refusal("echo '{\"area_mm2\": \"big\"}'"), HasSubstr("area_mm2 is no number"));
  EXPECT_THAT(refusal("exit 4"), HasSubstr("exit code 4"));
}

}  // namespace
}  // namespace nacre
