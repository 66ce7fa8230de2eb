// nacre reference: docs/configuration.md, made from the records in the code. Hidden; scripts/generate_docs calls it.
#include <fmt/format.h>

#include <iostream>

#include "nacre/app/catalogue.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/bench/suite.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/run/configuration.hpp"
#include "nacre/run/formulation.hpp"

namespace nacre {
namespace {

void print_section(const char* title, const char* text, const std::vector<Parameter>& parameters) {
  std::cout << "\n## " << title << "\n\n" << text << "\n";
  if (!parameters.empty()) std::cout << "\n" << parameters_markdown(parameters);
}

void print_kinds(const std::string& section) {
  for (const CatalogueKind& kind : catalogue()) {
    if (kind.section != section) continue;
    for (const RegistryRecord& record : kind.records) {
      std::cout << "\n### " << kind.kind << " `" << record.name << "`\n\n" << record.summary;
      if (!record.source.empty()) std::cout << " (" << record.source << ")";
      std::cout << ".\n";
      if (!record.parameters.empty()) std::cout << "\n" << parameters_markdown(record.parameters);
      if (!record.example.empty()) {
        std::cout << "\n```yaml\n" << record.example << (record.example.ends_with('\n') ? "" : "\n") << "```\n";
      }
    }
  }
}

void print_reference() {
  std::cout << "# Configuration reference\n\nMade by `nacre reference` from the records in the code; edit those, not "
               "this file.\n"
               "Any key can be overridden on the command line: `--set search.trials=32`. Unknown keys are errors.\n";
  print_section("task", "What is learned. `kind` and the keys of that task.", {});
  print_kinds("task");
  print_section(
      "space",
      "What may be built. `kind` and the keys of that space; `recipe` maps fields of `train` to lists of values "
      "that the search decides with the network.",
      {});
  print_kinds("space");
  print_section("target", "Where the network runs. `kind`, how it is deployed, and the keys of that target.",
                deployment_parameters());
  print_kinds("target");
  print_section(
      "limits",
      "What must hold: `metric: bound` (at most), or `metric: {at_least: bound}`. Any metric that the task or the "
      "target fills: `latency_s`, `params`, `macs`, `model_bytes`, `peak_memory_bytes`, `accuracy`, ...",
      {});
  print_section("search", "How it is searched: these keys and those of the strategy.", search_parameters());
  print_kinds("search");
  print_section("train", "How weights are trained.", train_parameters());
  print_section("evaluator",
                "Who says how good a network is. Left out: `trained`. `kind` and the keys of that evaluator.", {});
  print_kinds("evaluator");
  print_section("accelerators", "A file of its own (`docs/accelerators.md`), or the name of one that comes with nacre.",
                {});
  for (const AcceleratorKeys& keys : accelerator_keys())
    std::cout << "\n### " << keys.part << "\n\n" << parameters_markdown(keys.parameters);
  print_section("final", "What happens to the front.", final_parameters());
  print_section(
      "targets",
      "Further devices for strategy ofa or evaluator supernet, each searched with the same shared weights into "
      "output_dir/targets/NAME: `NAME: {target: {...}, limits: {...}, trials: 100}`.",
      {});
  print_section("output_dir", "Folder of the study, the models and the report; relative to where the program runs.",
                {});
  print_section("suite", "A comparison for `nacre bench run` (docs/bench.md), in a file of its own.",
                suite_parameters());
  print_section("suite: benchmarks",
                "One entry of `benchmarks`: `kind` with the keys of that table (nacre list benchmarks), and these.",
                suite_benchmark_parameters());
  print_section(
      "suite: strategies",
      "One entry of `strategies`: a name, or `strategy` with its own keys, `name` for the results, and the keys of "
      "the formulation, which are those of `search`.",
      formulation_parameters());
}

}  // namespace

void add_reference(Command& program, Session&) {
  Command verb = program.add_verb("reference", "the configuration reference as Markdown");
  verb.hide();
  verb.on_run([] { print_reference(); });
}

}  // namespace nacre
