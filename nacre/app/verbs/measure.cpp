// nacre measure MODEL --target T: what a model costs on a device. nacre measure --build-table --space S --target T: a table
// from which a search looks costs up (target host_table). nacre measure --sample N --space S: a few networks measured, or written
// out to be measured elsewhere (target transfer).
#include <fmt/format.h>

#include <iostream>

#include "nacre/app/deployment_arguments.hpp"
#include "nacre/app/interrupt.hpp"
#include "nacre/app/progress_line.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/log.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/run/configuration.hpp"
#include "nacre/run/device_cost.hpp"
#include "nacre/run/measured_networks.hpp"
#include "nacre/run/plan.hpp"
#include "nacre/run/table_run.hpp"
#include "nacre/run/target_section.hpp"
#include "nacre/space/space.hpp"

namespace nacre {
namespace {

struct MeasureOptions {
  std::string model;
  std::string target;
  DeploymentArguments deployment;
  bool layers = false;
  bool build_table = false;
  bool reference = false;
  std::string space;
  std::string input = "3,32,32";
  int64_t classes = 10;
  std::string output;
  int64_t seed = 0;
  int64_t sample = 0;
  std::string models;
  TableRunOptions table;
};

// --- one model ------------------------------------------------------------------------------------------------------

void print_layers(const Cost& cost, const std::vector<MetricSpec>& specs) {
  std::vector<std::string> headers = {"layer", "op"};
  std::vector<MetricSpec> columns;
  for (const MetricSpec& spec : specs) {
    const bool some =
        std::ranges::any_of(cost.items, [&](const CostItem& item) { return item.metrics.contains(spec.name); });
    if (!some) continue;
    columns.push_back(spec);
    headers.push_back(">" + spec.name);
  }
  TextTable table(headers);
  for (const CostItem& item : cost.items) {
    std::vector<std::string> cells = {item.name, item.op};
    for (const MetricSpec& spec : columns) {
      const std::optional<double> value = metric_value(item.metrics, spec.name);
      cells.push_back(value ? quantity_text(*value, spec.name, spec.unit) : "-");
    }
    table.add(std::move(cells));
  }
  std::cout << "\n" << table.text();
}

void measure_model(const MeasureOptions& options, const Session& session) {
  TargetSection section = target_from_argument(options.target.empty() ? "host" : options.target);
  read_deployment(options.deployment, section.deployment);
  Design design;
  design.graphs.emplace("model", read_onnx(options.model));
  const Cost cost = cost_on_device(*section.target, design, section.deployment, [] { return interrupt_requested(); });
  if (session.json) {
    Json json = {{"model", options.model},
                 {"target", section.resolved},
                 {"identity", section.target->identity()},
                 {"not_covered", cost.not_covered},
                 {"metrics", to_json(cost.totals)}};
    if (options.layers) {
      Json& layers = json["layers"] = Json::array();
      for (const CostItem& item : cost.items)
        layers.push_back(
            {{"name", item.name}, {"op", item.op}, {"scope", item.scope}, {"metrics", to_json(item.metrics)}});
    }
    std::cout << json.dump(2) << "\n";
    return;
  }
  TextTable table({"metric", ">value", ">spread", "origin", "with"});
  for (const MetricSpec& spec : section.target->metrics()) {
    const auto found = cost.totals.find(spec.name);
    if (found == cost.totals.end()) continue;
    const Metric& metric = found->second;
    table.add({spec.name, metric.value ? quantity_text(*metric.value, spec.name, spec.unit) : "unknown",
               metric.spread ? quantity_text(*metric.spread, spec.name, spec.unit) : "",
               std::string(origin_name(metric.origin)), metric.source});
  }
  std::cout << table.text();
  if (!cost.not_covered.empty())
    std::cout << fmt::format("not covered: {} (the sums are lower bounds)\n", fmt::join(cost.not_covered, ", "));
  if (options.layers) print_layers(cost, section.target->metrics());
}

// --- a table --------------------------------------------------------------------------------------------------------

std::vector<int64_t> extents_from(const std::string& text) {
  const ConfigNode list = parse_config("[" + text + "]", "--input");
  std::vector<int64_t> extents;
  for (const ConfigNode& item : list.items) {
    extents.push_back(item.as_integer("--input"));
    if (extents.back() < 1) throw UserError("--input '" + text + "': expected extents of at least 1");
  }
  if (extents.empty()) throw UserError("--input: expected the extents of one sample, e.g. 3,32,32");
  return extents;
}

// The space, and the target of the configuration unless another one is named.
struct TableSubject {
  std::shared_ptr<const Space> space;
  std::optional<TargetSection> target;
  std::filesystem::path folder = ".";
};

TableSubject subject_of(const MeasureOptions& options) {
  const std::filesystem::path path = options.space;
  if (path.extension() == ".yaml" || path.extension() == ".yml") {
    const ConfigNode root = load_config(path);
    const std::filesystem::path folder = path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path();
    const Plan plan = make_plan(root, {.base_folder = folder});
    const ConfigNode* section = root.find("target");
    TableSubject subject{plan.space, std::nullopt, folder};
    if (section != nullptr) subject.target = read_target_section(*section, folder);
    return subject;
  }
  ConfigNode root;
  root.kind = ConfigNode::Kind::map;
  root.entries.emplace_back("space", parse_config(options.space, "--space"));
  const KindedSection section = kinded_section(root, "space");
  const auto& entry = space_registry().get(section.kind, section.position);
  SpaceContext context;
  context.signature.inputs = {{"input", ElementType::float32, extents_from(options.input)}};
  context.signature.outputs = {{"logits", ElementType::float32, {std::max<int64_t>(1, options.classes)}}};
  context.base_folder = ".";
  return {entry.make(resolve_options(section.node, entry.parameters, "space " + section.kind, {"kind"}), context),
          std::nullopt, "."};
}

void print_table(const CostTable& table, const std::filesystem::path& file, const Session& session) {
  if (session.json) {
    Json json = {{"table", file.string()},
                 {"identity", table.identity},
                 {"entries", table.entries.size()},
                 {"networks", table.networks.size()},
                 {"groups", table.by_blocks ? "blocks" : "operators"}};
    Json& fused = json["fused"] = Json::array();
    for (const auto& [producer, consumer] : table.fused) fused.push_back({producer, consumer});
    Json& errors = json["errors"] = Json::object();
    for (const auto& [metric, error] : table.errors) {
      errors[metric] = {{"networks", error.networks},
                        {"mean_relative", error.mean_relative},
                        {"largest_relative", error.largest_relative},
                        {"spearman", error.spearman}};
    }
    std::cout << json.dump(2) << "\n";
    return;
  }
  std::cout << fmt::format("device   {}\nentries  {}\n", table.identity, table.entries.size());
  std::string fused;
  for (const auto& [producer, consumer] : table.fused)
    fused += fmt::format("{}{}+{}", fused.empty() ? "" : ", ", producer, consumer);
  std::cout << fmt::format("fused    {}\n", fused.empty() ? "none" : fused);
  for (const auto& [metric, error] : table.errors) {
    std::cout << fmt::format(
        "{}: off by {:.1f} % on average, {:.1f} % at most, Spearman {:.3f}, on {} networks kept aside\n", metric,
        100 * error.mean_relative, 100 * error.largest_relative, error.spearman, error.networks);
  }
  std::cout << fmt::format("table: {}   (target: {{kind: host_table, table: {}}})\n", file.string(), file.string());
}

void build_table(const MeasureOptions& options, const Session& session) {
  if (options.space.empty())
    throw UserError("--build-table needs --space: a configuration file, a word (mbconv) or a map in YAML");
  install_interrupt_handlers();
  TableSubject subject = subject_of(options);
  TableRunOptions table = options.table;
  table.steady = options.reference;
  table.base_folder = subject.folder;
  table.seed = static_cast<uint64_t>(options.seed);
  if (!options.target.empty()) {
    subject.target = target_from_argument(options.target);
    const std::filesystem::path path = options.target;
    const bool file = path.extension() == ".yaml" || path.extension() == ".yml";
    table.base_folder = file && !path.parent_path().empty() ? path.parent_path() : std::filesystem::path(".");
  }
  if (!subject.target)
    throw UserError("--build-table needs --target: host, onnxruntime, or a map in YAML of target command");
  read_deployment(options.deployment, subject.target->deployment);
  table.target = subject.target->own;
  table.deployment = subject.target->deployment;
  const std::string stem = std::filesystem::path(options.space).extension().empty()
                               ? subject.space->name()
                               : std::filesystem::path(options.space).stem().string();
  table.output = options.output.empty()
                     ? fmt::format("{}.{}.table.json", stem, table.target.at("kind").get<std::string>())
                     : options.output;
  table.interrupted = [] { return interrupt_requested(); };
  std::string last;
  table.progress = [&](const TableProgress& progress) {
    // Every part once at its begin and its end, and ten times between.
    const int64_t step = std::max<int64_t>(1, progress.planned / 10);
    if (progress.done % step != 0 && progress.done != progress.planned) return;
    log_info("{}: {} of {}", progress.what, progress.done, progress.planned);
  };
  print_table(run_table_building(*subject.space, table), table.output, session);
}

// --- a few networks -------------------------------------------------------------------------------------------------

void measure_sample(const MeasureOptions& options, const Session& session) {
  if (options.space.empty())
    throw UserError("--sample needs --space: a configuration file, a word (nasbench201) or a map in YAML");
  if (options.target.empty() && options.models.empty()) {
    throw UserError(
        "--sample needs --target (what measures the networks), or --models, a folder where they are left to be "
        "measured elsewhere");
  }
  install_interrupt_handlers();
  const TableSubject subject = subject_of(options);
  std::optional<TargetSection> section;
  if (!options.target.empty()) section = target_from_argument(options.target);
  MeasureNetworksOptions sample{.target = section ? section->target.get() : nullptr,
                                .deployment = section ? section->deployment : Deployment{},
                                .metrics = {},
                                .networks = options.sample,
                                .seed = static_cast<uint64_t>(options.seed),
                                .output = options.output.empty() ? "measured.csv" : options.output,
                                .models = options.models,
                                .interrupted = [] { return interrupt_requested(); }};
  read_deployment(options.deployment, sample.deployment);
  sample.progress = [&](int64_t done) { log_info("network {} of {}", done, options.sample); };
  const int64_t networks = measure_networks(*subject.space, sample);
  if (session.json) {
    std::cout << Json{{"file", sample.output.string()}, {"networks", networks}, {"measured", section.has_value()}}.dump(
                     2)
              << "\n";
  } else if (section) {
    std::cout << fmt::format("{} networks: {}\n", networks, sample.output.string());
  } else {
    std::cout << fmt::format("{} networks in {}; measure them and fill in the costs: {}\n", networks, options.models,
                             sample.output.string());
  }
}

}  // namespace

void add_measure(Command& program, Session& session) {
  Command verb = program.add_verb(
      "measure", "what a model costs on a target; with --build-table: a table of a space's operators on it");
  auto options = std::make_shared<MeasureOptions>();
  verb.add_option("model", options->model, "ONNX file");
  verb.add_option("--target", options->target,
                  "a word (host, onnxruntime, macs), a map in YAML ({kind: command, command: ...}), or a configuration "
                  "file with a section target; default: host");
  add_batch_and_bindings(verb, options->deployment);
  verb.add_option("--threads", options->deployment.threads, "threads the target may use").non_negative();
  verb.add_flag("--layers", options->layers, "also the cost of each layer");
  verb.add_flag("--build-table", options->build_table, "measure the operators of a space and write a table");
  verb.add_option("--space", options->space, "a configuration file, a word (mbconv) or a map in YAML");
  verb.add_option("--input", options->input, "shape of one sample when --space is no file, e.g. 3,32,32");
  verb.add_option("--classes", options->classes, "outputs of the network when --space is no file").non_negative();
  verb.add_option("-o,--output", options->output, "the table's file; what it holds is not measured again");
  verb.add_option("--networks", options->table.networks, "networks that are measured whole").non_negative();
  verb.add_option("--kept-aside", options->table.kept_aside, "of them, for the error that is stated").non_negative();
  verb.add_flag(
      "--blocks", options->table.by_blocks,
      "measure whole blocks of the network, not operators: more entries, exacter on runtimes that rearrange them");
  verb.add_flag("--reference", options->reference,
                "measure a reference before and after each value, which tells how fast the device is just then");
  verb.add_option("--passes", options->table.passes,
                  "measurements of each operator and network, apart in time; the lowest counts")
      .non_negative();
  verb.add_option("--sampled", options->table.sampled, "networks whose operators are measured, at least")
      .non_negative();
  verb.add_option("--sample", options->sample,
                  "measure that many random networks of a space and write them with their decisions (target transfer)")
      .non_negative();
  verb.add_option(
      "--models", options->models,
      "with --sample: a folder where the networks are left as ONNX, to be measured elsewhere without --target");
  verb.add_option("--seed", options->seed, "of the drawing").non_negative();
  verb.on_run([options, &session] {
    if (options->build_table) return build_table(*options, session);
    if (options->sample > 0) return measure_sample(*options, session);
    if (options->model.empty())
      throw UserError(
          "expected a model, or --build-table --space S --target T, or --sample N --space S (nacre measure --help)");
    install_interrupt_handlers();
    measure_model(*options, session);
  });
}

}  // namespace nacre
