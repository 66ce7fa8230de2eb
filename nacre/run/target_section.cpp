#include "nacre/run/target_section.hpp"

#include "nacre/run/configuration.hpp"
#include "nacre/run/transfer_target.hpp"
#include "nacre/tables/open_benchmark.hpp"
#include "nacre/tables/table_target.hpp"

namespace nacre {
namespace {

std::vector<std::string> names_of(const std::vector<Parameter>& parameters) {
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) names.push_back(parameter.name);
  return names;
}

void register_table(TargetRegistry& registry) {
  std::vector<Parameter> parameters = benchmark_parameters();
  parameters.push_back({.name = "device",
                        .type = ParameterType::text,
                        .description =
                            "latency_s and energy_j are what was measured on it; left out: every cost of the table "
                            "under its own name"});
  registry.add({.name = "table",
                .summary = "costs as a published benchmark's table has them, by the decisions of the network",
                .source = "",
                .parameters = std::move(parameters),
                .example = "kind: table\nbenchmark: nasbench201\noptions: {costs: [hw_nas_bench]}\ndevice: raspi4\n"},
               [](const Options& options, const TargetContext& context) -> std::unique_ptr<Target> {
                 return std::make_unique<TableTarget>(open_benchmark(options, {.base_folder = context.base_folder}),
                                                      options.has("device") ? options.text("device") : "");
               });
}

}  // namespace

const TargetRegistry& run_target_registry() {
  static const TargetRegistry registry = [] {
    TargetRegistry list = target_registry();
    register_table(list);
    register_transfer(list);
    return list;
  }();
  return registry;
}

TargetSection read_target_section(const ConfigNode& node, const std::filesystem::path& base_folder,
                                  std::shared_ptr<MappingStore> mappings) {
  KindedSection section{.kind = "macs", .position = node.position, .node = {}};
  if (!node.is_null()) {
    ConfigNode root;
    root.kind = ConfigNode::Kind::map;
    root.position = node.position;
    root.entries.emplace_back("target", node);
    section = kinded_section(root, "target");
  }
  const auto& entry = run_target_registry().get(section.kind, section.position);
  std::vector<std::string> others = names_of(deployment_parameters());
  others.push_back("kind");
  const Options own = resolve_options(section.node, entry.parameters, "target " + section.kind, others);
  others = names_of(entry.parameters);
  others.push_back("kind");
  const Options deployment = resolve_options(section.node, deployment_parameters(), "target", others);
  TargetSection result;
  result.target = entry.make(own, {base_folder, std::move(mappings)});
  result.deployment = deployment_from_options(deployment);
  result.own = {{"kind", section.kind}};
  result.resolved = result.own;
  for (const auto& [key, value] : deployment.json().items()) result.resolved[key] = value;
  for (const auto& [key, value] : own.json().items()) {
    result.own[key] = value;
    result.resolved[key] = value;
  }
  return result;
}

TargetSection target_from_argument(const std::string& argument) {
  const std::filesystem::path path = argument;
  if (path.extension() == ".yaml" || path.extension() == ".yml") {
    const ConfigNode root = load_config(path);
    const ConfigNode* section = root.find("target");
    if (section == nullptr) throw UserError(root.position, "missing section 'target'");
    return read_target_section(*section, path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path());
  }
  return read_target_section(parse_config(argument, "--target"), ".");
}

}  // namespace nacre
