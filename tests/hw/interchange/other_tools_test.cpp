// ZigZag, Stream, SCALE-Sim, accelforge: what their files say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/config_dialect.hpp"
#include "nacre/base/error.hpp"
#include "nacre/hw/interchange/accelergy.hpp"
#include "nacre/hw/interchange/imported.hpp"
#include "nacre/hw/interchange/scale_sim.hpp"
#include "nacre/hw/interchange/zigzag.hpp"
#include "tests/hw/interchange/interchange_data.hpp"
#include "tests/hw/loopnest/loop_time.hpp"

namespace nacre {
namespace {

using testing::Contains;
using testing::HasSubstr;

std::string error_of(const std::string& text, const std::filesystem::path& name) {
  try {
    import_text(text, name);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ConfigDialect, TagsRepeatedKeysAndMergedMaps) {
  const DialectConfig config = parse_config_dialect(
      "base: &b {x: 1, y: 2}\nnodes:\n- !Component {name: a}\n- !Nothing {}\nmade: {<<: *b, y: 3}\nk: 1\nk: 2\n",
      "f.yaml");
  EXPECT_EQ(config.root.at("nodes").items[0].at(kTagKey).scalar, "Component");
  EXPECT_EQ(config.root.at("nodes").items[1].at(kTagKey).scalar, "Nothing");
  EXPECT_EQ(config.root.at("made").as_json(), (Json{{"y", 3}, {"x", 1}}));
  EXPECT_EQ(config.root.at("k").as_integer("k"), 2);
  EXPECT_EQ(config.repeated, std::vector<std::string>{"f.yaml:7:1: 'k' stands there twice, the last is read"});
  EXPECT_THROW(parse_config("k: 1\nk: 2\n", "f.yaml"), UserError);
  EXPECT_THROW(parse_config_dialect("a: {<<: 3}\n", "f.yaml"), UserError);
}

constexpr const char* kCore = R"(name: core
memories:
  reg: {size: 8, r_cost: 0.1, w_cost: 0.2, operands: [I2], served_dimensions: [],
        ports: [{name: r, type: read, bandwidth_min: 8, bandwidth_max: 8}, {name: w, type: write, bandwidth_min: 8, bandwidth_max: 8}]}
  sums: {size: 32, r_cost: 0.1, w_cost: 0.2, operands: [O], served_dimensions: [D2],
         ports: [{name: r, type: read, bandwidth_min: 32, bandwidth_max: 32}]}
  sram: {size: 65536, r_cost: 5, w_cost: 6, area: 0, operands: [I1, I2, O], served_dimensions: [D1, D2], latency: 1,
         ports: [{name: rw, type: read_write, bandwidth_min: 64, bandwidth_max: 128}]}
operational_array: {unit_energy: 0.5, unit_area: 1, dimensions: [D1, D2], sizes: [4, 3]}
)";

TEST(Zigzag, MemoriesBecomeLevelsByWhatTheyServe) {
  const AcceleratorDescription chip = import_text(kCore, "core.yaml").accelerators.at(0);
  ASSERT_EQ(chip.levels.size(), 3u);
  EXPECT_EQ(chip.levels[0].name, "sram");
  EXPECT_EQ(*chip.levels[0].shared_bits_per_cycle, 128);
  EXPECT_DOUBLE_EQ(*chip.levels[0].write_energy_j, 6e-12);
  EXPECT_EQ(chip.levels[0].access_bits, 128);
  EXPECT_EQ(chip.levels[0].fanout.x, 4);  // D1
  EXPECT_EQ(chip.levels[1].name, "sums");
  EXPECT_EQ(chip.levels[1].fanout.y, 3);  // D2
  EXPECT_EQ(chip.instances(1), 4);
  EXPECT_EQ(chip.instances(2), 12);
  EXPECT_EQ(chip.levels[2].holds, std::vector{TensorRole::weights});
  EXPECT_EQ(chip.units(), 12);
}

TEST(Zigzag, WorkloadsAndMappings) {
  const auto data = test::shared_data("formats");
  if (!data) GTEST_SKIP() << "needs formats of the shared data (NACRE_DATA or ../shared/data)";
  const Imported layers = import_file(*data / "zigzag/workload_resnet18.yaml");
  ASSERT_EQ(layers.workloads.size(), 31u);
  const Workload& first = layers.workloads[0];
  EXPECT_EQ(first.points(), 118'013'952);
  EXPECT_EQ(first.dimensions[4].name, "Q");
  const WorkloadTensor& inputs = first.tensors[2];
  EXPECT_EQ(inputs.name, "I");
  EXPECT_EQ(inputs.axes[3].terms[0].coefficient, 2) << "stride";
  EXPECT_EQ(first.tensors[0].bits, 8) << "finished outputs";
  EXPECT_EQ(first.partial_sum_bits, 16);
  EXPECT_THAT(layers.warnings, Contains(HasSubstr("type Pooling")));
  const Imported mappings = import_file(*data / "zigzag/mapping_tpu_like.yaml");
  ASSERT_EQ(mappings.dataflows.size(), 4u);
  const Imported chip = import_file(*data / "zigzag/tpu_like.yaml");
  EXPECT_THAT(chip.warnings, Contains(HasSubstr("'ports' stands there twice")));
  EXPECT_EQ(chip.accelerators[0].units(), 1024);
  // K 32 by C 32: its own results on this accelerator say 50,176 cycles for 256 x 64 x 56 x 56 (computation, without loading).
  Workload conv = layers.workloads[0];
  for (LoopDimension& dimension : conv.dimensions)
    dimension.size =
        std::map<std::string, int64_t>{{"K", 256}, {"C", 64}, {"P", 56}, {"Q", 56}}.contains(dimension.name)
            ? std::map<std::string, int64_t>{{"K", 256}, {"C", 64}, {"P", 56}, {"Q", 56}}.at(dimension.name)
            : 1;
  EXPECT_EQ(test::cycles_of(conv, fixed_dataflow_mapping(conv, chip.accelerators[0], mappings.dataflows[0])), 50'176);
}

TEST(Zigzag, CoresOfStreamShareTheMemoryOutside) {
  const auto data = test::shared_data("formats");
  if (!data) GTEST_SKIP() << "needs formats of the shared data (NACRE_DATA or ../shared/data)";
  const Imported chip = import_file(*data / "stream/tpu_like_quad_core.yaml");
  ASSERT_EQ(chip.accelerators.size(), 6u);
  for (const AcceleratorDescription& core : chip.accelerators) {
    EXPECT_EQ(core.levels[0].name, "offchip_dram");
    EXPECT_EQ(*core.levels[0].shared_bits_per_cycle, 64);
  }
  EXPECT_EQ(chip.accelerators[0].units(), 1024);
  EXPECT_EQ(chip.accelerators[5].units(), 64);
  EXPECT_THAT(chip.warnings, Contains(HasSubstr("13 links between cores are not modelled")));
}

TEST(Zigzag, BadFilesAreRefused) {
  std::string text = kCore;
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    return error_of(changed, "core.yaml");
  };
  EXPECT_THAT(with("[D2]", "[D5]"), HasSubstr("unknown dimension of the array 'D5'"));
  EXPECT_THAT(with("operands: [O]", "operands: [P]"), HasSubstr("expected I1, I2 or O"));
  EXPECT_THAT(with("size: 32", "size: 0"), HasSubstr("expected bits >= 1"));
  EXPECT_THAT(with("bandwidth_max: 128", "bandwidth_max: 0"), HasSubstr("above 0"));
  EXPECT_THAT(with("sizes: [4, 3]", "sizes: [4]"), HasSubstr("one of at least 0 for each dimension"));
  EXPECT_THAT(with("type: read_write", "type: both"), HasSubstr("'both'"));
  EXPECT_THAT(error_of("- {equation: 'O[b]=I[c]', loop_dims: [B], loop_sizes: [2]}", "w.yaml"),
              HasSubstr("'c' is no loop dimension"));
  EXPECT_THAT(error_of("- {equation: 'O[b', loop_dims: [B], loop_sizes: [2]}", "w.yaml"), HasSubstr("no '='"));
  EXPECT_THAT(error_of("cores: {0: nowhere.yaml}", "s.yaml"), HasSubstr("nowhere.yaml"));
}

TEST(ScaleSim, ConfigurationAndTopology) {
  const std::string configuration =
      "[general]\nrun_name = a\n[architecture_presets]\nArrayHeight: 16\nArrayWidth: 8\nIfmapSramSzkB: "
      "64\nFilterSramSzkB: "
      "32\nOfmapSramSzkB: 16\nDataflow : os\nBandwidth : 10\n[run_presets]\nInterfaceBandwidth: USER\n";
  const Imported imported = import_text(configuration, "a.cfg");
  const AcceleratorDescription& chip = imported.accelerators.at(0);
  EXPECT_EQ(chip.units(), 128);
  EXPECT_EQ(chip.levels.back().fanout.y, 16);
  EXPECT_EQ(*chip.levels[0].shared_bits_per_cycle, 80);
  EXPECT_EQ(*chip.levels[1].capacity_bits, 32 * 8192);
  EXPECT_EQ(imported.dataflows.at(0).name, "output_stationary");
  const Imported layers = import_text(
      "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num "
      "Filter, Strides,\nConv1,224,224,7,7,3,64,2,\nFC,1,1,1,1,512,1000,1,\n",
      "net.csv");
  ASSERT_EQ(layers.workloads.size(), 2u);
  EXPECT_EQ(layers.workloads[0].dimensions[3].size, 109);
  EXPECT_EQ(layers.workloads[1].points(), 512'000);
  EXPECT_THAT(error_of("ArrayHeight: 16\n", "a.cfg"), HasSubstr("is missing"));
  EXPECT_THAT(error_of("ArrayHeight 16\n", "a.cfg"), HasSubstr("a.cfg:1:1: expected 'key: value'"));
  std::string zero = configuration;
  zero.replace(zero.find("ArrayWidth: 8"), 13, "ArrayWidth: 0");
  EXPECT_THAT(error_of(zero, "a.cfg"), HasSubstr("a.cfg:5:1: ArrayWidth"));
  std::string other = configuration;
  other.replace(other.find(" os"), 3, " rs");
  EXPECT_THAT(error_of(other, "a.cfg"), HasSubstr("expected os, ws or is"));
  EXPECT_THAT(error_of("a,1,1,3,3,1,1,1\n", "net.csv"), HasSubstr("the kernel is larger than its input"));
  EXPECT_THAT(error_of("a,1,1,3\n", "net.csv"), HasSubstr("4 cells; expected 8"));
}

TEST(Accelforge, ThroughputsBecomeBandwidthsWhereTheClockIsKnown) {
  const auto data = test::shared_data("formats");
  if (!data) GTEST_SKIP() << "needs formats of the shared data (NACRE_DATA or ../shared/data)";
  const AcceleratorDescription nvdla = import_file(*data / "accelforge/nvdla.yaml").accelerators.at(0);
  EXPECT_EQ(*nvdla.clock_hz, 1e9);
  EXPECT_NEAR(*nvdla.levels[0].read_bits_per_cycle, 8 * 38.4, 1e-9);
  EXPECT_EQ(*nvdla.levels[1].capacity_bits, 64 * 8192);
  EXPECT_NEAR(*nvdla.levels[1].write_bits_per_cycle, 1024, 1e-9);
  EXPECT_EQ(nvdla.levels[1].fanout.x, 32);
  EXPECT_EQ(nvdla.levels[1].fanout.y, 192);
  EXPECT_DOUBLE_EQ(nvdla.compute.energy_j.at("int8"), 0.084e-12);
  const Imported simple = import_file(*data / "accelforge/simple.yaml");
  EXPECT_DOUBLE_EQ(*simple.accelerators.at(0).levels[0].read_energy_j, 1.0) << "its default of the template, in joules";
}

TEST(ImportFile, WhatIsNoKnownFileIsRefused) {
  EXPECT_THAT(error_of("a: 1\n", "a.yaml"), HasSubstr("--as"));
  EXPECT_THAT(error_of("x\n", "report.txt"), HasSubstr("a report for people"));
  EXPECT_THAT(error_of("{% for x in y %}\n", "a.yaml"), HasSubstr("render the template first"));
  EXPECT_THAT(error_of("ERT: {tables: [{name: a, actions: [{name: read, energy: -1}]}]}", "a.yaml"), HasSubstr("-1"));
  EXPECT_THROW(import_text("a: 1\n", "a.yaml", {.kind = "timelop"}), UserError);
}

}  // namespace
}  // namespace nacre
