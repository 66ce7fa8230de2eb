#include "nacre/app/mapping_arguments.hpp"

#include "nacre/base/config.hpp"

namespace nacre {

void add_search_arguments(Command& verb, MappingArguments& arguments) {
  verb.add_option(
      "--method", arguments.method,
      "how a mapping is found: exact (default), lattice, genetic, random_pruned; of networks also dataflow");
  verb.add_option("--factors", arguments.factors, "uneven (default), or exact: factors divide their dimensions");
  verb.add_option("--evaluations", arguments.evaluations, "of a guided method: mappings it tries for a layer (2000)");
  verb.add_option("--time-s", arguments.time_s, "of method exact: seconds for a layer (2); 0: until all is proved");
  verb.add_option("--seed", arguments.seed, "of the search (0)");
}

void add_network_arguments(Command& verb, MappingArguments& arguments) {
  verb.add_option("--objective", arguments.objective,
                  "latency, energy or edp (default): what a mapping is searched for");
  verb.add_option("--dataflow", arguments.dataflow,
                  "of method dataflow: a template (nacre list dataflows) or a file (weight_stationary)");
  verb.add_option("--weights", arguments.weights, "number format of weights, e.g. int8; left out: the accelerator's");
  verb.add_option("--activations", arguments.activations, "of activations; left out: the accelerator's");
  verb.add_option("--partial-sums", arguments.partial_sums, "of partial sums; left out: the accelerator's");
  verb.add_flag("--fuse", arguments.fuse,
                "chains of layers run depth first where that is better; what is between them stays on the chip");
  verb.add_flag("--no-fuse-elementwise", arguments.no_fuse_elementwise,
                "element-wise operators run by themselves, not while their producer's results pass by");
}

MappingPlan read_mapping_arguments(const MappingArguments& arguments) {
  ConfigNode root;
  root.kind = ConfigNode::Kind::map;
  const auto add = [&](const char* key, const std::string& value) {
    if (value.empty()) return;
    ConfigNode node = parse_config(value, "command line");
    node.position = node.key_position = {};
    root.entries.emplace_back(key, std::move(node));
  };
  add("method", arguments.method);
  add("dataflow", arguments.dataflow);
  add("objective", arguments.objective);
  add("factors", arguments.factors);
  add("evaluations", arguments.evaluations);
  add("time_s", arguments.time_s);
  add("seed", arguments.seed);
  add("weights", arguments.weights);
  add("activations", arguments.activations);
  add("partial_sums", arguments.partial_sums);
  if (arguments.fuse) add("fuse_layers", "true");
  if (arguments.no_fuse_elementwise) add("fuse_elementwise", "false");
  const Options options = resolve_options(root, mapping_parameters("exact"), "mapping");
  return mapping_plan(options, "mapping", ".");
}

}  // namespace nacre
