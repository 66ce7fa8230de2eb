#include "nacre/app/table.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace nacre {
namespace {

TEST(QuantityText, ChoosesTheUnitThatFits) {
  EXPECT_EQ(quantity_text(2.5, "time_s", "s"), "2.5 s");
  EXPECT_EQ(quantity_text(0.00124, "latency_s", "s"), "1.24 ms");
  EXPECT_EQ(quantity_text(8.13e-4, "latency_s", "s"), "813 µs");
  EXPECT_EQ(quantity_text(0, "latency_s", "s"), "0 s");
  EXPECT_EQ(quantity_text(1e-9, "latency_s", "s"), "0.001 µs");
  EXPECT_EQ(quantity_text(1000, "model_bytes", "B"), "1000 B");
  EXPECT_EQ(quantity_text(53700, "model_bytes", "B"), "52.44 KiB");
  EXPECT_EQ(quantity_text(0.9721, "accuracy", ""), "97.21 %");
  EXPECT_EQ(quantity_text(0.9721, "test_accuracy", ""), "97.21 %");
  EXPECT_EQ(quantity_text(9999, "params", ""), "9999");
  EXPECT_EQ(quantity_text(12345, "params", ""), "12.35 k");
  EXPECT_EQ(quantity_text(1.05e6, "macs", ""), "1.05 M");
  EXPECT_EQ(quantity_text(0.2271, "loss", ""), "0.2271");
  EXPECT_EQ(quantity_text(3.5, "area_mm2", "mm2"), "3.5 mm2");
  EXPECT_EQ(quantity_text(std::nan(""), "loss", ""), "nan");
}

TEST(TextTable, PadsByCharactersNotBytes) {
  TextTable table({"layer", ">latency"});
  table.add({"conv", "8 µs"});
  table.add({"größer", "12 ms"});
  EXPECT_EQ(table.text(),
            "layer   latency\n"
            "------  -------\n"
            "conv       8 µs\n"
            "größer    12 ms\n");
}

}  // namespace
}  // namespace nacre
