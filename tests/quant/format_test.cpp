#include "nacre/quant/format.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/random.hpp"
#include "nacre/quant/range_estimator.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

std::string message_of(const std::string& text) {
  try {
    parse_format(text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted: " + text;
}

TEST(Format, PrintedFormsParseToThemselves) {
  const std::pair<const char*, const char*> forms[] = {
      {"int8", "int8"},
      {"int8:tensor:minmax", "int8"},
      {"int8:direct", "int8:direct"},
      {"int4:g128", "int4:g128"},
      {"int4:block=64", "int4:g64"},
      {"int4:mse:channel", "int4:channel:mse"},
      {"int4:g32:scales=e8m0:scale=floor", "int4:g32:scales=e8m0:scale=floor"},
      {"int4:g32:scales=bf16", "int4:g32:scales=bf16"},
      {"int8:percentile=99.9", "int8:percentile=99.9"},
      {"uint8:affine", "uint8:affine"},
      {"int8:clip=asym:channel", "int8:clip=asym:channel"},
      {"mxint8", "mxint8"},
      {"mxint8:fraction=6", "mxint8"},
      {"mxint8:clip=asym:g64", "mxint8:clip=asym:g64"},
      {"mxfp8", "mxfp8_e4m3"},
      {"mxfp8_e4m3:scale=floor", "mxfp8_e4m3:scale=floor"},
      {"mxfp6_e2m3", "mxfp6_e2m3"},
      {"mxfp4_e2m1", "mxfp4"},
      {"nvfp4", "nvfp4"},
      {"nvint4:rotate=hadamard:16", "nvint4:rotate=hadamard:16"},
      {"nvint4:rotate=hadamard", "nvint4:rotate=hadamard:32"},
      {"mxfp4:rotate=hadamard:32:round=half_away", "mxfp4:round=half_away:rotate=hadamard:32"},
      {"fp8_e4m3:bias=11:specials=fnuz", "fp8_e4m3:bias=11:specials=fnuz"},
      {"float8_e5m2fnuz", "fp8_e5m2:specials=fnuz"},
      {"fp16", "fp16"},
      {"float32", "fp32"},
      {"bf16:direct", "bf16"},
      {"fp16:tensor:mse", "fp16:tensor:mse"},
      {"pow2:3", "pow2:3"},
      {"pow2:3:minmax:channel", "pow2:3:channel:minmax"},
      {"pow2", "pow2:4"},
      {"apot:4:base=1", "apot:4:base=1"},
      {"ternary:channel", "ternary:channel"},
      {"binary:mse", "binary:mse"},
      {"nf4", "nf4"},
      {"nf4:g128", "nf4:g128"},
      {"nf4:tensor", "nf4:tensor"},
      {"codebook:values=-1/0/0.5", "codebook:values=-1/0/0.5"},
      {"int24", "int24"}};
  for (const auto& [text, printed] : forms) {
    const Format format = parse_format(text);
    EXPECT_EQ(format_text(format), printed) << text;
    EXPECT_EQ(format_text(parse_format(printed)), printed);
  }
}

TEST(Format, EveryListedFormatParsesPrintsAndHasBits) {
  for (const auto& entry : format_registry().entries()) {
    const Format format = parse_format(entry.make);
    const std::string printed = format_text(format);
    EXPECT_EQ(format_text(parse_format(printed)), printed) << entry.name;
    EXPECT_GE(bits_per_element(format), 1) << entry.name;
    EXPECT_EQ(entry.example, format.grid->coded() ? "nacre formats show " + entry.name : "nacre formats list");
  }
}

TEST(Format, BitsPerElementCountTheScales) {
  const std::pair<const char*, double> widths[] = {{"mxint8", 8.25},
                                                   {"mxfp8", 8.25},
                                                   {"mxfp6", 6.25},
                                                   {"mxfp4", 4.25},
                                                   {"mxint4", 4.25},
                                                   {"nvfp4", 4.5},
                                                   {"nvint4", 4.5},
                                                   {"int4:g128", 4.25},
                                                   {"int4:g128:scales=fp16", 4.125},
                                                   {"int8", 8},
                                                   {"ternary", 2},
                                                   {"binary", 1},
                                                   {"nf4", 4.5},
                                                   {"tf32", 32},
                                                   {"bf16", 16},
                                                   {"uint8:g32:affine", 8 + 40.0 / 32},
                                                   {"pow2:3", 3}};
  for (const auto& [text, bits] : widths) EXPECT_EQ(bits_per_element(parse_format(text)), bits) << text;
}

TEST(Format, WhatIsNoneIsRefusedWithWhatIs) {
  const std::pair<const char*, const char*> refusals[] = {
      {"", "unknown number format ''"},
      {"int", "unknown number format 'int'"},
      {"float", "unknown number format 'float'"},
      {"int8x", "unknown number format 'int8x'"},
      {"mxpf4", "unknown number format 'mxpf4'; did you mean 'mxfp4'?"},
      {"int0", "number format 'int0': int.bits: expected"},
      {"int99", "number format 'int99': int.bits: expected"},
      {"fp8_e4m4", "a sign, 4 exponent and 4 mantissa bits make 9 bits, not 8"},
      {"fp8_e9m99", "unknown number format 'fp8_e9m99'"},
      {"fp9_e8m0:specials=ieee", "take specials=none"},
      {"fp16_e8m7:bias=10", "its largest number is beyond that of 32-bit floats"},
      {"int8:chanel", "number format 'int8:chanel': unknown option 'chanel'; did you mean 'channel'?"},
      {"int8:g1", "group.block: expected"},
      {"int8:g", "unknown option 'g'"},
      {"int8:", "unknown option ''"},
      {"int8:tensor:channel", "granularity is given twice"},
      {"int8:mse:minmax", "range is given twice"},
      {"int8:round=up", "unknown rounding 'up'"},
      {"int8:scale=floor", "'scale' is the rule of power-of-two scales"},
      {"int8:scales=fp64", "unknown value of"},
      {"int8:direct:mse", "'direct' has no scale that mse could find"},
      {"int8:direct:affine", "'affine' does not go with direct"},
      {"mxint8:tensor", "'mx' formats have blocks, not 'tensor'"},
      {"mxint8:scales=fp16", "'scales' does not go with mx"},
      {"nvfp4:mse", "nv scales take the range minmax"},
      {"fp4:affine", "a zero point needs integers"},
      {"uint8:affine:mse", "'affine' takes the range minmax, not mse"},
      {"int8:affine:scales=e8m0", "a zero point goes with scales=fp32"},
      {"int24:tensor", "24 bits are for accumulators and have no scale"},
      {"int8:percentile=abc", "'abc' is no number"},
      {"int8:percentile=10", "percentile: expected"},
      {"int8:percentile=nan", "percentile"},
      {"int8:rotate=givens", "unknown rotation 'givens'; accepted: hadamard:N"},
      {"int8:rotate=hadamard:24", "expected a power of two from 2 to 4096"},
      {"apot:4", "3 bits beside the sign are no multiple of base 2"},
      {"codebook:values=1/1", "2 to 256 different numbers"},
      {"codebook:values=1/x", "'x' is no number"},
      {"codebook:values=1/inf", "'inf' is no number"},
      {"codebook:values=1/1e99", "numbers that 32-bit floats have"},
      {"int8:fraction=1.5", "expected a whole number"}};
  for (const auto& [text, part] : refusals) EXPECT_THAT(message_of(text), HasSubstr(part)) << text;
}

// Random strings of the grammar's words and of any bytes: a format that prints to itself, or a UserError.
TEST(Format, AnyTextIsAFormatOrAnError) {
  const std::vector<std::string> words = {"mx",
                                          "nv",
                                          "int",
                                          "uint",
                                          "fp",
                                          "_e",
                                          "m",
                                          "8",
                                          "4",
                                          ":",
                                          ":",
                                          ":",
                                          "pow2",
                                          "apot",
                                          "g",
                                          "32",
                                          "tensor",
                                          "mse",
                                          "channel",
                                          "direct",
                                          "scale=",
                                          "floor",
                                          "=",
                                          "/",
                                          "-1",
                                          "affine",
                                          "nf",
                                          "0.5",
                                          "values=",
                                          "bias",
                                          "codebook",
                                          "round=",
                                          "hadamard",
                                          "nan",
                                          "1e99",
                                          "token",
                                          "\xff",
                                          "99999999999999999999",
                                          "rotate=hadamard",
                                          "specials=ieee",
                                          "ternary",
                                          "scales=bf16",
                                          "percentile=",
                                          ""};
  Random random(5);
  int accepted = 0;
  for (int i = 0; i < 30000; ++i) {
    std::string text;
    for (int64_t word = random.integer(1, 9); word > 0; --word) text += words[random.below(words.size())];
    try {
      const Format format = parse_format(text);
      const std::string printed = format_text(format);
      EXPECT_EQ(format_text(parse_format(printed)), printed) << text;
      ++accepted;
    } catch (const UserError&) {
    }
  }
  EXPECT_GT(accepted, 100);
}

TEST(Format, RecordsOfAllPartsAreComplete) {
  EXPECT_EQ(scale_scheme_registry().names().size(), 7u);
  for (const auto& entry : scale_scheme_registry().entries())
    EXPECT_NO_THROW(entry.make(default_options(entry.parameters, entry.name))) << entry.name;
  for (const auto& entry : element_grid_registry().entries()) {
    EXPECT_TRUE(entry.make(default_options(entry.parameters, entry.name)).coded()) << entry.name;
    EXPECT_FALSE(entry.summary.empty());
  }
  EXPECT_EQ(range_estimator_registry().names().size(), 4u);
  for (const auto& entry : rounding_registry().entries()) EXPECT_EQ(rounding_name(entry.make), entry.name);
}

}  // namespace
}  // namespace nacre
