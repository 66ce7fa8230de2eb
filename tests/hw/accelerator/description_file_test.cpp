// The file of an accelerator: what it means, that it is written back equal, and every way to get it wrong.
#include "nacre/hw/accelerator/description_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/accelerator/accelerator_registry.hpp"
#include "nacre/hw/accelerator/component_costs.hpp"
#include "nacre/hw/accelerator/network_cost.hpp"

namespace nacre {
namespace {

using testing::AllOf;
using testing::HasSubstr;

AcceleratorDescription read(const std::string& yaml) {
  return accelerator_from_config(parse_config(yaml, "chip.yaml"), {});
}

std::string error_of(const std::string& yaml) {
  try {
    read(yaml);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

std::string with_level(const std::string& keys) {
  return "name: chip\nlevels:\n  - {name: DRAM}\n  - {name: buffer, " + keys + "}\n";
}

void expect_equal(const AcceleratorDescription& a, const AcceleratorDescription& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.summary, b.summary);
  EXPECT_EQ(a.clock_hz, b.clock_hz);
  EXPECT_EQ(a.node_nm, b.node_nm);
  EXPECT_EQ(a.voltage_v, b.voltage_v);
  EXPECT_EQ(a.other_area_mm2, b.other_area_mm2);
  EXPECT_EQ(a.not_modelled, b.not_modelled);
  ASSERT_EQ(a.levels.size(), b.levels.size());
  for (size_t i = 0; i < a.levels.size(); ++i) {
    const MemoryLevel& x = a.levels[i];
    const MemoryLevel& y = b.levels[i];
    SCOPED_TRACE(x.name);
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.capacity_bits, y.capacity_bits);
    EXPECT_EQ(x.access_bits, y.access_bits);
    EXPECT_EQ(x.read_bits_per_cycle, y.read_bits_per_cycle);
    EXPECT_EQ(x.write_bits_per_cycle, y.write_bits_per_cycle);
    EXPECT_EQ(x.shared_bits_per_cycle, y.shared_bits_per_cycle);
    EXPECT_EQ(x.banks, y.banks);
    EXPECT_EQ(x.double_buffered, y.double_buffered);
    EXPECT_EQ(x.read_energy_j, y.read_energy_j);
    EXPECT_EQ(x.write_energy_j, y.write_energy_j);
    EXPECT_EQ(x.leakage_w, y.leakage_w);
    EXPECT_EQ(x.area_mm2, y.area_mm2);
    EXPECT_EQ(x.holds, y.holds);
    EXPECT_EQ(x.fanout.x, y.fanout.x);
    EXPECT_EQ(x.fanout.y, y.fanout.y);
    EXPECT_EQ(x.fanout.multicast, y.fanout.multicast);
    EXPECT_EQ(x.fanout.reduction, y.fanout.reduction);
    EXPECT_EQ(x.fanout.energy_per_bit_j, y.fanout.energy_per_bit_j);
    EXPECT_EQ(x.source, y.source);
  }
  EXPECT_EQ(a.compute.name, b.compute.name);
  EXPECT_EQ(a.compute.lanes, b.compute.lanes);
  EXPECT_EQ(a.compute.energy_j, b.compute.energy_j);
  EXPECT_EQ(a.compute.rate, b.compute.rate);
  EXPECT_EQ(a.compute.area_mm2, b.compute.area_mm2);
  EXPECT_EQ(a.compute.source, b.compute.source);
  ASSERT_EQ(a.vector_unit.has_value(), b.vector_unit.has_value());
  if (a.vector_unit) {
    EXPECT_EQ(a.vector_unit->lanes, b.vector_unit->lanes);
    EXPECT_EQ(a.vector_unit->energy_j, b.vector_unit->energy_j);
    EXPECT_EQ(a.vector_unit->area_mm2, b.vector_unit->area_mm2);
    EXPECT_EQ(a.vector_unit->source, b.vector_unit->source);
  }
}

TEST(DescriptionFile, EveryKeyArrives) {
  const AcceleratorDescription chip = read(R"(name: chip
summary: a test
clock_mhz: 250
node_nm: 45
voltage_v: 0.9
levels:
  - {name: DRAM, access_bits: 64, read_bits_per_cycle: 32, write_bits_per_cycle: 16, read_energy_pj: 512,
     write_energy_pj: 600, source: made up}
  - {name: buffer, capacity_kib: 1.5, access_bits: 64, shared_bits_per_cycle: 128, banks: 2, double_buffered: true,
     holds: [outputs, inputs], leakage_mw: 0.5, area_mm2: 0.25, estimate: sram,
     fanout: {x: 4, y: 3, multicast: false, reduction: false, energy_pj_per_bit: 0.1}}
  - {name: array, holds: [], fanout: {x: 2}}
compute: {name: pe, lanes: 4, energy_pj: {int8: 0.5}, rate: {int8: 2}, area_mm2: 0.001, source: here}
vector_unit: {lanes: 8, energy_pj: 2, area_mm2: 0.01, source: there}
other_area_mm2: 1
not_modelled: [control]
)");
  EXPECT_EQ(chip.name, "chip");
  EXPECT_EQ(*chip.clock_hz, 250e6);
  EXPECT_EQ(*chip.node_nm, 45);
  EXPECT_EQ(*chip.voltage_v, 0.9);
  ASSERT_EQ(chip.levels.size(), 3u);
  EXPECT_FALSE(chip.levels[0].capacity_bits);
  EXPECT_EQ(*chip.levels[0].read_bits_per_cycle, 32);
  EXPECT_EQ(*chip.levels[0].write_energy_j, 600e-12);
  const MemoryLevel& buffer = chip.levels[1];
  EXPECT_EQ(*buffer.capacity_bits, 12288);
  EXPECT_EQ(buffer.banks, 2);
  EXPECT_TRUE(buffer.double_buffered);
  EXPECT_EQ(buffer.holds, (std::vector{TensorRole::inputs, TensorRole::outputs}));
  EXPECT_EQ(*buffer.area_mm2, 0.25) << "what is stated is not estimated";
  const ComponentCost bank = estimate_component(
      {.component = "sram", .capacity_bits = 12288, .access_bits = 64, .banks = 2, .node_nm = 45, .voltage_v = 0.9});
  EXPECT_NEAR(*buffer.read_energy_j / *bank.read_energy_j, 1.0, 1e-8);
  EXPECT_THAT(buffer.source, AllOf(HasSubstr("read energy, write energy estimated"), HasSubstr("CACTI")));
  EXPECT_EQ(chip.instances(2), 12);
  EXPECT_EQ(chip.units(), 24);
  EXPECT_TRUE(chip.levels[2].holds.empty());
  EXPECT_EQ(chip.compute.energy_j.at("int8"), 0.5e-12);
  EXPECT_EQ(chip.compute.rate.at("int8"), 2);
  EXPECT_EQ(chip.vector_unit->lanes, 8);
  EXPECT_EQ(*chip.other_area_mm2, 1);
  EXPECT_EQ(chip.not_modelled, std::vector<std::string>{"control"});
  expect_equal(read(accelerator_yaml(chip)), chip);
}

TEST(DescriptionFile, WhatIsNotGivenIsNotKnown) {
  const AcceleratorDescription chip = read("name: chip\nlevels: [{name: DRAM}]\n");
  EXPECT_FALSE(chip.clock_hz);
  EXPECT_FALSE(chip.levels[0].read_energy_j);
  EXPECT_FALSE(chip.levels[0].read_bits_per_cycle);
  EXPECT_TRUE(chip.compute.energy_j.empty());
  EXPECT_FALSE(chip.vector_unit);
  EXPECT_FALSE(accelerator_area_mm2(chip));
  EXPECT_EQ(chip.units(), 1);
}

TEST(DescriptionFile, ErrorsSayWhatAndWhere) {
  EXPECT_THAT(error_of("levels: [{name: DRAM}]"), HasSubstr("name"));
  EXPECT_THAT(error_of("name: chip"), HasSubstr("levels"));
  EXPECT_THAT(error_of("name: chip\nlevels: []"), HasSubstr("outermost first"));
  EXPECT_THAT(error_of("- a"), HasSubstr("expected an accelerator"));
  EXPECT_THAT(error_of("name: chip\nlevls: [{name: DRAM}]"), HasSubstr("did you mean 'levels'"));
  EXPECT_THAT(error_of(with_level("capacity_kb: 3")),
              AllOf(HasSubstr("chip.yaml:4:20"), HasSubstr("did you mean 'capacity_kib'")));
  EXPECT_THAT(error_of(with_level("read_bits_per_cycle: 0")),
              AllOf(HasSubstr("chip.yaml:4"), HasSubstr("above 0"), HasSubstr("leave the key out")));
  EXPECT_THAT(error_of(with_level("shared_bits_per_cycle: -4")), HasSubstr(">= 0"));
  EXPECT_THAT(error_of(with_level("write_bits_per_cycle: .inf")), HasSubstr("finite"));
  EXPECT_THAT(error_of(with_level("capacity_bits: -8")), HasSubstr("capacity_bits"));
  EXPECT_THAT(error_of(with_level("capacity_bits: 0")), HasSubstr("capacity_bits"));
  EXPECT_THAT(error_of(with_level("capacity_bits: 8, capacity_kib: 1")), HasSubstr("give one"));
  EXPECT_THAT(error_of(with_level("capacity_kib: 1e18")), HasSubstr("below 2^62"));
  EXPECT_THAT(error_of(with_level("capacity_bits: 8, access_bits: 16")), HasSubstr("cannot take one access of 16 bit"));
  EXPECT_THAT(error_of(with_level("capacity_bits: 16, access_bits: 16, double_buffered: true")),
              HasSubstr("halved by double buffering"));
  EXPECT_THAT(error_of(with_level("capacity_bits: 64, access_bits: 8, banks: 128")), HasSubstr("shared by 128 banks"));
  EXPECT_THAT(error_of(with_level("read_energy_pj: -1")), HasSubstr("read_energy_pj"));
  EXPECT_THAT(error_of(with_level("read_energy_pj: .nan")), HasSubstr("read_energy_pj"));
  EXPECT_THAT(error_of(with_level("holds: [weigths]")), HasSubstr("did you mean 'weights'"));
  EXPECT_THAT(error_of(with_level("holds: [weights, weights]")), HasSubstr("twice"));
  EXPECT_THAT(error_of(with_level("fanout: {x: 0}")), HasSubstr("x"));
  EXPECT_THAT(error_of(with_level("fanout: {z: 2}")), HasSubstr("unknown"));
  EXPECT_THAT(error_of(with_level("fanout: {x: 4000000000, y: 4000000000}")), HasSubstr("fan-outs"));
  EXPECT_THAT(error_of(with_level("fanout: {x: 100000, y: 100000}")), HasSubstr("multipliers"));
  EXPECT_THAT(error_of(with_level("fanout: {x: 5000000000}")), HasSubstr("x"));
  EXPECT_THAT(error_of(with_level("estimate: sram, capacity_kib: 4")), HasSubstr("give node_nm"));
  EXPECT_THAT(error_of("name: chip\nnode_nm: 45\nlevels: [{name: DRAM, estimate: lpdr4}]"),
              AllOf(HasSubstr("chip.yaml:3:"), HasSubstr("did you mean 'lpddr4'")));
  EXPECT_THAT(error_of("name: chip\nlevels:\n  - {name: DRAM}\n  - {name: DRAM}"),
              AllOf(HasSubstr("chip.yaml:4"), HasSubstr("twice")));
  EXPECT_THAT(error_of("name: chip\nlevels: [{name: 'a b'}]"), HasSubstr("letters"));
  EXPECT_THAT(error_of("name: chip\nlevels: [{name: DRAM, holds: [weights, inputs]}]"),
              HasSubstr("nothing holds the outputs"));
  EXPECT_THAT(error_of("name: chip\nlevels: [3]"), HasSubstr("keys of a level"));
  EXPECT_THAT(error_of("name: chip\nclock_mhz: 0\nlevels: [{name: DRAM}]"), HasSubstr("clock_mhz"));
  EXPECT_THAT(error_of("name: chip\nlevels: [{name: DRAM}]\ncompute: {lanes: 0}"), HasSubstr("lanes"));
  EXPECT_THAT(error_of("name: chip\nlevels: [{name: DRAM}]\ncompute: {rate: {int8: 0}}"), HasSubstr("rate.int8"));
  EXPECT_THAT(error_of("name: chip\nlevels: [{name: DRAM}]\ncompute: {energy_pj: 3}"), HasSubstr("{int8: 1}"));
  EXPECT_THAT(error_of("name: chip\nlevels: [{name: DRAM}]\nestimator: {commando: a}"), HasSubstr("command"));
}

TEST(DescriptionFile, AnEstimatorFillsWhatIsNotStated) {
  const TemporaryFolder folder;
  write_file_atomically(
      folder.path() / "answer.sh",
      "read line\ncase \"$line\" in\n *'\"mac\"'*) echo '{\"energy_pj\": 0.25, \"area_mm2\": 0.002}';;\n"
      " *) echo '{\"read_energy_pj\": 3, \"write_energy_pj\": 4, \"source\": \"foundry\"}';;\nesac\n");
  write_file_atomically(folder.path() / "chip.yaml",
                        "name: chip\nestimator: {command: sh answer.sh}\nlevels:\n  - {name: DRAM, estimate: stack, "
                        "read_energy_pj: 7}\ncompute: {estimate: [fp7]}\n");
  const AcceleratorDescription chip = load_accelerator((folder.path() / "chip.yaml").string());
  EXPECT_EQ(*chip.levels[0].read_energy_j, 7e-12);
  EXPECT_EQ(*chip.levels[0].write_energy_j, 4e-12);
  EXPECT_FALSE(chip.levels[0].area_mm2);
  EXPECT_THAT(chip.levels[0].source, HasSubstr("foundry"));
  EXPECT_EQ(chip.compute.energy_j.at("fp7"), 0.25e-12);
  EXPECT_EQ(*chip.compute.area_mm2, 0.002);
}

TEST(AcceleratorRegistry, EveryPresetReadsWhollyAndIsWrittenBackEqual) {
  ASSERT_EQ(accelerator_registry().names().size(), 7u);
  for (const auto& entry : accelerator_registry().entries()) {
    SCOPED_TRACE(entry.name);
    const AcceleratorDescription chip = load_accelerator(entry.name);
    EXPECT_EQ(chip.name, entry.name);
    EXPECT_FALSE(chip.summary.empty());
    EXPECT_TRUE(chip.clock_hz && chip.node_nm);
    for (const MemoryLevel& level : chip.levels) {
      EXPECT_TRUE(level.read_energy_j && level.write_energy_j && level.area_mm2) << level.name;
      EXPECT_FALSE(level.source.empty()) << level.name;
    }
    EXPECT_FALSE(chip.compute.energy_j.empty());
    EXPECT_FALSE(chip.compute.source.empty());
    ASSERT_TRUE(accelerator_area_mm2(chip));
    EXPECT_GT(*accelerator_area_mm2(chip), 0.0);
    EXPECT_LT(*accelerator_area_mm2(chip), 700.0);
    expect_equal(read(accelerator_yaml(chip)), chip);
  }
  EXPECT_EQ(load_accelerator("eyeriss").units(), 168);
  EXPECT_EQ(load_accelerator("nvdla_large").units(), 2048);
  EXPECT_EQ(load_accelerator("nvdla_small").units(), 64);
  EXPECT_EQ(load_accelerator("shidiannao").units(), 64);
  EXPECT_EQ(load_accelerator("gemmini").units(), 256);
  EXPECT_EQ(load_accelerator("tpu_like").units(), 65536);
}

std::string with_commands(const std::string& keys) {
  return "name: chip\nlevels:\n  - {name: DRAM}\n  - {name: pad}\ncommands: {" + keys + "}\n";
}

TEST(AcceleratorFile, ReadsAndWritesCommands) {
  const AcceleratorDescription chip = read(
      with_commands("level: pad, rows: 16, issue_cycles: 126, load_byte_cycles: 0.125, overlap: 4.5, source: RTL"));
  ASSERT_TRUE(chip.commands);
  EXPECT_EQ(chip.commands->level, "pad");
  EXPECT_EQ(chip.commands->rows, 16);
  EXPECT_EQ(chip.commands->request_bytes, 64);
  EXPECT_EQ(chip.commands->issue_cycles, 126);
  EXPECT_EQ(chip.commands->row_cycles, 1);
  EXPECT_EQ(chip.commands->load.byte_cycles, 0.125);
  const AcceleratorDescription again = read(accelerator_yaml(chip));
  ASSERT_TRUE(again.commands);
  for (const CommandConstant& constant : command_constants())
    EXPECT_EQ(constant.value(*again.commands), constant.value(*chip.commands)) << constant.key;
  EXPECT_EQ(again.commands->overlap, chip.commands->overlap);
  EXPECT_EQ(again.commands->source, "RTL");
  EXPECT_FALSE(read(with_level("capacity_kib: 1")).commands);
}

TEST(AcceleratorFile, CommandsThatCannotBeAreErrors) {
  EXPECT_THAT(error_of(with_commands("level: pat")),
              AllOf(HasSubstr("chip.yaml:1"), HasSubstr("unknown level 'pat'; did you mean 'pad'")));
  EXPECT_THAT(error_of(with_commands("level: DRAM")), HasSubstr("is the outermost"));
  EXPECT_THAT(error_of(with_commands("rows: 4")), HasSubstr("level"));
  EXPECT_THAT(error_of(with_commands("level: pad, issue_cycle: 4")), HasSubstr("did you mean 'issue_cycles'"));
  EXPECT_THAT(error_of(with_commands("level: pad, issue_cycles: -4")), HasSubstr("chip.yaml:5:"));
  EXPECT_THAT(error_of(with_commands("level: pad, overlap: 0.5")), HasSubstr("overlap"));
  EXPECT_THAT(error_of("name: chip\nlevels:\n  - {name: DRAM, fanout: {x: 2}}\n  - {name: pad}\n"
                       "commands: {level: pad}\n"),
              HasSubstr("has several instances"));
}

// The published ratios of Eyeriss, on the estimate of its multiply-accumulate.
TEST(AcceleratorRegistry, EyerissKeepsItsRatios) {
  const AcceleratorDescription chip = load_accelerator("eyeriss");
  const double mac = chip.compute.energy_j.at("int16");
  EXPECT_NEAR(*chip.levels[0].read_energy_j / mac, 200, 0.2);
  EXPECT_NEAR(*chip.levels[1].read_energy_j / mac, 6, 0.01);
  EXPECT_NEAR(*chip.levels[1].fanout.energy_per_bit_j * 16 / mac, 2, 0.01);
  for (size_t i = 2; i < 5; ++i) EXPECT_NEAR(*chip.levels[i].read_energy_j / mac, 1, 0.01);
}

TEST(AcceleratorRegistry, UnknownNamesAreAnswered) {
  try {
    load_accelerator("eyeris");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("did you mean 'eyeriss'"), HasSubstr("nacre list accelerators")));
  }
  EXPECT_THROW(load_accelerator("no/such/chip.yaml"), UserError);
}

}  // namespace
}  // namespace nacre
