// nacre rewrite MODEL|TEXT: exact rewrites of a network, all of them or those named, with how often each applied and,
// with --verify, whether the outputs stayed equal on random inputs.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "nacre/app/interrupt.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "nacre/base/log.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/rewrite.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/ir/text_form.hpp"
#include "nacre/run/network_file.hpp"

namespace nacre {
namespace {

struct RewriteVerbOptions {
  std::string model;
  std::vector<std::string> rules;
  std::vector<std::string> without;
  bool verify = false;
  bool text = false;
  bool inline_weights = false;
  int64_t draw = -1;  // below 0: parameters stay absent
  std::string output;
};

// A file of either form, "-" for a text on standard input, or the text itself.
Graph read_network(const std::string& model, bool& was_text) {
  was_text = true;
  if (model == "-") {
    const std::string text((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
    return parse_graph(text, "standard input");
  }
  std::error_code ignored;
  if (begins_like_network_text(model) && !std::filesystem::exists(model, ignored)) return parse_graph(model);
  return read_network_file(model, &was_text);
}

struct Counts {
  size_t nodes = 0;
  std::optional<int64_t> params;
  std::optional<int64_t> macs;
};

// Symbols count as 1.
Counts count(const Graph& graph) {
  Counts counts{.nodes = graph.nodes().size()};
  try {
    Graph bound = graph;
    SymbolBindings bindings;
    for (const std::string& symbol : graph.symbols()) bindings.emplace(symbol, 1);
    bound.bind_symbols(bindings);
    const GraphStatistics statistics = count_graph(bound);
    counts.params = statistics.parameters;
    counts.macs = statistics.macs;
  } catch (const UserError& error) {
    log_debug("not counted: {}", error.what());
  }
  return counts;
}

Json number(const std::optional<int64_t>& value) { return value.has_value() ? Json(*value) : Json(nullptr); }
std::string number_text(const std::optional<int64_t>& value) {
  return value.has_value() ? std::to_string(*value) : "not known";
}

std::string verdict(const RewriteRecord& record, bool verify) {
  if (!verify) return "not asked";
  if (record.count == 0) return "-";
  return record.verified ? "equal" : "could not be run";
}

std::string report(const RewriteVerbOptions& options, const std::vector<RewriteRecord>& records, const Counts& before,
                   const Counts& after) {
  TextTable table({"rewrite", ">applied", ">time", "outputs"});
  for (const RewriteRecord& record : records) {
    table.add({record.name, std::to_string(record.count), quantity_text(record.time_s, "time_s", "s"),
               verdict(record, options.verify)});
  }
  return table.text() + fmt::format("nodes {} -> {}, params {} -> {}, macs {} -> {}\n", before.nodes, after.nodes,
                                    number_text(before.params), number_text(after.params), number_text(before.macs),
                                    number_text(after.macs));
}

Json report_json(const std::vector<RewriteRecord>& records, const Counts& before, const Counts& after) {
  Json json;
  Json& rows = json["rewrites"] = Json::array();
  for (const RewriteRecord& record : records) {
    rows.push_back(
        {{"name", record.name}, {"applied", record.count}, {"time_s", record.time_s}, {"verified", record.verified}});
  }
  json["nodes"] = {{"before", before.nodes}, {"after", after.nodes}};
  json["params"] = {{"before", number(before.params)}, {"after", number(after.params)}};
  json["macs"] = {{"before", number(before.macs)}, {"after", number(after.macs)}};
  return json;
}

void write_network(const Graph& graph, const std::string& output) {
  if (std::filesystem::path(output).extension() == ".onnx") {
    write_onnx(graph, output);
  } else {
    write_file_atomically(output, print_graph(graph, {.inline_weights = true, .multiline = true}) + "\n");
  }
}

void warn_of_absent_weights(const Graph& graph) {
  const auto absent =
      std::ranges::count_if(graph.initializers(), [](const Initializer& item) { return item.data == nullptr; });
  if (absent > 0) {
    log_warning("{} parameters have no values: rewrites that compute with them pass over them (--draw 1 draws them)",
                absent);
  }
}

void rewrite(const RewriteVerbOptions& options, const Session& session) {
  bool was_text = false;
  Graph graph = read_network(options.model, was_text);
  if (options.draw >= 0) materialize_parameters(graph, static_cast<uint64_t>(options.draw));
  warn_of_absent_weights(graph);
  const Counts before = count(graph);
  std::vector<std::string> names = options.rules;
  if (names.empty()) {
    for (const Rewrite& item : all_rewrites()) names.push_back(item.name);
  }
  install_interrupt_handlers();
  const std::vector<RewriteRecord> records =
      run_rewrites(graph, names, {.disabled = options.without, .verify_values = options.verify, .interrupted = [] {
                                    return interrupt_requested();
                                  }});
  const Counts after = count(graph);
  if (!options.output.empty()) write_network(graph, options.output);
  const bool prints_graph = options.text || (was_text && options.output.empty());
  const TextFormOptions form{.inline_weights = options.inline_weights, .multiline = !session.json};
  if (session.json) {
    Json json = report_json(records, before, after);
    json["output"] = options.output.empty() ? Json(nullptr) : Json(options.output);
    if (prints_graph) json["graph"] = print_graph(graph, form);
    std::cout << json.dump(2) << "\n";
  } else if (prints_graph) {
    std::cerr << report(options, records, before, after);
    std::cout << print_graph(graph, form) << "\n";
  } else {
    std::cout << report(options, records, before, after);
  }
}

}  // namespace

void add_rewrite(Command& program, Session& session) {
  Command verb = program.add_verb("rewrite", "rewrite a network exactly: fold, merge and remove (nacre list rewrites)");
  auto options = std::make_shared<RewriteVerbOptions>();
  verb.add_option("model", options->model,
                  "ONNX file, file with a graph's text, the text itself, or - for standard input")
      .required();
  verb.add_option("--rule", options->rules, "only these rewrites, in this order (all unless given)");
  verb.add_option("--without", options->without, "not these rewrites");
  verb.add_flag("--verify", options->verify,
                "compare the outputs on random inputs after each rewrite (reference executor, slow)");
  verb.add_option("--draw", options->draw, "seed with which parameters without values are drawn").non_negative();
  verb.add_option("-o,--output", options->output, "file to write: ONNX where it ends in .onnx, else the text form");
  verb.add_flag("--text", options->text, "print the rewritten graph (a text is answered by a text anyway)");
  verb.add_flag("--inline-weights", options->inline_weights, "print the values of weights too");
  verb.on_run([options, &session] { rewrite(*options, session); });
}

}  // namespace nacre
