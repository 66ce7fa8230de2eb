// Small files of every kind, damaged at random places: values or a UserError, nothing else.
#include <gtest/gtest.h>

#include <random>

#include "nacre/base/error.hpp"
#include "nacre/hw/accelerator/dataflow.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/interchange/imported.hpp"
#include "nacre/hw/interchange/timeloop.hpp"

namespace nacre {
namespace {

struct Seed {
  const char* name;
  const char* text;
};

constexpr Seed kSeeds[] = {
    {"a.yaml",
     "arch:\n  arithmetic: {name: m, instances: 4, meshX: 2}\n  storage:\n  - {name: r, instances: 4, meshX: 2, "
     "entries: 4, "
     "word-bits: 16, read_bandwidth: 2, vector-access-energy: 1}\n  - {name: d, technology: DRAM}\nproblem: {K: 4, C: "
     "2}\n"
     "mapping:\n- {target: d, type: temporal, factors: K0 C2, permutation: KC}\n- {target: d, type: spatial, factors: "
     "K2, split: "
     "1}\n"},
    {"b.yaml",
     "architecture:\n  version: 0.4\n  nodes:\n  - !Component {name: D, class: DRAM, attributes: {width: 64, "
     "datawidth: 8}}\n  - "
     "!Container {name: P, spatial: {meshX: 4}, attributes: {technology: 45nm}, constraints: {spatial: {factors: "
     "[C=2], split: "
     "1}}}\n  - !Parallel\n    nodes:\n    - !Component {name: a, class: RF, attributes: {depth: 4, width: 8}}\n    - "
     "!Nothing "
     "{}\n"},
    {"c.yaml",
     "name: c\nmemories:\n  s: {size: 64, r_cost: 1, operands: [I1, I2, O], served_dimensions: [D1], ports: [{type: "
     "read, "
     "bandwidth_max: 8}]}\noperational_array: {unit_energy: 1, dimensions: [D1], sizes: [4]}\n"},
    {"d.yaml",
     "- {id: 0, equation: 'O[b][ox]+=W[fx]*I[b][ix]', dimension_relations: [ix=2*ox+1*fx], loop_dims: [B, OX, FX], "
     "loop_sizes: "
     "[1, 4, 3]}\n- {name: a, spatial_mapping: {D1: ['K, 4']}, temporal_ordering: [[OX, 2]]}\n"},
    {"e.yaml",
     "{% set A=A | default(1) %}\narch:\n  nodes:\n  - !Memory {name: m, size: 8 * (8 - 2), tensors: {keep: All}, "
     "actions: "
     "[{name: read, energy: {{A}}}]}\n  - !Compute {name: c}\n"},
    {"f.yaml",
     "ERT: {tables: [{name: 'a.b[1..2]', actions: [{name: read, energy: 2}]}]}\nART: {tables: [{name: b, area: 1}]}\n"},
    {"g.m",
     "Constant T 2;\nNetwork n { Layer a { Type: CONV Stride { X: 1, Y: 1 } Dimensions { K: 4, C: 2, R: 3, S: 3, Y: 5, "
     "X: 5 } "
     "Dataflow { SpatialMap(1,1) K; TemporalMap(T,T) C; TemporalMap(Sz(R),1) Y; Cluster(2, P); SpatialMap(1,1) C; } } "
     "}\n"},
    {"h.m", "num_pes: 64\nl1_size_cstr: 100\nnoc_bw_cstr: 8\n"},
    {"i.cfg",
     "ArrayHeight: 4\nArrayWidth: 4\nIfmapSramSzkB: 1\nFilterSramSzkB: 1\nOfmapSramSzkB: 1\nDataflow: ws\nBandwidth: "
     "9\n"},
    {"j.csv", "Layer,H,W,R,S,C,K,Strides,\na,8,8,3,3,4,4,1,\n"},
    {"k.yaml",
     "name: chip\nnode_nm: 45\nlevels:\n- {name: d, estimate: lpddr4}\n- {name: b, capacity_kib: 4, estimate: sram, "
     "fanout: {x: "
     "4}}\ncompute: {estimate: [int8]}\n"},
    {"l.yaml",
     "name: f\nparameters: {w: 4}\nspread: [{dimensions: [C], at_most: w}, {dimensions: [K]}]\norder: [K, C]\n"}};

std::string damaged(const std::string& text, std::mt19937_64& random) {
  constexpr std::string_view kWords[] = {"0",     "-1",   "9999999999999999999",
                                         "1e400", ".nan", ".inf",
                                         "",      "[",    "]",
                                         "{",     "}",    ":",
                                         ",",     "\n",   "'",
                                         "&a",    "*a",   "!x",
                                         "1.5",   "[]",   "{}",
                                         "..",    "/",    "~"};
  std::string result = text;
  const size_t times = 1 + random() % 3;
  for (size_t i = 0; i < times && !result.empty(); ++i) {
    const size_t at = random() % result.size();
    switch (random() % 5) {
      case 0: result[at] = static_cast<char>(32 + random() % 95); break;
      case 1: result.erase(at, 1 + random() % 8); break;
      case 2: result.insert(at, kWords[random() % std::size(kWords)]); break;
      case 3: result = result.substr(0, at); break;
      default: {
        // A number becomes another.
        const size_t digit = result.find_first_of("0123456789", at);
        if (digit == std::string::npos) break;
        size_t end = digit;
        while (end < result.size() && std::isdigit(static_cast<unsigned char>(result[end])) != 0) ++end;
        result.replace(digit, end - digit, kWords[random() % 6]);
      }
    }
  }
  return result;
}

void read_any(const std::string& text, const std::string& name) {
  try {
    const Imported imported = import_text(text, name, {.kind = "", .elements = 64});
    for (const AcceleratorDescription& accelerator : imported.accelerators) {
      const AcceleratorDescription again =
          accelerator_from_config(parse_config(accelerator_yaml(accelerator), "again"), {});
      EXPECT_EQ(again.units(), accelerator.units());
      for (const Workload& workload : imported.workloads)
        mapping_of_directives(imported.directives, workload, accelerator);
    }
  } catch (const UserError&) {
  }
  if (name != "k.yaml" && name != "l.yaml") return;
  try {
    const ConfigNode root = parse_config(text, name);
    if (name == "l.yaml") {
      dataflow_from_config(root);
    } else {
      accelerator_from_config(root, {});
    }
  } catch (const UserError&) {
  }
}

TEST(HostileFiles, AreUserErrorsOrValues) {
  for (const Seed& seed : kSeeds) {
    std::mt19937_64 random(7);
    for (int i = 0; i < 700; ++i) {
      const std::string text = damaged(seed.text, random);
      SCOPED_TRACE(text);
      EXPECT_NO_THROW(read_any(text, seed.name));
    }
  }
}

}  // namespace
}  // namespace nacre
