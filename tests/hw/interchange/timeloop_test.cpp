// Timeloop's files, read and written.
#include "nacre/hw/interchange/timeloop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/config_dialect.hpp"
#include "nacre/base/error.hpp"
#include "nacre/hw/interchange/imported.hpp"
#include "nacre/hw/mapper/mapper.hpp"
#include "tests/hw/interchange/interchange_data.hpp"

namespace nacre {
namespace {

using testing::Contains;
using testing::HasSubstr;

Imported read(const std::string& yaml) { return read_timeloop(parse_config_dialect(yaml, "tl.yaml").root, "tl"); }

std::string error_of(const std::string& yaml) {
  try {
    read(yaml);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

constexpr const char* kArch = R"(arch:
  arithmetic: {name: MACs, instances: 256, meshX: 16, word-bits: 16, energy: 1}
  storage:
  - {name: Reg, instances: 256, meshX: 16, entries: 4, word-bits: 16, vector-access-energy: 1, read_bandwidth: 2}
  - {name: Dummy, instances: 16, meshX: 16, entries: 0, word-bits: 16}
  - {name: Buffer, instances: 1, meshX: 1, sizeKB: 128, word-bits: 16, block-size: 4, vector-access-energy: 24, colour: 3}
  - {name: DRAM, technology: DRAM, instances: 1, word-bits: 16}
)";

TEST(Timeloop, AListOfStorageLevels) {
  const Imported imported = read(kArch);
  const AcceleratorDescription& chip = imported.accelerators.at(0);
  ASSERT_EQ(chip.levels.size(), 4u);
  EXPECT_EQ(chip.levels[0].name, "DRAM");
  EXPECT_FALSE(chip.levels[0].capacity_bits);
  EXPECT_FALSE(chip.levels[0].read_energy_j) << "not stated";
  EXPECT_EQ(*chip.levels[1].capacity_bits, 128 * 8192);
  EXPECT_EQ(chip.levels[1].access_bits, 64);
  EXPECT_DOUBLE_EQ(*chip.levels[1].read_energy_j, 24e-12);
  EXPECT_EQ(chip.levels[1].fanout.x, 16);
  EXPECT_EQ(chip.levels[2].fanout.y, 16);
  EXPECT_TRUE(chip.levels[2].holds.empty());
  EXPECT_EQ(*chip.levels[3].read_bits_per_cycle, 32);
  EXPECT_EQ(chip.units(), 256);
  EXPECT_DOUBLE_EQ(chip.compute.energy_j.at("int16"), 1e-12);
  EXPECT_THAT(imported.warnings, Contains(HasSubstr("level 'Buffer': not modelled: colour")));
  EXPECT_EQ(chip.not_modelled, imported.warnings);
}

TEST(Timeloop, ATreeOfSubtrees) {
  const Imported imported = read(R"(architecture:
  version: 0.3
  subtree:
  - name: system
    attributes: {technology: 45nm}
    local:
    - {name: DRAM, class: DRAM, attributes: {type: LPDDR4, width: 64, datawidth: 8}}
    subtree:
    - name: chip
      local:
      - {name: buffer, class: SRAM, attributes: {depth: 8192, width: 64, datawidth: 8, n_banks: 2, read_bandwidth: 16}}
      subtree:
      - name: PE[0..15]
        local:
        - {name: spad, class: regfile, attributes: {depth: 16, width: 8, datawidth: 8, meshX: 4}}
        - {name: mac, class: intmac, attributes: {datawidth: 8, meshX: 4}}
)");
  const AcceleratorDescription& chip = imported.accelerators.at(0);
  ASSERT_EQ(chip.levels.size(), 3u);
  EXPECT_EQ(chip.levels[1].fanout.x, 4);
  EXPECT_EQ(chip.levels[1].fanout.y, 4);
  EXPECT_EQ(*chip.levels[1].capacity_bits, 8192 * 64);
  EXPECT_EQ(*chip.levels[1].read_bits_per_cycle, 128);
  EXPECT_DOUBLE_EQ(*chip.levels[0].read_energy_j, 512e-12) << "8 pJ a bit";
  EXPECT_EQ(chip.units(), 16);
  EXPECT_THAT(chip.levels[1].source, HasSubstr("estimated"));
}

TEST(Timeloop, ContainersAreFanouts) {
  const auto data = test::shared_data("formats");
  if (!data) GTEST_SKIP() << "needs formats of the shared data (NACRE_DATA or ../shared/data)";
  const Imported eyeriss = import_file(*data / "timeloop/v0.4_eyeriss_like/arch.yaml");
  const AcceleratorDescription& chip = eyeriss.accelerators.at(0);
  std::vector<std::string> names;
  for (const MemoryLevel& level : chip.levels) names.push_back(level.name);
  EXPECT_EQ(names, (std::vector<std::string>{"DRAM", "shared_glb", "inter_PE_column_spatial", "inter_PE_spatial",
                                             "ifmap_spad", "weights_spad", "psum_spad"}));
  EXPECT_EQ(chip.levels[2].fanout.x, 14);
  EXPECT_EQ(chip.levels[3].fanout.y, 12);
  EXPECT_EQ(chip.levels[1].holds, (std::vector{TensorRole::inputs, TensorRole::outputs}));
  EXPECT_EQ(chip.levels[5].holds, std::vector{TensorRole::weights});
  EXPECT_EQ(*chip.levels[1].capacity_bits, 16384 * 64);
  EXPECT_EQ(*chip.node_nm, 65);
}

// The mapping that its mapper found for R=S=3, C=3, M=32, P=Q=112, stride 2, as its own report prints it.
TEST(Timeloop, MappingsOfTheNewerForm) {
  const auto data = test::shared_data("formats");
  if (!data) GTEST_SKIP() << "needs formats of the shared data (NACRE_DATA or ../shared/data)";
  Imported problem = import_file(*data / "timeloop/problem_base.yaml");
  Workload workload = problem.workloads.at(0);
  const std::map<std::string, int64_t> sizes = {{"R", 3}, {"S", 3}, {"C", 3}, {"M", 32}, {"P", 112}, {"Q", 112}};
  for (LoopDimension& dimension : workload.dimensions)
    if (sizes.contains(dimension.name)) dimension.size = sizes.at(dimension.name);
  const std::filesystem::path folder = *data / "timeloop";
  const auto text_of = [&](const char* name) {
    const Imported arch = import_file(folder / name / "arch.yaml");
    const Imported mapping = import_file(folder / name / "timeloop-mapper.map.yaml");
    return mapping_text(mapping_of_directives(mapping.directives, workload, arch.accelerators.at(0)), workload,
                        arch.accelerators.at(0));
  };
  EXPECT_EQ(
      text_of("v0.4_eyeriss_like"),
      "DRAM[WIO] P8 Q2 M4 | shared_glb[IO] P14 Q4 | inter_PE_column_spatial[] Q14:X | inter_PE_spatial[] C3:Y S3:Y | "
      "ifmap_spad[I] | weights_spad[W] R3 | psum_spad[O] M8");
  EXPECT_THAT(text_of("v0.4_simba_like"),
              HasSubstr("DRAM[WIO] Q28 | GlobalBuffer[IO] P4 | inter_PE_spatial[] C3:X M4:X"));
}

TEST(Timeloop, TablesFillAnArchitecture) {
  const auto data = test::shared_data("formats");
  if (!data) GTEST_SKIP() << "needs formats of the shared data (NACRE_DATA or ../shared/data)";
  AcceleratorDescription chip = import_file(*data / "timeloop/v0.4_eyeriss_like/arch.yaml").accelerators.at(0);
  std::vector<std::string> warnings;
  const Imported energies = import_file(*data / "accelergy/eyeriss_like.ERT.yaml");
  const Imported areas = import_file(*data / "accelergy/eyeriss_like.ART.yaml");
  EXPECT_EQ(apply_component_table(energies.components, chip, warnings), 11);
  EXPECT_EQ(apply_component_table(areas.components, chip, warnings), 8);
  EXPECT_DOUBLE_EQ(*chip.levels[1].read_energy_j, 18.183829e-12);
  EXPECT_DOUBLE_EQ(*chip.levels[1].write_energy_j, 14.137929e-12);
  EXPECT_DOUBLE_EQ(*chip.levels[5].area_mm2, 5816.44278e-6);
  EXPECT_DOUBLE_EQ(chip.compute.energy_j.at("int8"), 0.207692e-12);
  EXPECT_TRUE(warnings.empty());
}

// Every mapping of the reference results goes out as a file and comes back the same, on architectures from their files.
TEST(Timeloop, MappingsAndProblemsAreWrittenBack) {
  const auto data = test::shared_data("hw-reference");
  if (!data) GTEST_SKIP() << "needs hw-reference of the shared data (NACRE_DATA or ../shared/data)";
  std::map<std::string, AcceleratorDescription> chips;
  for (const char* name : {"eyeriss", "nvdla", "shidiannao"})
    chips[name] = import_file(*data / "inputs" / fmt::format("arch_{}.yaml", name)).accelerators.at(0);
  std::map<std::string, Workload> shapes;
  for (const char* name : {"conv", "depthwise"})
    shapes[name] = import_file(*data / "inputs" / fmt::format("problem_{}.yaml", name)).workloads.at(0);
  std::map<std::string, std::map<std::string, std::string>> layers;
  for (const auto& row : test::csv_rows(*data / "layers.csv")) layers[row.at("network") + row.at("layer")] = row;
  int judged = 0;
  for (const auto& row : test::csv_rows(*data / "timeloop_model.csv")) {
    const auto& shape = layers.at(row.at("network") + row.at("layer"));
    const bool depthwise = shape.at("groups") != "1";
    Workload workload = shapes.at(depthwise ? "depthwise" : "conv");
    for (LoopDimension& dimension : workload.dimensions)
      dimension.size = std::stoll(shape.at(depthwise && dimension.name == "C" ? "groups" : dimension.name));
    const std::string arch = row.at("arch");
    const AcceleratorDescription& chip = chips.at(arch.substr(0, arch.find('_')));
    const Mapping mapping = parse_mapping(row.at("mapping"), workload, chip);
    const Imported again = read(timeloop_mapping_yaml(mapping, workload, chip));
    EXPECT_EQ(mapping_text(mapping_of_directives(again.directives, workload, chip), workload, chip),
              mapping_text(mapping, workload, chip));
    if (++judged % 20 != 0) continue;
    const Workload written = read(timeloop_problem_yaml(workload)).workloads.at(0);
    ASSERT_EQ(written.tensors.size(), workload.tensors.size());
    EXPECT_EQ(written.points(), workload.points());
    for (size_t t = 0; t < written.tensors.size(); ++t) {
      EXPECT_EQ(written.tensors[t].role, workload.tensors[t].role);
      ASSERT_EQ(written.tensors[t].axes.size(), workload.tensors[t].axes.size());
      for (size_t a = 0; a < written.tensors[t].axes.size(); ++a)
        for (size_t i = 0; i < written.tensors[t].axes[a].terms.size(); ++i)
          EXPECT_EQ(written.tensors[t].axes[a].terms[i].coefficient, workload.tensors[t].axes[a].terms[i].coefficient);
    }
  }
  EXPECT_EQ(judged, 444);
  for (const auto& [name, chip] : chips) {
    const AcceleratorDescription again = read(timeloop_architecture_yaml(chip, 16)).accelerators.at(0);
    ASSERT_EQ(again.levels.size(), chip.levels.size()) << name;
    EXPECT_EQ(again.units(), chip.units());
    for (size_t i = 0; i < chip.levels.size(); ++i) {
      EXPECT_EQ(again.levels[i].capacity_bits, chip.levels[i].capacity_bits) << name << " " << chip.levels[i].name;
      EXPECT_EQ(again.levels[i].fanout.x, chip.levels[i].fanout.x);
      EXPECT_EQ(again.levels[i].read_bits_per_cycle, chip.levels[i].read_bits_per_cycle);
      EXPECT_EQ(again.levels[i].read_energy_j, chip.levels[i].read_energy_j);
    }
  }
}

// The space of its files, searched by nacre's mapper with its way of counting: the optimum that visiting all of it found.
TEST(Timeloop, ConstraintsGiveTheMapspaceOfItsFiles) {
  const auto data = test::shared_data("hw-reference");
  if (!data) GTEST_SKIP() << "needs hw-reference of the shared data (NACRE_DATA or ../shared/data)";
  std::map<std::string, std::map<std::string, std::string>> layers;
  for (const auto& row : test::csv_rows(*data / "layers.csv")) layers[row.at("network") + row.at("layer")] = row;
  int judged = 0;
  for (const auto& row : test::csv_rows(*data / "timeloop_exhaustive.csv")) {
    if (row.at("spatial_free") != "1") continue;
    const auto& shape = layers.at(row.at("network") + row.at("layer"));
    const bool depthwise = shape.at("groups") != "1";
    const std::filesystem::path inputs = *data / "inputs";
    const AcceleratorDescription chip = import_file(inputs / "arch_eyeriss.yaml").accelerators.at(0);
    Workload workload =
        import_file(inputs / (depthwise ? "problem_depthwise.yaml" : "problem_conv.yaml")).workloads.at(0);
    for (LoopDimension& dimension : workload.dimensions)
      dimension.size = std::stoll(shape.at(depthwise && dimension.name == "C" ? "groups" : dimension.name));
    for (WorkloadTensor& tensor : workload.tensors) {
      for (TensorAxis& axis : tensor.axes) {
        // The stride is the coefficient of the output's position in a window.
        if (axis.terms.size() == 2) axis.terms[1].coefficient = std::stoll(shape.at("stride"));
      }
    }
    const Imported file = import_file(inputs / (depthwise ? "cons_eyeriss_dw.yaml" : "cons_eyeriss.yaml"));
    MapperOptions options;
    options.rules = CountingRules::timeloop();
    std::vector<std::string> warnings;
    options.constraints = constraints_of_directives(file.directives, workload, chip, warnings);
    EXPECT_TRUE(warnings.empty());
    const MappingResult result = find_mapping(workload, chip, options);
    EXPECT_TRUE(result.proved);
    EXPECT_NEAR(result.objective / 1e-12 / std::stod(row.at("edp")), 1.0, 1e-9)
        << row.at("layer") << ": " << mapping_text(result.mapping, workload, chip) << "; " << row.at("mapping");
    ++judged;
  }
  EXPECT_GE(judged, 3);
}

TEST(Timeloop, AFactorOfZeroIsWhatRemains) {
  const AcceleratorDescription chip = read(kArch).accelerators.at(0);
  const Workload workload = read("problem: {K: 24, C: 10, P: 3, Q: 1, R: 1, S: 1, N: 1}\n").workloads.at(0);
  const Imported mapping = read(
      "mapping:\n- {target: DRAM, type: temporal, factors: K0 C=0 P3, permutation: KCP}\n"
      "- {target: Buffer, type: spatial, factors: 'K=16', split: 1, permutation: 'K, C'}\n"
      "- {target: Reg, type: temporal, factors: [C=4]}\n- {target: Buffer, type: bypass, bypass: [Weights]}\n");
  EXPECT_EQ(mapping_text(mapping_of_directives(mapping.directives, workload, chip), workload, chip),
            "DRAM[WIO] P3 C3 K2 | Buffer[IO] K16:X | Dummy[] | Reg[WIO] C4");
  const auto error = [&](const std::string& directives) -> std::string {
    try {
      mapping_of_directives(read("mapping:\n" + directives).directives, workload, chip);
    } catch (const UserError& failure) {
      return failure.what();
    }
    return "no error";
  };
  EXPECT_THAT(error("- {target: DRAM, type: temporal, factors: K3 C10 P3}"), HasSubstr("covers 3 of 24 steps of K"));
  EXPECT_THAT(error("- {target: DRUM, type: temporal, factors: K0}"), HasSubstr("did you mean 'DRAM'"));
  EXPECT_THAT(error("- {target: DRAM, type: temporal, factors: KK0}"), HasSubstr("unknown dimension"));
  EXPECT_THAT(
      error("- {target: Buffer, type: spatial, factors: K24}\n- {target: DRAM, type: temporal, factors: C10 P3}"),
      HasSubstr("wants 24 x 1 children, there are 16 x 1"));
  const Workload odd = read("problem: {K: 13, C: 1, P: 1, Q: 1, R: 1, S: 1, N: 1}\n").workloads.at(0);
  const Mapping uneven = mapping_of_directives(
      read("mapping:\n- {target: DRAM, type: temporal, factors: K3}\n- {target: Reg, type: temporal, factors: K5}")
          .directives,
      odd, chip);
  try {
    timeloop_mapping_yaml(uneven, odd, chip);
    FAIL();
  } catch (const UserError& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("dimension K of 13 steps is covered by factors of 15"));
  }
}

TEST(Timeloop, BadFilesAreRefusedWithTheirPlace) {
  EXPECT_THAT(error_of("version: 0.4\n"), HasSubstr("no architecture, problem, mapping or constraints"));
  EXPECT_THAT(error_of("arch: {storage: []}\n"), HasSubstr("expected a list of levels"));
  EXPECT_THAT(
      error_of(
          "arch: {storage: [{name: a, instances: 3}, {name: b, instances: 2}], arithmetic: {name: m, instances: 3}}"),
      HasSubstr("do not divide"));
  EXPECT_THAT(error_of("arch: {storage: [{name: a, read_bandwidth: -1}], arithmetic: {name: m}}"), HasSubstr("-1"));
  EXPECT_THAT(error_of("arch: {storage: [{name: a, read_bandwidth: 0}], arithmetic: {name: m}}"), HasSubstr("above 0"));
  EXPECT_THAT(error_of("problem: {K: 0, C: 1}"), HasSubstr("tl.yaml:1:14: K: expected at least 1"));
  EXPECT_THAT(error_of("problem: {shape: {dimensions: [A], data-spaces: [{name: X, projection: [[[B]]]}]}}"),
              HasSubstr("'B' is no dimension"));
  EXPECT_THAT(error_of("problem: {shape: {dimensions: [A], data-spaces: [{name: X, projection: [[[A]]]}]}}"),
              HasSubstr("0 data spaces are read-write"));
  EXPECT_THAT(error_of("mapping: [{target: a, type: temporal, factors: K}]"), HasSubstr("factor 'K'"));
  EXPECT_THAT(error_of("architecture: {nodes: [!Thing {name: a}]}"), HasSubstr("!Thing"));
  EXPECT_THAT(error_of("architecture: {version: 0.4}"), HasSubstr("nodes (v0.4)"));
}

}  // namespace
}  // namespace nacre
