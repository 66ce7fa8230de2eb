// `networks`: exact counts of a space, of named networks in it, and of all networks of a published table.
#include <fmt/format.h>

#include <cmath>

#include "nacre/base/count.hpp"
#include "nacre/bench/probe.hpp"
#include "nacre/data/data_paths.hpp"
#include "nacre/ir/entropy.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/space/network_text.hpp"
#include "nacre/tables/csv_table.hpp"

namespace nacre {
namespace {

SpaceContext context_of(const Options& options) {
  SpaceContext context;
  context.signature.inputs = {{"x", ElementType::float32, options.integers("input")}};
  context.signature.outputs = {{"logits", ElementType::float32, {options.integer("classes")}}};
  return context;
}

// `node` is the option `space`; keys of `changes` other than `network` stand in for its own.
std::unique_ptr<Space> make_space(const ConfigNode& node, const ConfigNode* changes, const SpaceContext& context) {
  ConfigNode map = node;
  if (node.kind == ConfigNode::Kind::scalar) {
    map = ConfigNode();
    map.kind = ConfigNode::Kind::map;
    map.entries.emplace_back("kind", node);
  }
  for (const auto& [key, value] :
       changes == nullptr ? std::vector<std::pair<std::string, ConfigNode>>() : changes->entries) {
    if (key == "network") continue;
    std::erase_if(map.entries, [&](const auto& entry) { return entry.first == key; });
    map.entries.emplace_back(key, value);
  }
  const ConfigNode* kind = map.find("kind");
  if (kind == nullptr) throw UserError(node.position, "missing key space.kind (nacre list spaces)");
  const auto& entry = space_registry().get(kind->as_text("space.kind"), kind->position);
  return entry.make(resolve_options(map, entry.parameters, "space " + entry.name, {"kind"}), context);
}

GraphStatistics statistics_of(const Space& space, const Decisions& decisions, std::string* hash = nullptr) {
  const Design design = space.build(decisions);
  Graph graph = design.graph();
  if (hash != nullptr) *hash = structure_hash(graph).hex();
  graph.bind_symbols({{"batch", 1}});
  return count_graph(graph);
}

Json network_json(const Space& space, const std::string& text) {
  std::string hash;
  const Decisions decisions = decisions_from_text(space, text);
  const GraphStatistics statistics = statistics_of(space, decisions, &hash);
  Graph graph = space.build(decisions).graph();
  graph.bind_symbols({{"batch", 1}});
  Json entropy;
  try {
    const Entropy scored = entropy_of(entropy_scales(graph));
    entropy = {{"weighted", scored.weighted}, {"effectiveness", scored.largest_effectiveness}};
  } catch (const UserError&) {
    // a network without layers has none
  }
  return {{"entropy", entropy},
          {"params", statistics.parameters},
          {"macs", statistics.macs},
          {"model_bytes", statistics.weight_bytes},
          {"peak_memory_bytes", statistics.peak_activation_bytes},
          {"structure_hash", hash}};
}

// Equal as far as a table with so many significant digits can tell.
bool equals_printed(double value, double printed, int64_t digits) {
  return fmt::format("{:.{}e}", value, digits - 1) == fmt::format("{:.{}e}", printed, digits - 1);
}

// Every network of a table built and compared with the table's own counts.
Json compare_table(const ConfigNode& node, const Space& space, const ProbeContext& context) {
  static const std::vector<Parameter> kParameters = {
      {.name = "file", .type = ParameterType::text, .description = "CSV file", .required = true},
      {.name = "network", .type = ParameterType::text, .description = "column with the network", .required = true},
      {.name = "params", .type = ParameterType::text, .description = "column"},
      {.name = "macs", .type = ParameterType::text, .description = "column"},
      {.name = "macs_plus",
       .type = ParameterType::integer,
       .description = "what the table's MACs count beside convolutions and products, e.g. the classifier's bias",
       .default_value = 0},
      {.name = "digits",
       .type = ParameterType::integer,
       .description = "significant digits of the table",
       .default_value = 15,
       .minimum = 1,
       .maximum = 15},
      {.name = "rows", .type = ParameterType::integer, .description = "only so many, evenly spread", .minimum = 1}};
  const Options options = resolve_options(node, kParameters, "table");
  const CsvTable table = read_csv_table(DataPaths(context.folder).find(options.text("file"), options.position("file")));
  const size_t total = table.rows();
  const size_t wanted = options.has("rows") ? std::min(total, static_cast<size_t>(options.integer("rows"))) : total;
  const size_t network = table.column(options.text("network"));
  Json json = {{"rows", wanted}};
  for (const char* metric : {"params", "macs"}) {
    if (options.has(metric)) json[metric] = {{"equal", 0}, {"largest_relative_difference", 0.0}};
  }
  for (size_t i = 0; i < wanted; ++i) {
    if (i % 64 == 0 && context.interrupted()) throw Interrupted();
    const size_t row = i * total / wanted;
    const GraphStatistics statistics =
        statistics_of(space, decisions_from_text(space, std::string(table.text(row, network))));
    for (const char* metric : {"params", "macs"}) {
      if (!options.has(metric)) continue;
      const double printed = table.number(row, table.column(options.text(metric))).value_or(NAN);
      const auto counted =
          static_cast<double>(std::string_view(metric) == "params" ? statistics.parameters
                                                                   : statistics.macs + options.integer("macs_plus"));
      Json& entry = json[metric];
      if (equals_printed(counted, printed, options.integer("digits"))) {
        entry["equal"] = entry["equal"].get<int64_t>() + 1;
      } else if (!entry.contains("first_difference")) {
        entry["first_difference"] =
            fmt::format("row {}: counted {:.15g}, the table has {:.15g}", row, counted, printed);
      }
      entry["largest_relative_difference"] =
          std::max(entry["largest_relative_difference"].get<double>(), std::abs(counted / printed - 1));
    }
  }
  return json;
}

Json measure_networks(const Options& options, const ProbeContext& context) {
  const SpaceContext signature = context_of(options);
  const ConfigNode& node = options.node("space");
  const auto space = make_space(node, nullptr, signature);
  Json json = {{"count", space->trace().count().get_str()},
               {"count_rounded", space->trace().count().get_d()},
               {"decisions", space->trace().decisions().size()}};
  Json& networks = json["networks"] = Json::object();
  const ConfigNode& named = options.node("networks");
  if (!named.is_null() && !named.is_map())
    throw UserError(named.position, "networks: expected a map of names and networks");
  for (const auto& [name, value] : named.entries) {
    if (!value.is_map()) {
      networks[name] = network_json(*space, value.as_text("networks." + name));
      continue;
    }
    const ConfigNode* text = value.find("network");
    if (text == nullptr) throw UserError(value.position, "networks." + name + ": missing key network");
    networks[name] = network_json(*make_space(node, &value, signature), text->as_text("networks." + name));
  }
  if (options.given("table")) json["table"] = compare_table(options.node("table"), *space, context);
  return json;
}

}  // namespace

void add_networks_probe(Registry<ProbeFactory>& registry) {
  registry.add(
      {.name = "networks",
       .summary = "the exact size of a space, and parameters, MACs and memory of networks in it",
       .source = "",
       .parameters =
           {{.name = "space",
             .type = ParameterType::any,
             .description = "as in a configuration: kind and its keys",
             .required = true},
            {.name = "input",
             .type = ParameterType::integer_list,
             .description = "extents of one sample, e.g. [3, 224, 224]",
             .required = true,
             .minimum = 1},
            {.name = "classes",
             .type = ParameterType::integer,
             .description = "outputs",
             .default_value = 10,
             .minimum = 1},
            {.name = "networks",
             .type = ParameterType::any,
             .description =
                 "name: network in the space's notation, or name: {network, and keys of the space that differ}",
             .default_value = Json::object()},
            {.name = "table",
             .type = ParameterType::any,
             .description =
                 "a published table whose networks are all built and counted: {file, network (column), params, "
                 "macs (columns), macs_plus, digits, rows}"}},
       .example =
           "probe: networks\nspace: {kind: nasbench201}\ninput: [3, 32, 32]\nnetworks: {best: "
           "\"|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|\"}\n"},
      measure_networks);
}

}  // namespace nacre
