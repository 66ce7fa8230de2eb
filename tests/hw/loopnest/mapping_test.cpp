#include "nacre/hw/loopnest/mapping.hpp"

#include <gtest/gtest.h>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

Workload convolution() {
  return {.name = "conv",
          .dimensions = {{"R", 3}, {"S", 3}, {"P", 56}, {"Q", 56}, {"C", 64}, {"K", 64}, {"N", 1}},
          .tensors = {{.name = "Weights", .role = TensorRole::weights},
                      {.name = "Inputs", .role = TensorRole::inputs},
                      {.name = "Outputs", .role = TensorRole::outputs}}};
}

AcceleratorDescription three_levels() {
  return {.name = "small", .levels = {{.name = "DRAM"}, {.name = "Buffer"}, {.name = "Register"}}};
}

std::string error_of(const std::string& text) {
  try {
    parse_mapping(text, convolution(), three_levels());
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(MappingText, ReadsWhatItWrites) {
  const std::string text = "DRAM[WIO] Q7 C4 | Buffer[IO] K2 P56 K2:X Q8:Y | Register[W] C16 K16 R3 S3";
  const Mapping mapping = parse_mapping(text, convolution(), three_levels());
  EXPECT_EQ(mapping_text(mapping, convolution(), three_levels()), text);
  ASSERT_EQ(mapping.levels.size(), 3u);
  EXPECT_EQ(mapping.levels[1].keeps, (std::vector<bool>{false, true, true}));
  EXPECT_EQ(mapping.levels[1].loops[2].kind, LoopKind::spatial_x);
  EXPECT_EQ(mapping.levels[1].loops[3].kind, LoopKind::spatial_y);
  EXPECT_EQ(mapping.levels[1].loops[3].factor, 8);
}

TEST(MappingText, ReadsTheNotationOfDosa) {
  const Mapping mapping =
      parse_dosa_mapping("L3[WIO] K8 Q28 - L2[WI] N1 K4X - L1[O] K2 S7 C3Y", convolution(), three_levels());
  EXPECT_EQ(mapping_text(mapping, convolution(), three_levels()),
            "DRAM[WIO] K8 Q28 | Buffer[WI] K4:X | Register[O] K2 S7 C3:Y");
}

TEST(MappingText, UsesNumbersWhereTwoNamesBeginAlike) {
  Workload workload = convolution();
  workload.tensors[1].name = "Weights2";
  const Mapping mapping = parse_mapping("DRAM[012] | Buffer[0] | Register[2] P2", workload, three_levels());
  EXPECT_EQ(mapping_text(mapping, workload, three_levels()), "DRAM[012] | Buffer[0] | Register[2] P2");
}

TEST(MappingText, SaysWhereItIsWrong) {
  EXPECT_EQ(error_of("DRAM[WIO] Z4 | Buffer[] | Register[]"),
            "mapping, column 11: 'Z4' is no loop of 'conv'; expected a dimension and a bound, as in 'R4:X'");
  EXPECT_EQ(error_of("DRAM[WIO] | Cache[] | Register[]"), "mapping, column 13: level 'Cache', expected 'Buffer'");
  EXPECT_EQ(error_of("DRAM[WIX] | Buffer[] | Register[]"),
            "mapping, column 8: 'X' names no tensor of 'conv' (accepted: WIO)");
  EXPECT_EQ(error_of("DRAM[WIO] | Buffer[]"), "mapping, column 21: 2 levels, but 'small' has 3");
  EXPECT_EQ(error_of("DRAM[WIO] | Buffer[] | Register[] | More[]"),
            "mapping, column 37: more levels than the 3 of 'small'");
  EXPECT_EQ(error_of("DRAM[WIO] | Buffer[] K2:X P2 | Register[]"),
            "mapping, column 27: a temporal loop after a spatial one of the same level");
  EXPECT_EQ(error_of("DRAM[WIO] K0 | Buffer[] | Register[]"), "mapping, column 11: a bound of 0");
  EXPECT_EQ(error_of("DRAM[WIO] K99999999999999999999 | Buffer[] | Register[]"),
            "mapping, column 11: the bound '99999999999999999999' is too large");
  EXPECT_EQ(error_of("DRAM WIO | Buffer[] | Register[]"),
            "mapping, column 1: expected a level's name and the tensors kept there, as in 'DRAM[WIO]'");
}

}  // namespace
}  // namespace nacre
