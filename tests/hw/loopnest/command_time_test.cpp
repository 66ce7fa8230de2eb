// A chip that works off commands: what is counted, against a walk over the commands, and how the time is put together.
#include "nacre/hw/loopnest/command_time.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"
#include "nacre/hw/loopnest/bulk_evaluator.hpp"
#include "nacre/hw/loopnest/evaluate.hpp"

namespace nacre {
namespace {

struct Layer {
  int64_t channels = 8, filters = 8, rows = 6, columns = 6, kernel = 3, stride = 1;
};

Workload convolution(const Layer& layer) {
  enum : int { C, K, P, Q, R, S };
  return {.name = "conv",
          .dimensions = {{"C", layer.channels},
                         {"K", layer.filters},
                         {"P", layer.rows},
                         {"Q", layer.columns},
                         {"R", layer.kernel},
                         {"S", layer.kernel}},
          .tensors = {
              {.name = "Weights", .role = TensorRole::weights, .axes = {{{{R}}}, {{{S}}}, {{{C}}}, {{{K}}}}, .bits = 8},
              {.name = "Inputs",
               .role = TensorRole::inputs,
               .axes = {{{{P, layer.stride}, {R}}}, {{{Q, layer.stride}, {S}}}, {{{C}}}},
               .bits = 8},
              {.name = "Outputs", .role = TensorRole::outputs, .axes = {{{{P}}}, {{{Q}}}, {{{K}}}}, .bits = 8}}};
}

AcceleratorDescription chip() {
  AcceleratorDescription result{.name = "chip"};
  result.levels = {{.name = "DRAM"},
                   {.name = "pad", .holds = {TensorRole::weights, TensorRole::inputs}, .fanout = {.x = 4}},
                   {.name = "sum", .holds = {TensorRole::outputs}, .fanout = {.x = 4}}};
  result.commands = CommandStream{.level = "pad", .rows = 4, .request_bytes = 4};
  return result;
}

// All commands one after the other, each counted as command_time.hpp says.
struct Walked {
  double commands = 0, rows = 0, instructions = 0, blocks = 0, load_requests = 0, load_bytes = 0, store_bytes = 0;
};

int64_t up(int64_t value, int64_t by) { return (value + by - 1) / by; }

Walked walk(const Layer& l, const std::array<int64_t, 6>& tile, int64_t block_c, int64_t block_k) {
  Walked sum;
  const auto sizes = [](int64_t size, int64_t step) {
    std::vector<int64_t> result;
    for (int64_t at = 0; at < size; at += step) result.push_back(std::min(step, size - at));
    return result;
  };
  for (const int64_t c : sizes(l.channels, tile[0]))
    for (const int64_t k : sizes(l.filters, tile[1]))
      for (const int64_t p : sizes(l.rows, tile[2]))
        for (const int64_t q : sizes(l.columns, tile[3]))
          for (const int64_t r : sizes(l.kernel, tile[4]))
            for (const int64_t s : sizes(l.kernel, tile[5])) {
              const auto blocks = static_cast<double>(up(c, block_c) * up(k, block_k) * r * s);
              const int64_t high = (p - 1) * l.stride + r, wide = (q - 1) * l.stride + s;
              sum.commands += 1;
              sum.blocks += blocks;
              sum.rows += blocks * static_cast<double>(p * q);
              sum.instructions += blocks * static_cast<double>(p * up(q, 4));
              sum.load_requests += static_cast<double>(high * wide * up(c, 4) + r * s * c * up(k, 4));
              sum.load_bytes += static_cast<double>(high * wide * c + r * s * c * k);
            }
  sum.store_bytes = static_cast<double>(l.filters * l.rows * l.columns);
  return sum;
}

// C and K spread by 4 innermost, the rest of a tile in temporal loops around them.
Mapping mapping_of(const Layer& l, const std::array<int64_t, 6>& tile) {
  const std::array<int64_t, 6> sizes = {l.channels, l.filters, l.rows, l.columns, l.kernel, l.kernel};
  Mapping mapping{.levels = {{.loops = {}, .keeps = {true, true, true}},
                             {.loops = {{1, tile[1] / 4}, {1, 4, LoopKind::spatial_x}}, .keeps = {true, true, false}},
                             {.loops = {}, .keeps = {false, false, true}}}};
  for (int d = 0; d < 6; ++d) {
    const auto i = static_cast<std::size_t>(d);
    mapping.levels[0].loops.push_back({d, up(sizes[i], tile[i])});
    if (d != 1) mapping.levels[2].loops.push_back({d, d == 0 ? tile[i] / 4 : tile[i]});
  }
  mapping.levels[2].loops.push_back({0, 4, LoopKind::spatial_x});
  return mapping;
}

TEST(CommandTime, CountsWhatAWalkOverTheCommandsCounts) {
  Random random(11);
  for (int round = 0; round < 60; ++round) {
    const Layer layer{.channels = random.integer(4, 20),
                      .filters = random.integer(4, 20),
                      .rows = random.integer(1, 9),
                      .columns = random.integer(2, 9),
                      .kernel = random.integer(1, 3),
                      .stride = random.integer(1, 2)};
    const std::array<int64_t, 6> tile = {4 * random.integer(1, 3), 4 * random.integer(1, 3), random.integer(1, 4),
                                         random.integer(1, 9),     random.integer(1, 2),     random.integer(1, 2)};
    const Workload workload = convolution(layer);
    const Mapping mapping = mapping_of(layer, tile);
    SCOPED_TRACE(mapping_text(mapping, workload, chip()));
    const CommandCounter counter(workload, chip());
    Nest nest;
    flatten_mapping(workload, mapping, nest);
    Walked counted;
    for (const CommandGroup& group : counter.groups(nest)) {
      counted.commands += group.commands;
      counted.rows += group.commands * group.rows;
      counted.instructions += group.commands * group.instructions;
      counted.blocks += group.commands * group.blocks;
      counted.load_requests += group.commands * group.load_requests;
      counted.load_bytes += group.commands * group.load_bytes;
      counted.store_bytes += group.commands * group.store_bytes;
    }
    const Walked walked = walk(layer, tile, 4, 4);
    EXPECT_DOUBLE_EQ(counted.commands, walked.commands);
    EXPECT_DOUBLE_EQ(counted.rows, walked.rows);
    EXPECT_DOUBLE_EQ(counted.instructions, walked.instructions);
    EXPECT_DOUBLE_EQ(counted.blocks, walked.blocks);
    EXPECT_DOUBLE_EQ(counted.load_requests, walked.load_requests);
    EXPECT_DOUBLE_EQ(counted.load_bytes, walked.load_bytes);
    EXPECT_NEAR(counted.store_bytes, walked.store_bytes, 1e-9 * walked.store_bytes);
    EXPECT_TRUE(counter.windows());
  }
}

struct Prepared {
  Workload workload = convolution({});
  Mapping mapping = mapping_of({}, {4, 8, 2, 6, 3, 3});
};

TEST(CommandTime, PartsOverlapAsFarAsTheDescriptionSays) {
  CommandGroup group{.commands = 10, .rows = 100, .instructions = 25, .blocks = 5, .load_requests = 30};
  CommandStream stream{.level = "pad"};
  stream.issue_cycles = 50;
  stream.load.request_cycles = 2;
  stream.layer_cycles = 7;
  stream.command_cycles = 3;
  EXPECT_DOUBLE_EQ(CommandCounter::cycles({group}, stream, false), 7 + 10 * (3 + 100));
  stream.window_issue_cycles = 80;
  EXPECT_DOUBLE_EQ(CommandCounter::cycles({group}, stream, true), 7 + 10 * (3 + 130));
  stream.overlap = 1;
  EXPECT_DOUBLE_EQ(CommandCounter::cycles({group}, stream, false), 7 + 10 * (3 + 50 + 60 + 100));
  double before = CommandCounter::cycles({group}, stream, false);
  for (const double overlap : {1.5, 2.0, 4.0, 16.0, 60.0}) {
    stream.overlap = overlap;
    const double now = CommandCounter::cycles({group}, stream, false);
    EXPECT_LT(now, before);
    EXPECT_GT(now, 7 + 10 * (3 + 100));
    before = now;
  }
  EXPECT_NEAR(before, 7 + 10 * (3 + 100), 1e-3);
}

TEST(CommandTime, AMappingTakesTheSlowerOfItsTransfersAndItsCommands) {
  const Prepared prepared;
  AcceleratorDescription with = chip(), without = chip();
  without.commands.reset();
  const double plain = evaluate_mapping(prepared.workload, without, prepared.mapping).cycles;
  with.commands->row_cycles = 0;
  EXPECT_EQ(evaluate_mapping(prepared.workload, with, prepared.mapping).cycles, plain);
  with.commands->issue_cycles = 1e6;
  const MappingCost slow = evaluate_mapping(prepared.workload, with, prepared.mapping);
  EXPECT_DOUBLE_EQ(slow.cycles, 2 * 3 * 1e6);
  EXPECT_EQ(slow.bottleneck, "commands");
  // Timeloop knows no commands.
  EXPECT_EQ(evaluate_mapping(prepared.workload, with, prepared.mapping, CountingRules::timeloop()).cycles,
            evaluate_mapping(prepared.workload, without, prepared.mapping, CountingRules::timeloop()).cycles);
}

TEST(CommandTime, InBulkTheSame) {
  const Prepared prepared;
  AcceleratorDescription with = chip();
  with.commands->issue_cycles = 200;
  const BulkEvaluator bulk(prepared.workload, with, prepared.mapping);
  std::vector<int64_t> bounds;
  for (const LevelMapping& level : prepared.mapping.levels)
    for (const MappedLoop& loop : level.loops) bounds.push_back(loop.factor);
  std::array<BulkCost, 1> cost;
  bulk.evaluate(bounds, {}, cost);
  EXPECT_EQ(cost[0].cycles, evaluate_mapping(prepared.workload, with, prepared.mapping).cycles);
}

TEST(CommandTime, NeedsItsLevel) {
  AcceleratorDescription wrong = chip();
  wrong.commands->level = "cache";
  EXPECT_THROW(CommandCounter(convolution({}), wrong), UserError);
}

}  // namespace
}  // namespace nacre
