// nacre import: files of other accelerator models, read, judged under nacre's cost model, and written as nacre's or Timeloop's.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>

#include "nacre/app/mapping_arguments.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/timeloop_files.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/log.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/accelerator/network_cost.hpp"
#include "nacre/hw/interchange/imported.hpp"
#include "nacre/hw/interchange/timeloop.hpp"
#include "nacre/hw/loopnest/evaluate.hpp"
#include "nacre/hw/mapper/mapper.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

struct ImportVerbOptions {
  std::vector<std::string> files;
  std::string kind;
  int64_t elements = 256;
  std::string output;
  std::string timeloop;
  int64_t word_bits = 16;
  std::string map;  // objective
  MappingArguments mapping;
};

// A layer with a mapping on an accelerator: MAESTRO's layers, or an architecture, a problem and a mapping of three files.
struct Judged {
  ImportedLayer layer;
  std::optional<MappingCost> cost;
  std::string misfit;
};

template <class T>
void append(std::vector<T>& list, std::vector<T>& more) {
  std::ranges::move(more, std::back_inserter(list));
}

Imported read_all(const ImportVerbOptions& options) {
  Imported all;
  for (const std::string& file : options.files) {
    Imported one = import_file(file, {.kind = options.kind, .elements = options.elements});
    all.kind = one.kind;
    append(all.accelerators, one.accelerators);
    append(all.workloads, one.workloads);
    append(all.directives, one.directives);
    append(all.dataflows, one.dataflows);
    append(all.layers, one.layers);
    append(all.warnings, one.warnings);
    for (auto& [name, actions] : one.components.energy_j) all.components.energy_j[name].merge(actions);
    all.components.area_mm2.merge(one.components.area_mm2);
  }
  if (!all.components.energy_j.empty() || !all.components.area_mm2.empty()) {
    for (AcceleratorDescription& accelerator : all.accelerators)
      apply_component_table(all.components, accelerator, all.warnings);
  }
  return all;
}

std::vector<MappingDirective> directives_of(const Imported& all, bool constraints) {
  std::vector<MappingDirective> chosen;
  std::ranges::copy_if(all.directives, std::back_inserter(chosen),
                       [&](const MappingDirective& directive) { return directive.constraint == constraints; });
  return chosen;
}

// Words of a v0.3 architecture have one width, which its problem does not say.
void take_word_bits(Workload& workload, int64_t word_bits) {
  for (WorkloadTensor& tensor : workload.tensors) {
    tensor.bits = word_bits;
    tensor.format = fmt::format("int{}", word_bits);
  }
  workload.partial_sum_bits = word_bits;
}

MapperOptions mapper_options(const ImportVerbOptions& options) {
  MappingArguments arguments = options.mapping;
  arguments.objective = options.map;
  const MappingPlan plan = read_mapping_arguments(arguments);
  if (!plan.searches()) throw UserError("--map searches: expected a --method other than dataflow");
  return plan.mapper;
}

// The mapping that the files state, or, where one is asked for, the best within their constraints.
std::vector<Judged> judged_layers(Imported& all, const ImportVerbOptions& options) {
  std::vector<Judged> rows;
  for (const ImportedLayer& layer : all.layers) rows.push_back({layer, {}, {}});
  const std::vector<MappingDirective> stated = directives_of(all, false);
  const bool one = all.accelerators.size() == 1 && all.workloads.size() == 1 && all.layers.empty();
  if (!options.map.empty() && !one)
    throw UserError("--map: expected files that together hold one accelerator and one problem");
  if (one && (!options.map.empty() || !stated.empty())) {
    ImportedLayer layer;
    layer.accelerator = all.accelerators[0];
    layer.workload = all.workloads[0];
    take_word_bits(layer.workload, options.word_bits);
    if (options.map.empty()) {
      layer.mapping = mapping_of_directives(stated, layer.workload, *layer.accelerator);
    } else {
      MapperOptions mapper = mapper_options(options);
      mapper.constraints =
          constraints_of_directives(directives_of(all, true), layer.workload, *layer.accelerator, all.warnings);
      MappingResult result = find_mapping(layer.workload, *layer.accelerator, mapper);
      if (!result.proved) {
        all.warnings.push_back(fmt::format("the mapping is not proved to be the best: the bound is {:.3g} % below it",
                                           100 * result.gap.value_or(1.0)));
      }
      layer.mapping = std::move(result.mapping);
    }
    rows.push_back({std::move(layer), {}, {}});
  }
  for (Judged& row : rows) {
    if (const auto misfit = mapping_misfit(row.layer.workload, *row.layer.accelerator, *row.layer.mapping)) {
      row.misfit = misfit->reason;
    } else {
      row.cost = evaluate_mapping(row.layer.workload, *row.layer.accelerator, *row.layer.mapping);
    }
  }
  return rows;
}

// One thing into a file, several into a folder.
std::vector<std::string> write_ours(const Imported& all, const fs::path& output) {
  std::vector<std::pair<std::string, std::string>> files;
  std::set<std::string> used;
  for (const AcceleratorDescription& accelerator : all.accelerators)
    files.emplace_back(yaml_file_name(accelerator.name, used), accelerator_yaml(accelerator));
  for (const Dataflow& dataflow : all.dataflows)
    files.emplace_back(yaml_file_name(dataflow.name, used), dataflow_yaml(dataflow));
  if (files.empty()) throw UserError("--output: the files hold neither an accelerator nor a dataflow");
  std::vector<std::string> written;
  for (const auto& [name, text] : files) {
    const fs::path path = files.size() == 1 ? output : output / name;
    write_file_atomically(path, text);
    written.push_back(path.string());
  }
  return written;
}

std::vector<std::string> write_timeloop(const Imported& all, const std::vector<Judged>& rows, const fs::path& folder,
                                        int64_t word_bits, std::vector<std::string>& warnings) {
  TimeloopFolder content{.accelerators = all.accelerators, .workloads = {}, .layers = {}, .word_bits = word_bits};
  if (rows.empty()) content.workloads = all.workloads;
  for (const Judged& row : rows) content.layers.push_back(row.layer);
  if (content.accelerators.empty() && content.workloads.empty() && content.layers.empty())
    throw UserError("--timeloop: the files hold neither an accelerator nor a workload");
  return write_timeloop_files(folder, content, warnings);
}

Json result_json(const Imported& all, const std::vector<Judged>& rows) {
  Json json = {{"accelerators", Json::array()},
               {"dataflows", Json::array()},
               {"workloads", Json::array()},
               {"mappings", Json::array()},
               {"components", Json::array()}};
  for (const AcceleratorDescription& accelerator : all.accelerators) {
    const auto area = accelerator_area_mm2(accelerator);
    json["accelerators"].push_back({{"name", accelerator.name},
                                    {"levels", accelerator.levels.size()},
                                    {"units", accelerator.units()},
                                    {"area_mm2", area ? Json(*area) : Json()}});
  }
  for (const Dataflow& dataflow : all.dataflows) json["dataflows"].push_back(dataflow.name);
  for (const Workload& workload : all.workloads)
    json["workloads"].push_back({{"name", workload.name}, {"macs", workload.points()}});
  for (const Judged& row : rows) {
    Json mapping = {{"layer", row.layer.workload.name},
                    {"mapping", mapping_text(*row.layer.mapping, row.layer.workload, *row.layer.accelerator)}};
    mapping["compute_cycles"] = row.cost ? Json(row.cost->compute_cycles) : Json();
    mapping["cycles"] = row.cost ? Json(row.cost->cycles) : Json();
    mapping["energy_j"] = row.cost && row.cost->energy_j ? Json(*row.cost->energy_j) : Json();
    mapping["misfit"] = row.misfit.empty() ? Json() : Json(row.misfit);
    json["mappings"].push_back(std::move(mapping));
  }
  for (const auto& [name, actions] : all.components.energy_j) json["components"].push_back(name);
  return json;
}

void print_result(const Imported& all, const std::vector<Judged>& rows) {
  if (!all.accelerators.empty()) {
    TextTable table({"accelerator", ">levels", ">multipliers", ">area mm2"});
    for (const AcceleratorDescription& accelerator : all.accelerators) {
      const auto area = accelerator_area_mm2(accelerator);
      table.add({accelerator.name, std::to_string(accelerator.levels.size()), std::to_string(accelerator.units()),
                 area ? fmt::format("{:.3f}", *area) : "-"});
    }
    std::cout << table.text();
  }
  for (const Dataflow& dataflow : all.dataflows) std::cout << "dataflow " << dataflow.name << "\n";
  if (rows.empty() && !all.workloads.empty()) {
    TextTable table({"workload", ">macs"});
    for (const Workload& workload : all.workloads) table.add({workload.name, std::to_string(workload.points())});
    std::cout << table.text();
  }
  if (!rows.empty()) {
    TextTable table({"layer", ">macs", ">compute cycles", ">cycles", ">energy J", "mapping"});
    for (const Judged& row : rows) {
      table.add({row.layer.workload.name, std::to_string(row.layer.workload.points()),
                 row.cost ? std::to_string(row.cost->compute_cycles) : "-",
                 row.cost ? fmt::format("{:.0f}", row.cost->cycles) : "-",
                 row.cost && row.cost->energy_j ? fmt::format("{:.4g}", *row.cost->energy_j) : "-",
                 row.misfit.empty() ? mapping_text(*row.layer.mapping, row.layer.workload, *row.layer.accelerator)
                                    : row.misfit});
    }
    std::cout << table.text();
  }
  if (!all.directives.empty() && rows.empty())
    std::cout << all.directives.size() << " statements of a mapping or of constraints\n";
  if (!all.components.energy_j.empty() && all.accelerators.empty())
    std::cout << all.components.energy_j.size() << " components with energies\n";
  if (!all.components.area_mm2.empty() && all.accelerators.empty())
    std::cout << all.components.area_mm2.size() << " components with areas\n";
}

void run_import(const ImportVerbOptions& options, const Session& session) {
  Imported all = read_all(options);
  const std::vector<Judged> rows = judged_layers(all, options);
  std::vector<std::string> written;
  if (!options.output.empty()) written = write_ours(all, options.output);
  if (!options.timeloop.empty()) {
    for (std::string& path : write_timeloop(all, rows, options.timeloop, options.word_bits, all.warnings))
      written.push_back(std::move(path));
  }
  for (const std::string& warning : all.warnings) log_warning("{}", warning);
  if (session.json) {
    Json json = result_json(all, rows);
    json["warnings"] = all.warnings;
    json["written"] = written;
    std::cout << json.dump(2) << "\n";
    return;
  }
  print_result(all, rows);
  for (const std::string& path : written) std::cout << path << "\n";
}

}  // namespace

void add_import(Command& program, Session& session) {
  Command verb = program.add_verb(
      "import",
      "accelerators, layers and mappings of Timeloop, ZigZag, Stream, MAESTRO, SCALE-Sim, Accelergy, accelforge");
  auto options = std::make_shared<ImportVerbOptions>();
  verb.add_option("files", options->files,
                  "one, or several that belong together: architecture, problem, mapping, tables")
      .required()
      .expected(1, 16);
  verb.add_option("--as", options->kind,
                  "timeloop, zigzag, stream, maestro, scale_sim, accelergy or accelforge; left out: by content");
  verb.add_option("--elements", options->elements, "size of the array, for dataflows of MAESTRO (256)").non_negative();
  verb.add_option("--word-bits", options->word_bits, "bits of an element, for problems and files of Timeloop (16)")
      .non_negative();
  verb.add_option("--map", options->map,
                  "latency, energy or edp: the best mapping of the problem within the files' constraints");
  add_search_arguments(verb, options->mapping);
  verb.add_option("-o,--output", options->output,
                  "accelerator or dataflow as a file of nacre; a folder when there are several");
  verb.add_option("--timeloop", options->timeloop,
                  "folder for architecture, problem and mapping as files of Timeloop v0.3");
  verb.on_run([options, &session] {
    if (options->word_bits < 1) throw UserError("--word-bits: expected at least 1");
    run_import(*options, session);
  });
}

}  // namespace nacre
