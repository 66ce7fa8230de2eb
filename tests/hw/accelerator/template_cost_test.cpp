#include "nacre/hw/accelerator/template_cost.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

const TemplateConstants kConstants;

SubAccelerator instance(const std::string& dataflow, int64_t pe, double bandwidth = 1e6) {
  return {dataflow, pe, bandwidth};
}
TemplateCost cost(const LayerShape& shape, const SubAccelerator& on) {
  return template_cost(shape, on, kConstants).value();
}

// The crossing for which accelerators are made of different templates: 21 and 16 times.
TEST(TemplateCost, GoldenCycles) {
  const LayerShape early{.outputs = 64, .inputs = 3, .rows = 3, .columns = 3, .height = 224, .width = 224};
  EXPECT_EQ(cost(early, instance("dla", 1024)).compute_cycles, 1'806'336);
  EXPECT_EQ(cost(early, instance("shi", 1024)).compute_cycles, 84'672);
  EXPECT_EQ(cost(early, instance("shi", 1024)).utilization, 1.0);
  const LayerShape late{.outputs = 256, .inputs = 256, .rows = 3, .columns = 3, .height = 8, .width = 8};
  EXPECT_EQ(cost(late, instance("dla", 1024)).compute_cycles, 36'864);
  EXPECT_EQ(cost(late, instance("dla", 1024)).utilization, 1.0);
  EXPECT_EQ(cost(late, instance("shi", 1024)).compute_cycles, 589'824);
}

// Walks the templates step by step: in each cycle every PE does one multiply-accumulate or none.
struct Walk {
  int64_t cycles = 0, busy = 0;
};

Walk walk_dla(const LayerShape& s, int64_t pe) {
  Walk walk;
  const int64_t lanes = std::min<int64_t>(64, pe), clusters = std::max<int64_t>(1, pe / 64);
  for (int64_t image = 0; image < s.batch * s.groups; ++image)
    for (int64_t k = 0; k < s.outputs; k += clusters)
      for (int64_t c = 0; c < s.inputs; c += lanes)
        for (int64_t tap = 0; tap < s.rows * s.columns; ++tap)
          for (int64_t position = 0; position < s.height * s.width; ++position) {
            ++walk.cycles;
            walk.busy += std::min(clusters, s.outputs - k) * std::min(lanes, s.inputs - c);
          }
  return walk;
}

Walk walk_shi(const LayerShape& s, int64_t pe) {
  Walk best;
  for (int64_t y = 1; y <= pe; ++y) {
    const int64_t x = pe / y;
    Walk walk;
    for (int64_t image = 0; image < s.batch * s.groups; ++image)
      for (int64_t row = 0; row < s.height; row += y)
        for (int64_t column = 0; column < s.width; column += x)
          for (int64_t step = 0; step < s.outputs * s.inputs * s.rows * s.columns; ++step) {
            ++walk.cycles;
            walk.busy += std::min(y, s.height - row) * std::min(x, s.width - column);
          }
    if (best.cycles == 0 || walk.cycles < best.cycles) best = walk;
  }
  return best;
}

Walk walk_rs(const LayerShape& s, int64_t pe) {
  Walk walk;
  const int64_t set = s.rows * s.height, sets = std::max<int64_t>(1, pe / set);
  for (int64_t image = 0; image < s.batch * s.groups; ++image)
    for (int64_t pair = 0; pair < s.outputs * s.inputs; pair += sets)
      for (int64_t part = 0; part < set; part += std::min(set, pe))
        for (int64_t step = 0; step < s.columns * s.width; ++step) {
          ++walk.cycles;
          walk.busy += std::min(sets, s.outputs * s.inputs - pair) * std::min(std::min(set, pe), set - part);
        }
  return walk;
}

LayerShape random_shape(Random& random) {
  return {.batch = random.integer(1, 2),
          .groups = random.integer(1, 2),
          .outputs = random.integer(1, 9),
          .inputs = random.integer(1, 70),
          .rows = random.integer(1, 3),
          .columns = random.integer(1, 3),
          .height = random.integer(1, 7),
          .width = random.integer(1, 7),
          .stride_rows = random.integer(1, 2),
          .stride_columns = random.integer(1, 2)};
}

TEST(TemplateCost, EqualsAWalkAndConservesMultiplyAccumulates) {
  Random random = Random::stream(0, "templates");
  for (int i = 0; i < 100; ++i) {
    const LayerShape shape = random_shape(random);
    const int64_t pe = random.integer(1, 300);
    const std::map<std::string, Walk> walks = {
        {"dla", walk_dla(shape, pe)}, {"shi", walk_shi(shape, pe)}, {"rs", walk_rs(shape, pe)}};
    for (const auto& [dataflow, walk] : walks) {
      const TemplateCost found = cost(shape, instance(dataflow, pe));
      EXPECT_EQ(found.compute_cycles, walk.cycles) << dataflow;
      EXPECT_EQ(walk.busy, shape.macs()) << dataflow;
      EXPECT_LE(found.utilization, 1.0) << dataflow;
    }
  }
}

// Elements of the inputs that the layer reads at all.
int64_t inputs_read(const LayerShape& s) {
  const auto positions = [](int64_t outputs, int64_t taps, int64_t stride, int64_t dilation) {
    std::set<int64_t> read;
    for (int64_t o = 0; o < outputs; ++o)
      for (int64_t t = 0; t < taps; ++t) read.insert(o * stride + t * dilation);
    return std::ssize(read);
  };
  return s.batch * s.groups * s.inputs * positions(s.height, s.rows, s.stride_rows, s.dilation_rows) *
         positions(s.width, s.columns, s.stride_columns, s.dilation_columns);
}

TEST(TemplateCost, ReadsEveryTensorAtLeastOnce) {
  Random random = Random::stream(1, "templates");
  for (int i = 0; i < 200; ++i) {
    const LayerShape shape = random_shape(random);
    for (const std::string& dataflow : template_names()) {
      const TemplateTraffic traffic = cost(shape, instance(dataflow, random.integer(1, 2048))).traffic;
      EXPECT_GE(traffic.weight_reads, shape.groups * shape.outputs * shape.inputs * shape.rows * shape.columns)
          << dataflow;
      EXPECT_GE(traffic.input_reads, inputs_read(shape)) << dataflow;
      EXPECT_GE(traffic.output_writes, shape.batch * shape.groups * shape.outputs * shape.height * shape.width)
          << dataflow;
    }
  }
}

TEST(TemplateCost, FallsWithBandwidthAndProcessingElements) {
  const LayerShape shape{.outputs = 128, .inputs = 128, .rows = 3, .columns = 3, .height = 32, .width = 32};
  for (const std::string& dataflow : template_names()) {
    for (double bandwidth = 1; bandwidth <= 64; bandwidth *= 2) {
      double last = 0;
      for (int64_t pe = 4096; pe >= 64; pe /= 2) {
        const TemplateCost now = cost(shape, instance(dataflow, pe, bandwidth));
        EXPECT_GE(now.cycles, last) << dataflow << " " << pe;
        EXPECT_LE(cost(shape, instance(dataflow, pe, 2 * bandwidth)).cycles, now.cycles);
        EXPECT_EQ(now.cycles, std::max(now.compute_cycles, std::ceil(now.transfer_cycles)));
        last = now.cycles;
      }
    }
  }
}

// Published designs of NASAIC and its two baselines with their areas.
TEST(TemplateCost, AreasAsPublished) {
  const std::vector<std::tuple<SubAccelerator, SubAccelerator, double>> published = {
      {{"dla", 2112, 48}, {"shi", 1984, 16}, 4710}, {{"dla", 1088, 24}, {"shi", 2368, 40}, 3820},
      {{"dla", 576, 56}, {"shi", 1792, 8}, 2030},   {{"dla", 2368, 56}, {"shi", 1728, 8}, 4830},
      {{"dla", 2112, 24}, {"shi", 1536, 40}, 3860}, {{"dla", 2112, 40}, {"shi", 1184, 24}, 3340}};
  for (const auto& [first, second, area_mm2] : published) {
    const double area = template_area(first, kConstants).total_mm2() + template_area(second, kConstants).total_mm2();
    EXPECT_NEAR(area / area_mm2, 1, 0.012) << area_mm2;
  }
}

TEST(TemplateCost, WhatIsLeftOutCostsNothingAndUnknownDataflowsAreRefused) {
  EXPECT_FALSE(template_cost({}, instance("dla", 0), kConstants).has_value());
  EXPECT_FALSE(template_cost({}, {"dla", 64, 0}, kConstants).has_value());
  EXPECT_EQ(template_area(instance("dla", 0), kConstants).total_mm2(), 0);
  try {
    template_cost({}, instance("dlo", 64), kConstants);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("unknown dataflow 'dlo'; did you mean 'dla'?"));
  }
}

}  // namespace
}  // namespace nacre
