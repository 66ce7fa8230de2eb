#include "nacre/app/catalogue.hpp"

#include <algorithm>

#include "nacre/app/verb.hpp"
#include "nacre/base/error.hpp"
#include "nacre/bench/probe.hpp"
#include "nacre/data/data_format.hpp"
#include "nacre/design/recipe.hpp"
#include "nacre/hw/accelerator/accelerator_registry.hpp"
#include "nacre/hw/accelerator/dataflow.hpp"
#include "nacre/ir/rewrite.hpp"
#include "nacre/ir/schema.hpp"
#include "nacre/nn/register.hpp"
#include "nacre/predict/predictor.hpp"
#include "nacre/predict/proxies/zero_cost.hpp"
#include "nacre/quant/format.hpp"
#include "nacre/quant/range_estimator.hpp"
#include "nacre/run/configuration.hpp"
#include "nacre/run/evaluator_registry.hpp"
#include "nacre/run/space_section.hpp"
#include "nacre/run/study_export.hpp"
#include "nacre/run/target_section.hpp"
#include "nacre/search/stopping.hpp"
#include "nacre/search/strategy.hpp"
#include "nacre/supernet/method.hpp"
#include "nacre/tables/tabular_benchmark.hpp"
#include "nacre/tasks/task_registry.hpp"

namespace nacre {
namespace {

template <class Factory>
CatalogueKind kind_of(const Registry<Factory>& registry, std::string section) {
  CatalogueKind kind{registry.kind(), registry.plural(), std::move(section), {}};
  std::ranges::replace(kind.kind, ' ', '_');  // one word on the command line
  for (const auto& entry : registry.entries()) kind.records.push_back(entry);
  return kind;
}

// Ask/tell strategies and supernet methods stand under one key.
CatalogueKind strategies() {
  CatalogueKind kind = kind_of(strategy_registry(), "search");
  for (const auto& entry : supernet_method_registry().entries()) kind.records.push_back(entry);
  return kind;
}

CatalogueKind operators() {
  CatalogueKind kind{"operator", "operators", "", {}};
  for (const OperatorSchema* schema : all_operators()) {
    RegistryRecord record;
    record.name = schema->domain.empty() ? schema->name : schema->domain + "." + schema->name;
    record.summary = schema->summary;
    record.source = schema->domain.empty() ? "ONNX opset " + std::to_string(kOpset) : "nacre";
    for (const AttributeSchema& attribute : schema->attributes) {
      record.parameters.push_back(
          {.name = attribute.name,
           .type = ParameterType::any,
           .description = attribute.type + (attribute.description.empty() ? "" : ": " + attribute.description),
           .required = attribute.required});
    }
    kind.records.push_back(std::move(record));
  }
  return kind;
}

CatalogueKind rewrites() {
  CatalogueKind kind{"rewrite", "rewrites", "", {}};
  for (const Rewrite& rewrite : all_rewrites()) {
    RegistryRecord record;
    record.name = rewrite.name;
    record.summary = rewrite.summary;
    record.source = rewrite.source;
    if (!rewrite.example.empty())
      record.example = "nacre rewrite '" + rewrite.example + "' --rule " + rewrite.name + " --verify";
    kind.records.push_back(std::move(record));
  }
  return kind;
}

// What targets and tasks measure, each once, with who gives it. Targets that need keys cannot be asked here.
CatalogueKind metrics() {
  CatalogueKind kind{"metric", "metrics", "", {}};
  const auto add = [&](const MetricSpec& spec, const std::string& source) {
    const auto found = std::ranges::find(kind.records, spec.name, &RegistryRecord::name);
    if (found != kind.records.end()) {
      if (found->source.find(source) == std::string::npos) found->source += ", " + source;
      return;
    }
    std::string summary = spec.description.empty() ? spec.name : spec.description;
    summary += spec.direction == Direction::maximize ? "; more is better" : "; less is better";
    if (!spec.unit.empty()) summary += "; in " + spec.unit;
    kind.records.push_back({.name = spec.name, .summary = summary, .source = source});
  };
  for (const auto& [task, specs] : task_metrics()) {
    for (const MetricSpec& spec : specs) add(spec, "task " + task);
  }
  for (const auto& entry : target_registry().entries()) {
    const bool needs_keys = std::ranges::any_of(entry.parameters, &Parameter::required);
    if (needs_keys) continue;
    try {
      const auto target = entry.make(default_options(entry.parameters, "target " + entry.name), {});
      for (const MetricSpec& spec : target->metrics()) add(spec, "target " + entry.name);
    } catch (const UserError&) {  // lacks a device or a package here
    }
  }
  add({"train_time_s", Direction::minimize, "s", "time of the training"}, "every training");
  add({"train_processor_s", Direction::minimize, "s", "processor time of the training, all threads"}, "every training");
  return kind;
}

// A parameter as a thing of its own: its accepted words, or itself.
RegistryRecord record_of(const Parameter& parameter, const std::string& section) {
  RegistryRecord record;
  record.name = parameter.name;
  record.summary = parameter.description;
  record.parameters = {parameter};
  if (!parameter.default_value.is_null())
    record.example = section + ": {" + parameter.name + ": " + parameter.default_value.dump() + "}";
  return record;
}

CatalogueKind recipe_fields() {
  CatalogueKind kind{"recipe", "recipes", "", {}};
  for (const Parameter& parameter : recipe_parameters()) kind.records.push_back(record_of(parameter, "train"));
  return kind;
}

CatalogueKind precisions() {
  CatalogueKind kind{"precision", "precisions", "", {}};
  for (const Parameter& parameter : train_parameters()) {
    if (parameter.name != "precision") continue;
    for (const std::string& choice : parameter.choices) {
      kind.records.push_back(
          {.name = choice,
           .summary = choice == "auto"   ? "bf16 with channels-last where a probe finds it faster, else fp32"
                      : choice == "bf16" ? "convolutions and matrix products on bfloat16 inputs, fp32 "
                                           "parameters and statistics"
                                         : "arithmetic of training in " + choice,
           .source = "",
           .example = "train: {precision: " + choice + "}"});
    }
  }
  return kind;
}

void add_verbs(const std::vector<VerbDescription>& verbs, const std::string& before, CatalogueKind& kind) {
  for (const VerbDescription& verb : verbs) {
    RegistryRecord record{.name = before + verb.name, .summary = verb.help, .source = ""};
    for (const OptionDescription& option : verb.options) {
      if (long_name(option) == "help") continue;
      record.parameters.push_back({.name = option.names,
                                   .type = option.takes_value ? ParameterType::text : ParameterType::boolean,
                                   .description = option.help,
                                   .required = option.required});
    }
    kind.records.push_back(std::move(record));
    add_verbs(verb.verbs, before + verb.name + " ", kind);
  }
}

CatalogueKind verbs() {
  CatalogueKind kind{"verb", "verbs", "", {}};
  Session session;  // of a program that only describes itself
  add_verbs(make_program(session)->verbs(), "", kind);
  return kind;
}

}  // namespace

std::vector<CatalogueKind> catalogue() {
  return {kind_of(task_registry(), "task"),
          kind_of(run_space_registry(), "space"),
          kind_of(run_target_registry(), "target"),
          kind_of(accelerator_registry(), ""),
          kind_of(dataflow_registry(), ""),
          strategies(),
          kind_of(stopping_rule_registry(), ""),
          kind_of(evaluator_registry(), "evaluator"),
          kind_of(predictor_registry(), ""),
          kind_of(zero_cost_registry(), ""),
          kind_of(data_format_registry(), ""),
          kind_of(benchmark_registry(), ""),
          metrics(),
          recipe_fields(),
          precisions(),
          kind_of(format_registry(), ""),
          kind_of(element_grid_registry(), ""),
          kind_of(scale_scheme_registry(), ""),
          kind_of(rounding_registry(), ""),
          kind_of(range_estimator_registry(), ""),
          kind_of(optimizer_registry(), ""),
          kind_of(loss_registry(), ""),
          operators(),
          rewrites(),
          kind_of(probe_registry(), ""),
          kind_of(export_registry(), ""),
          verbs()};
}

CatalogueKind catalogue_kind(std::string_view word) {
  std::vector<std::string> plurals;
  for (CatalogueKind& kind : catalogue()) {
    if (word == kind.kind || word == kind.plural) return std::move(kind);
    plurals.push_back(kind.plural);
  }
  throw UserError(unknown_name_message("kind", word, plurals, "nacre list"));
}

}  // namespace nacre
