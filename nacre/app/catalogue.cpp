#include "nacre/app/catalogue.hpp"

#include "nacre/base/error.hpp"
#include "nacre/hw/target_registry.hpp"
#include "nacre/ir/rewrite.hpp"
#include "nacre/ir/schema.hpp"
#include "nacre/run/evaluator_registry.hpp"
#include "nacre/search/strategy.hpp"
#include "nacre/space/space.hpp"
#include "nacre/tasks/task_registry.hpp"

namespace nacre {
namespace {

template <class Factory>
CatalogueKind kind_of(const Registry<Factory>& registry, std::string section) {
  CatalogueKind kind{registry.kind(), registry.plural(), std::move(section), {}};
  for (const auto& entry : registry.entries()) kind.records.push_back(entry);
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

}  // namespace

std::vector<CatalogueKind> catalogue() {
  return {kind_of(task_registry(), "task"),
          kind_of(space_registry(), "space"),
          kind_of(target_registry(), "target"),
          kind_of(strategy_registry(), "search"),
          kind_of(evaluator_registry(), "evaluator"),
          operators(),
          rewrites()};
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
