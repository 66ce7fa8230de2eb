// Dataflow templates: cycles of the published first-order formulas, coverage of any workload on any accelerator, monotony.
#include "nacre/hw/accelerator/dataflow.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "nacre/base/error.hpp"
#include "nacre/hw/accelerator/accelerator_registry.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/loopnest/evaluate.hpp"
#include "tests/hw/loopnest/loop_time.hpp"

namespace nacre {
namespace {

using test::cycles_of;
using testing::HasSubstr;

struct Shape {
  int64_t n = 1, k = 1, c = 1, p = 1, q = 1, r = 1, s = 1, stride = 1;
};

Workload convolution(const Shape& shape) {
  Workload workload;
  workload.name = "conv";
  workload.dimensions = {{"N", shape.n}, {"K", shape.k}, {"C", shape.c}, {"P", shape.p},
                         {"Q", shape.q}, {"R", shape.r}, {"S", shape.s}};
  workload.tensors = {{"Weights", TensorRole::weights, {{{{1, 1}}}, {{{2, 1}}}, {{{5, 1}}}, {{{6, 1}}}}},
                      {"Inputs",
                       TensorRole::inputs,
                       {{{{0, 1}}}, {{{2, 1}}}, {{{3, shape.stride}, {5, 1}}}, {{{4, shape.stride}, {6, 1}}}}},
                      {"Outputs", TensorRole::outputs, {{{{0, 1}}}, {{{1, 1}}}, {{{3, 1}}}, {{{4, 1}}}}}};
  return workload;
}

int64_t cycles_on_flat(const std::string& dataflow, const Shape& shape, int64_t elements) {
  const Workload workload = convolution(shape);
  return cycles_of(workload,
                   fixed_dataflow_mapping(workload, flat_array({.elements = elements}), load_dataflow(dataflow)));
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Sheet of NASAIC: the crossing on which heterogeneous accelerators rest, at 1,024 elements.
TEST(Dataflow, GoldenCyclesOfDlaAndShi) {
  const Shape early{.k = 64, .c = 3, .p = 224, .q = 224, .r = 3, .s = 3};
  const Shape late{.k = 256, .c = 256, .p = 8, .q = 8, .r = 3, .s = 3};
  EXPECT_EQ(cycles_on_flat("dla", early, 1024), 1'806'336);
  EXPECT_EQ(cycles_on_flat("shi", early, 1024), 84'672);
  EXPECT_EQ(cycles_on_flat("dla", late, 1024), 36'864);
  EXPECT_EQ(cycles_on_flat("shi", late, 1024), 589'824);
}

TEST(Dataflow, ClosedFormsOfDlaShiAndRs) {
  std::mt19937_64 random(1);
  const auto draw = [&](std::initializer_list<int64_t> from) { return *(from.begin() + random() % from.size()); };
  for (int i = 0; i < 300; ++i) {
    const Shape x{.k = draw({1, 3, 16, 48, 64, 100, 256}),
                  .c = draw({1, 3, 16, 48, 65, 128}),
                  .p = draw({1, 7, 14, 28, 33, 56}),
                  .q = draw({1, 7, 14, 28, 33, 56}),
                  .r = draw({1, 3, 5, 7}),
                  .s = draw({1, 3, 5, 7})};
    const int64_t elements = draw({64, 256, 1024, 4096});
    EXPECT_EQ(cycles_on_flat("dla", x, elements),
              ceil_div(x.k, elements / 64) * ceil_div(x.c, 64) * x.r * x.s * x.p * x.q);
    const auto side = static_cast<int64_t>(std::sqrt(static_cast<double>(elements)));
    EXPECT_EQ(cycles_on_flat("shi", x, elements), ceil_div(x.p, side) * ceil_div(x.q, side) * x.k * x.c * x.r * x.s);
    // The sheet spreads K and C together over the sets that are left; loops spread one after the other and lose what does not
    // divide, at most a factor below two. Where the set is larger than the array the sheet counts R P / elements together.
    const int64_t sets = std::max<int64_t>(1, elements / (x.r * x.p));
    const int64_t sheet = ceil_div(x.k * x.c, sets) * std::max<int64_t>(1, ceil_div(x.r * x.p, elements)) * x.s * x.q;
    const int64_t rs = cycles_on_flat("rs", x, elements);
    EXPECT_GE(rs, sheet);
    EXPECT_LE(rs, 3 * sheet);
    if (x.k % sets == 0 && x.r * x.p <= elements && x.c % sets == 0) {
      EXPECT_EQ(rs, sheet);
    }
  }
}

TEST(Dataflow, MoreElementsAreNeverSlowerWhereSizesDivide) {
  const Shape shape{.k = 256, .c = 256, .p = 64, .q = 64, .r = 4, .s = 4};
  for (const std::string& name : dataflow_registry().names()) {
    int64_t before = INT64_MAX;
    for (int64_t elements = 64; elements <= 4096; elements *= 4) {
      const int64_t cycles = cycles_on_flat(name, shape, elements);
      EXPECT_LE(cycles, before) << name << " " << elements;
      EXPECT_GE(cycles * elements, convolution(shape).points()) << name;
      before = cycles;
    }
    EXPECT_EQ(before * 4096, convolution(shape).points()) << name << ": all busy";
  }
}

// Sheet of NASAIC, proof 1: every input and weight is read from the shared memory at least once, all work is done, and a wider
// network is never slower.
TEST(Dataflow, SharedMemoryIsReadAtLeastOnceAndBandwidthNeverHurts) {
  const Shape shapes[] = {{.k = 64, .c = 3, .p = 28, .q = 28, .r = 3, .s = 3},
                          {.k = 40, .c = 56, .p = 7, .q = 9, .r = 3, .s = 1}};
  for (const std::string& name : dataflow_registry().names()) {
    for (const Shape& shape : shapes) {
      SCOPED_TRACE(name);
      const Workload workload = convolution(shape);
      double before = INFINITY;
      for (const double bits : {16.0, 64.0, 256.0, 4096.0, 1e6}) {
        const AcceleratorDescription array = flat_array({.elements = 256, .bits_per_cycle = bits});
        const Mapping mapping = fixed_dataflow_mapping(workload, array, load_dataflow(name));
        const MappingCost cost = evaluate_mapping(workload, array, mapping);
        EXPECT_EQ(cost.multiply_accumulates, workload.points());
        EXPECT_EQ(cost.compute_cycles, cycles_of(workload, mapping));
        const auto& traffic = cost.levels[0].tensors;
        EXPECT_GE(traffic[0].reads, shape.k * shape.c * shape.r * shape.s);
        EXPECT_GE(traffic[1].reads, shape.n * shape.c * (shape.p + shape.r - 1) * (shape.q + shape.s - 1));
        EXPECT_GE(traffic[2].updates, shape.n * shape.k * shape.p * shape.q);
        EXPECT_LE(cost.cycles, before);
        before = cost.cycles;
      }
      EXPECT_GE(before, cycles_on_flat(name, shape, 256));
    }
  }
}

// What the loops ask for fits into the presets' memories, or the array itself asks for more than one of them has.
TEST(Dataflow, TilesFitThePresets) {
  const Shape shapes[] = {{.k = 64, .c = 64, .p = 56, .q = 56, .r = 3, .s = 3}, {.k = 1000, .c = 512}};
  int fitting = 0;
  for (const auto& entry : accelerator_registry().entries()) {
    const AcceleratorDescription chip = entry.make();
    for (const std::string& name : dataflow_registry().names()) {
      for (const Shape& shape : shapes) {
        Workload workload = convolution(shape);
        for (WorkloadTensor& tensor : workload.tensors) tensor.bits = 8;
        workload.partial_sum_bits = 16;
        const Mapping mapping = fixed_dataflow_mapping(workload, chip, load_dataflow(name));
        const auto misfit = mapping_misfit(workload, chip, mapping);
        if (!misfit) ++fitting;
        EXPECT_FALSE(misfit) << entry.name << " " << name << ": " << misfit->reason;
      }
    }
  }
  EXPECT_EQ(fitting, 7 * 7 * 2);
}

// Every template on every preset for odd shapes: the loops cover, no axis is overfilled, kept tensors are ones that may be kept,
// and memories change no cycle.
TEST(Dataflow, AnyWorkloadOnAnyAccelerator) {
  const std::vector<Shape> shapes = {{.k = 64, .c = 3, .p = 112, .q = 112, .r = 7, .s = 7, .stride = 2},
                                     {.n = 2, .k = 100, .c = 37, .p = 13, .q = 29, .r = 3, .s = 1},
                                     {.k = 1000, .c = 2048},
                                     {}};
  for (const auto& entry : accelerator_registry().entries()) {
    AcceleratorDescription chip = entry.make();
    AcceleratorDescription unlimited = chip;
    for (MemoryLevel& level : unlimited.levels) level.capacity_bits.reset();
    for (const std::string& name : dataflow_registry().names()) {
      for (const Shape& shape : shapes) {
        SCOPED_TRACE(entry.name + " " + name);
        const Workload workload = convolution(shape);
        const Mapping mapping = fixed_dataflow_mapping(workload, chip, load_dataflow(name));
        ASSERT_EQ(mapping.levels.size(), chip.levels.size());
        const int64_t cycles = cycles_of(workload, mapping);
        EXPECT_GE(cycles * chip.units(), workload.points());
        EXPECT_EQ(cycles, cycles_of(workload, fixed_dataflow_mapping(workload, unlimited, load_dataflow(name))));
        for (size_t i = 0; i < mapping.levels.size(); ++i) {
          int64_t x = 1;
          int64_t y = 1;
          for (const MappedLoop& loop : mapping.levels[i].loops) {
            if (loop.kind == LoopKind::spatial_x) x *= loop.factor;
            if (loop.kind == LoopKind::spatial_y) y *= loop.factor;
          }
          EXPECT_LE(x, chip.levels[i].fanout.x);
          EXPECT_LE(y, chip.levels[i].fanout.y);
          for (size_t t = 0; t < workload.tensors.size(); ++t) {
            if (!mapping.levels[i].keeps[t]) continue;
            EXPECT_NE(std::ranges::find(chip.levels[i].holds, workload.tensors[t].role), chip.levels[i].holds.end());
          }
        }
      }
    }
  }
}

TEST(Dataflow, RegistersAreWhatStays) {
  AcceleratorDescription chip = flat_array({.elements = 16});
  const Workload workload = convolution({.k = 4, .c = 4, .p = 4, .q = 4, .r = 3, .s = 3});
  const Mapping weights = fixed_dataflow_mapping(workload, chip, load_dataflow("weight_stationary"));
  EXPECT_EQ(weights.levels[1].keeps, (std::vector<bool>{true, false, false}));
  const Mapping outputs = fixed_dataflow_mapping(workload, chip, load_dataflow("output_stationary"));
  EXPECT_EQ(outputs.levels[1].keeps, (std::vector<bool>{false, false, true}));
  EXPECT_EQ(outputs.levels[0].keeps, (std::vector<bool>{true, true, true}));
  const Mapping rows = fixed_dataflow_mapping(workload, chip, load_dataflow("rs"));
  EXPECT_EQ(rows.levels[1].keeps, (std::vector<bool>{true, true, true}));
}

TEST(Dataflow, ParametersChangeTheCluster) {
  const Workload workload = convolution({.k = 64, .c = 16, .p = 8, .q = 8});
  const AcceleratorDescription array = flat_array({.elements = 256});
  const Dataflow dla = load_dataflow("dla");
  EXPECT_EQ(cycles_of(workload, fixed_dataflow_mapping(workload, array, dla)), 16 * 64);
  EXPECT_EQ(cycles_of(workload, fixed_dataflow_mapping(workload, array, with_parameters(dla, {{"cluster", 16}}))),
            4 * 64);
  try {
    with_parameters(dla, {{"clutser", 16}});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'cluster'"));
  }
  EXPECT_THROW(with_parameters(dla, {{"cluster", 0}}), UserError);
}

TEST(Dataflow, IsWrittenBackEqual) {
  for (const auto& entry : dataflow_registry().entries()) {
    const Dataflow dataflow = entry.make();
    const Dataflow again = dataflow_from_config(parse_config(dataflow_yaml(dataflow), "written"));
    EXPECT_EQ(again.name, entry.name);
    EXPECT_EQ(again.parameters, dataflow.parameters);
    EXPECT_EQ(again.order, dataflow.order);
    EXPECT_EQ(again.registers, dataflow.registers);
    ASSERT_EQ(again.spread.size(), dataflow.spread.size());
    for (size_t i = 0; i < again.spread.size(); ++i) {
      EXPECT_EQ(again.spread[i].dimensions, dataflow.spread[i].dimensions);
      EXPECT_EQ(again.spread[i].at_most, dataflow.spread[i].at_most);
    }
  }
}

TEST(Dataflow, BadFilesAreRefusedWithTheirPlace) {
  const auto error_of = [](const std::string& yaml) -> std::string {
    try {
      dataflow_from_config(parse_config(yaml, "mine.yaml"));
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(error_of("name: a\nspread:\n  - {dimensions: [K]}"), "no error");
  EXPECT_THAT(error_of("name: a\nspred: []"), HasSubstr("did you mean 'spread'"));
  EXPECT_THAT(error_of("name: a\nspread: 3"), HasSubstr("mine.yaml:2:9: spread: expected a list"));
  EXPECT_THAT(error_of("name: a\nspread: [{dimensions: []}]"), HasSubstr("without dimensions"));
  EXPECT_THAT(error_of("name: a\nspread: [{dimensions: [K, K]}]"), HasSubstr("twice"));
  EXPECT_THAT(error_of("name: a\nspread: [{dimensions: [K], at_most: cluster}]"), HasSubstr("found 'cluster'"));
  EXPECT_THAT(error_of("name: a\nspread: [{dimensions: [K], at_most: 0}]"), HasSubstr("found '0'"));
  EXPECT_THAT(error_of("name: a\nparameters: {cluster: 0}"), HasSubstr("at least 1"));
  EXPECT_THAT(error_of("name: a\norder: [K, K]"), HasSubstr("order: 'K' stands here twice"));
  EXPECT_THAT(error_of("name: a\nregisters: [weight]"), HasSubstr("did you mean 'weights'"));
  EXPECT_THROW(load_dataflow("dlla"), UserError);
}

}  // namespace
}  // namespace nacre
