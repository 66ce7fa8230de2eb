// nacre inspect MODEL: parameters, MACs, memory, hashes and a table per layer, without running the model.
#include <fmt/format.h>

#include <iostream>

#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/config.hpp"
#include "nacre/ir/entropy.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/ir/text_form.hpp"

namespace nacre {
namespace {

struct InspectOptions {
  std::string model;
  std::vector<std::string> bindings;
  bool text = false;
  bool entropy = false;
};

SymbolBindings parse_bindings(const std::vector<std::string>& words) {
  SymbolBindings bindings;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UserError("--bind '" + word + "': expected name=number, e.g. batch=1");
    const int64_t extent = parse_config(word.substr(equals + 1), "--bind " + word).as_integer(word.substr(0, equals));
    if (extent < 0) throw UserError("--bind '" + word + "': expected a number >= 0");
    bindings[word.substr(0, equals)] = extent;
  }
  return bindings;
}

std::string signature_text(const Graph& graph, const std::vector<ValueId>& values) {
  std::string text;
  for (const ValueId id : values) {
    const Value& value = graph.value(id);
    text += (text.empty() ? "" : ", ") + value_text(graph, id) + " " + std::string(element_type_name(value.type)) +
            (value.shape.has_value() ? graph.shape_text(*value.shape) : "[?]");
  }
  return text;
}

std::string place(const Graph& graph, const Node& node) {
  const std::string& scope = graph.scope(node.scope);
  return !scope.empty() ? scope : node.name;
}

Json node_json(const Graph& graph, const NodeStatistics& row) {
  const Node& node = graph.node(row.node);
  Json json = {{"op", node.op}, {"place", place(graph, node)}};
  if (!node.outputs.empty() && graph.value(node.outputs[0]).shape.has_value()) {
    json["output"] = graph.shape_text(*graph.value(node.outputs[0]).shape);
  }
  json["params"] = row.parameters;
  json["macs"] = row.macs;
  json["flops"] = row.flops;
  json["weight_bytes"] = row.weight_bytes;
  json["output_bytes"] = row.output_bytes;
  return json;
}

void print_entropy(const Graph& graph) {
  const std::vector<EntropyScale> scales = entropy_scales(graph);
  const Entropy entropy = entropy_of(scales);
  std::cout << fmt::format("entropy            {:.2f}  (scales weighted 1, ..., 1, 8)\n", entropy.weighted);
  std::cout << fmt::format("effectiveness      {:.4f}  (depth over width, the largest of all scales)\n",
                           entropy.largest_effectiveness);
  TextTable table({">scale", ">layers", ">channels", ">area", ">entropy", ">effectiveness"});
  int64_t layers = 0;
  for (size_t i = 0; i < scales.size(); ++i) {
    layers += scales[i].layers;
    table.add({std::to_string(i + 1), std::to_string(layers), std::to_string(scales[i].channels),
               std::to_string(scales[i].area), fmt::format("{:.2f}", entropy.per_scale[i]),
               fmt::format("{:.4f}", entropy.effectiveness[i])});
  }
  std::cout << "\n" << table.text();
}

Json entropy_json(const Graph& graph) {
  const std::vector<EntropyScale> scales = entropy_scales(graph);
  const Entropy entropy = entropy_of(scales);
  Json json = {{"weighted", entropy.weighted}, {"effectiveness", entropy.largest_effectiveness}};
  int64_t layers = 0;
  for (size_t i = 0; i < scales.size(); ++i) {
    layers += scales[i].layers;
    json["scales"].push_back({{"layers", layers},
                              {"channels", scales[i].channels},
                              {"area", scales[i].area},
                              {"entropy", entropy.per_scale[i]},
                              {"effectiveness", entropy.effectiveness[i]}});
  }
  return json;
}

void print_text(const InspectOptions& options, const Graph& graph, const GraphStatistics& statistics,
                const std::string& structure, const std::string& content) {
  std::cout << fmt::format("model              {}\n", options.model);
  std::cout << fmt::format("inputs             {}\n", signature_text(graph, graph.inputs));
  std::cout << fmt::format("outputs            {}\n", signature_text(graph, graph.outputs));
  std::cout << fmt::format("nodes              {}\n", statistics.nodes.size());
  std::cout << fmt::format("params             {}\n", statistics.parameters);
  std::cout << fmt::format("macs               {}\n", statistics.macs);
  std::cout << fmt::format("flops              {}\n", statistics.flops);
  std::cout << fmt::format("model_bytes        {}\n", statistics.weight_bytes);
  std::cout << fmt::format(
      "peak_memory_bytes  {}{}\n", statistics.peak_activation_bytes,
      statistics.peak_node == kNone ? "" : "  (at " + node_text(graph, statistics.peak_node) + ")");
  std::cout << fmt::format("structure_hash     {}\ncontent_hash       {}\n", structure, content);
  if (!statistics.opaque.empty()) {
    std::string names;
    for (const std::string& name : statistics.opaque) names += (names.empty() ? "" : ", ") + name;
    std::cout << "not counted        " << names << " (unknown operators: the sums are lower bounds)\n";
  }
  for (const auto& [key, value] : graph.metadata) std::cout << fmt::format("metadata           {} = {}\n", key, value);
  if (options.entropy) print_entropy(graph);
  TextTable table({"layer", "op", "output", ">params", ">macs", ">output bytes"});
  for (const NodeStatistics& row : statistics.nodes) {
    const Node& node = graph.node(row.node);
    const Value& output = graph.value(node.outputs.at(0));
    table.add({place(graph, node), node.op, output.shape.has_value() ? graph.shape_text(*output.shape) : "?",
               std::to_string(row.parameters), std::to_string(row.macs), std::to_string(row.output_bytes)});
  }
  std::cout << "\n" << table.text();
}

void inspect(const InspectOptions& options, const Session& session) {
  Graph graph = read_onnx(options.model);
  if (options.text) {
    std::cout << print_graph(graph, {.multiline = true}) << "\n";
    return;
  }
  const std::string structure = structure_hash(graph).hex();
  const std::string content = content_hash(graph).hex();
  SymbolBindings bindings = parse_bindings(options.bindings);
  bindings.try_emplace("batch", 1);
  bindings.try_emplace("N", 1);
  graph.bind_symbols(bindings);
  const GraphStatistics statistics = count_graph(graph);
  if (!session.json) return print_text(options, graph, statistics, structure, content);
  Json json = {{"model", options.model},
               {"params", statistics.parameters},
               {"macs", statistics.macs},
               {"flops", statistics.flops},
               {"model_bytes", statistics.weight_bytes},
               {"peak_memory_bytes", statistics.peak_activation_bytes},
               {"structure_hash", structure},
               {"content_hash", content},
               {"not_counted", statistics.opaque},
               {"metadata", graph.metadata}};
  if (options.entropy) json["entropy"] = entropy_json(graph);
  Json& layers = json["layers"] = Json::array();
  for (const NodeStatistics& row : statistics.nodes) layers.push_back(node_json(graph, row));
  std::cout << json.dump(2) << "\n";
}

}  // namespace

void add_inspect(Command& program, Session& session) {
  Command verb = program.add_verb("inspect", "parameters, MACs, memory, hashes and layers of an ONNX model");
  auto options = std::make_shared<InspectOptions>();
  verb.add_option("model", options->model, "ONNX file").required();
  verb.add_option("--bind", options->bindings,
                  "value of a symbolic dimension, e.g. --bind past=1024 (batch is 1 unless given)");
  verb.add_flag("--text", options->text, "print the graph's text form instead");
  verb.add_flag("--entropy", options->entropy,
                "how expressive and how effective the structure can be, by scale (DeepMAD, arXiv 2303.02165)");
  verb.on_run([options, &session] { inspect(*options, session); });
}

}  // namespace nacre
