// Writes the seeds of the fuzzers: make_fuzz_seeds FOLDER fills FOLDER/onnx_reader, FOLDER/graph_text, FOLDER/config
// and FOLDER/interchange, and FOLDER/operators.dict.
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>

#include "nacre/base/file.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/schema.hpp"
#include "nacre/ir/text_form.hpp"
#include "tests/ir/model_cases.hpp"
#include "tests/ir/random_graph.hpp"

namespace {

void fill(nacre::Graph& graph) {
  for (size_t i = 0; i < graph.initializers().size(); ++i) {
    nacre::Initializer& initializer = graph.initializer(static_cast<int32_t>(i));
    if (initializer.data != nullptr) continue;
    const nacre::Value& value = graph.value(initializer.value);
    initializer.data = std::make_shared<const nacre::Tensor>(value.type, value.shape->extents());
  }
}

constexpr const char* kConfigurations[] = {
    "task: {data: digits, metric: accuracy, split: [0.8, 0.2]}\nspace:\n  name: mbconv\n  widths: [16, 24]\ntarget: "
    "{batch: 1, threads: 1}\n"
    "limits:\n  params: 20_000\n  latency_s: 1.5e-3\nsearch:\n  strategy: regularized_evolution\n  trials: "
    "32\noutput_dir: runs/digits\n",
    "flag: true\ntrials: 12\nrate: 0.25\nname: b\nwidths: [1, 2, 3]\nscales: [0.5, 1e3]\nwords: [x, 'y']\nrest: {a: "
    "{b: [1, {c: null}]}}\n",
    "a: &x {k: 1}\nb: *x\nc:\n  - 'quoted'\n  - \"\\u00e9\\n\"\n  - |\n    block\n    text\n  - >-\n    folded\n    "
    "text\n",
    "--- # comment\n? key\n: value\nempty:\nnan: .nan\ninf: -.inf\noct: 0o17\nhex: 0x1f\ndate: 2001-01-01\ntilde: ~\n",
    "{\"json\": [1, -2.5e-3, true, false, null, \"\\u0041\", {\"nested\": {}}]}\n",
};

// The first byte says as what: YAML, MAESTRO's layers, SCALE-Sim's configuration and topology.
constexpr const char* kInterchange[] = {
    "0arch:\n  arithmetic: {name: m, instances: 4, meshX: 2}\n  storage:\n  - {name: r, instances: 4, meshX: 2, "
    "entries: 4}\n"
    "  - {name: d, technology: DRAM}\nproblem: {K: 4, C: 2}\nmapping:\n- {target: d, type: temporal, factors: K0 C2, "
    "permutation: KC}\n",
    "0architecture:\n  version: 0.4\n  nodes:\n  - !Component {name: D, class: DRAM, attributes: {width: 64, "
    "datawidth: 8}}\n  "
    "- !Container {name: P, spatial: {meshX: 4}, constraints: {spatial: {factors: [C=2], split: 1}}}\n  - !Parallel\n  "
    "  "
    "nodes:\n    - !Component {name: a, class: RF, attributes: {depth: 4, width: 8}}\n    - !Nothing {}\n",
    "0name: c\nmemories:\n  s: {size: 64, operands: [I1, I2, O], served_dimensions: [D1], ports: [{type: read, "
    "bandwidth_max: "
    "8}]}\noperational_array: {unit_energy: 1, dimensions: [D1], sizes: [4]}\n",
    "0- {id: 0, equation: 'O[b][ox]+=W[fx]*I[b][ix]', dimension_relations: [ix=2*ox+1*fx], loop_dims: [B, OX, FX], "
    "loop_sizes: [1, 4, 3]}\n- {name: a, spatial_mapping: {D1: ['K, 4']}, temporal_ordering: [[OX, 2]]}\n",
    "0{% set A=A | default(1) %}\narch:\n  nodes:\n  - !Memory {name: m, size: 8 * 8, tensors: {keep: All}, actions: "
    "[{name: "
    "read, energy: {{A}}}]}\n  - !Compute {name: c}\n",
    "0ERT: {tables: [{name: 'a.b[1..2]', actions: [{name: read, energy: 2}]}]}\nART: {tables: [{name: b, area: 1}]}\n",
    "0name: chip\nnode_nm: 45\nlevels:\n- {name: d, estimate: lpddr4}\n- {name: b, capacity_kib: 4, estimate: sram, "
    "fanout: {x: "
    "4}}\ncompute: {estimate: [int8]}\n",
    "0name: f\nparameters: {w: 4}\nspread: [{dimensions: [C], at_most: w}, {dimensions: [K]}]\norder: [K, C]\n",
    "1Constant T 2;\nNetwork n { Layer a { Type: CONV Stride { X: 1, Y: 1 } Dimensions { K: 4, C: 2, R: 3, S: 3, Y: 5, "
    "X: 5 } "
    "Dataflow { SpatialMap(1,1) K; TemporalMap(T,T) C; TemporalMap(Sz(R),1) Y; Cluster(2, P); SpatialMap(1,1) C; } } "
    "}\n",
    "1num_pes: 64\nl1_size_cstr: 100\n",
    "2ArrayHeight: 4\nArrayWidth: 4\nIfmapSramSzkB: 1\nFilterSramSzkB: 1\nOfmapSramSzkB: 1\nDataflow: ws\n",
    "3Layer,H,W,R,S,C,K,Strides,\na,8,8,3,3,4,4,1,\n",
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_fuzz_seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder(argv[1]);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    nacre::Graph graph = nacre::testing::random_graph(seed, 2 + static_cast<int>(seed % 6));
    nacre::write_file_atomically(folder / "graph_text" / std::to_string(seed), nacre::print_graph(graph));
    fill(graph);
    nacre::write_file_atomically(folder / "onnx_reader" / std::to_string(seed), nacre::write_onnx_bytes(graph));
  }
  // Whole networks: recurrent, with bodies, quantized, and with fused operators of runtimes.
  const auto add_model = [&](const char* name, const std::string& bytes) {
    nacre::write_file_atomically(folder / "onnx_reader" / name, bytes);
  };
  add_model("lstm", nacre::write_onnx_bytes(nacre::testing::lstm_classifier(1)));
  add_model("branch_and_loop", nacre::write_onnx_bytes(nacre::testing::branch_and_loop(2)));
  add_model("scan", nacre::write_onnx_bytes(nacre::testing::scan_network({}, 3)));
  add_model("quantized", nacre::write_onnx_bytes(nacre::testing::quantized_network(4)));
  add_model("decoder", nacre::testing::decoder_file(5));
  // Words for libFuzzer to put in: operators, attributes and the texts of attributes.
  std::set<std::string> words = {"NOTSET",  "SAME_UPPER",  "VALID",       "linear", "constant",
                                 "reflect", "then_branch", "else_branch", "body"};
  for (const nacre::OperatorSchema* schema : nacre::all_operators()) {
    words.insert(schema->name);
    for (const nacre::AttributeSchema& attribute : schema->attributes) words.insert(attribute.name);
  }
  std::string dictionary;
  for (const std::string& word : words) dictionary += "\"" + word + "\"\n";
  nacre::write_file_atomically(folder / "operators.dict", dictionary);
  int number = 0;
  for (const char* text : kInterchange)
    nacre::write_file_atomically(folder / "interchange" / std::to_string(number++), text);
  number = 0;
  for (const char* text : kConfigurations)
    nacre::write_file_atomically(folder / "config" / std::to_string(number++), text);
  return 0;
}
