#include "nacre/run/verify_inputs.hpp"

#include <fmt/format.h>

#include "nacre/base/random.hpp"
#include "nacre/ir/dim_expression.hpp"

namespace nacre {
namespace {

std::string shape_text(std::span<const int64_t> extents) { return fmt::format("[{}]", fmt::join(extents, ",")); }

// Notes the extent of every symbol; an expression ("past+1") is not taken apart.
class ShapeCheck {
 public:
  explicit ShapeCheck(const Graph& graph) : graph_(graph) {}

  // "" when the extents fit what the model declares for that input.
  std::string problem(ValueId id, std::span<const int64_t> extents) {
    const Value& value = graph_.value(id);
    if (!value.shape.has_value()) return "";
    const std::string mismatch =
        fmt::format("has the shape {}, the model takes {}", shape_text(extents), graph_.shape_text(*value.shape));
    if (value.shape->size() != extents.size()) return mismatch;
    for (int axis = 0; axis < value.shape->rank(); ++axis) {
      const Dim dim = (*value.shape)[axis];
      const int64_t extent = extents[static_cast<size_t>(axis)];
      // Files of old exporters declare 0 for an extent that is not known.
      if (dim.is_fixed() && dim.extent() != extent && dim.extent() != 0) return mismatch;
      if (!dim.is_symbol()) continue;
      const auto [place, fresh] = seen_.try_emplace(graph_.symbol_name(dim), extent);
      if (!fresh && place->second != extent)
        return fmt::format("{}; '{}' is {} elsewhere", mismatch, place->first, place->second);
    }
    return "";
  }

 private:
  const Graph& graph_;
  std::map<std::string, int64_t> seen_;
};

std::vector<std::string> names_of(const Graph& graph, const std::vector<ValueId>& values) {
  std::vector<std::string> names;
  for (const ValueId id : values) names.push_back(value_text(graph, id));
  return names;
}

// The extents given for a dimension: bound, or 1.
int64_t extent_of(const Graph& graph, Dim dim, const SymbolBindings& bindings) {
  if (dim.is_fixed() && dim.extent() > 0) return dim.extent();
  if (!dim.is_symbol()) return 1;
  SymbolBindings all = bindings;
  for (const std::string& symbol : graph.symbols()) all.try_emplace(symbol, 1);
  return evaluate_dim_expression(graph.symbol_name(dim), all).value_or(1);
}

void check_names(const Graph& graph, const InputShapes& shapes) {
  const std::vector<std::string> inputs = names_of(graph, graph.inputs);
  for (const auto& [name, extents] : shapes.shapes) {
    if (std::ranges::find(inputs, name) == inputs.end())
      throw UserError(unknown_name_message("input", name, inputs, "nacre inspect shows them"));
  }
  for (const auto& [name, extent] : shapes.bindings) {
    if (std::ranges::find(graph.symbols(), name) == graph.symbols().end())
      throw UserError(graph.symbols().empty()
                          ? fmt::format("there is no symbolic dimension '{}': the model has none", name)
                          : unknown_name_message("symbolic dimension", name, graph.symbols()));
  }
}

}  // namespace

VerifySet stored_set(const Graph& graph, const OnnxTestSet& stored) {
  if (!stored.problem.empty()) throw UserError(stored.problem);
  VerifySet set{.name = stored.name};
  if (stored.inputs.size() > graph.inputs.size() || stored.outputs.size() > graph.outputs.size()) {
    throw UserError(fmt::format("{} has {} inputs and {} outputs; the model takes {} ({}) and gives {} ({})",
                                stored.name, stored.inputs.size(), stored.outputs.size(), graph.inputs.size(),
                                fmt::join(names_of(graph, graph.inputs), ", "), graph.outputs.size(),
                                fmt::join(names_of(graph, graph.outputs), ", ")));
  }
  ShapeCheck check(graph);
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const std::string name = value_text(graph, graph.inputs[i]);
    const std::string place = fmt::format("{}: input_{}.pb ('{}')", stored.name, i, name);
    if (i >= stored.inputs.size() || !stored.inputs[i].has_value()) throw UserError(place + " is missing");
    const Tensor& tensor = *stored.inputs[i];
    const ElementType type = graph.value(graph.inputs[i]).type;
    if (type != ElementType::undefined && tensor.type() != type)
      throw UserError(fmt::format("{} holds {}, the model takes {}", place, element_type_name(tensor.type()),
                                  element_type_name(type)));
    if (const std::string problem = check.problem(graph.inputs[i], tensor.extents()); !problem.empty())
      throw UserError(place + " " + problem);
    set.inputs.insert_or_assign(name, tensor);
  }
  for (size_t i = 0; i < stored.outputs.size(); ++i) {
    if (stored.outputs[i].has_value())
      set.outputs.insert_or_assign(value_text(graph, graph.outputs[i]), *stored.outputs[i]);
  }
  return set;
}

VerifySet drawn_set(const Graph& graph, const InputShapes& shapes, uint64_t seed, int64_t sample) {
  check_names(graph, shapes);
  VerifySet set{.name = fmt::format("sample {}", sample)};
  ShapeCheck check(graph);
  for (const ValueId id : graph.inputs) {
    const Value& value = graph.value(id);
    const std::string name = value_text(graph, id);
    std::vector<int64_t> extents;
    if (const auto given = shapes.shapes.find(name); given != shapes.shapes.end()) {
      extents = given->second;
    } else if (value.shape.has_value()) {
      for (const Dim dim : *value.shape) extents.push_back(extent_of(graph, dim, shapes.bindings));
    } else {
      throw UserError(fmt::format("input '{}' has no declared shape; give one: --shape {}=1x3x224x224", name, name));
    }
    if (const std::string problem = check.problem(id, extents); !problem.empty())
      throw UserError(fmt::format("input '{}' {}", name, problem));
    if (value.type == ElementType::string || value.type == ElementType::undefined)
      throw UserError(fmt::format("input '{}' holds {}, which cannot be drawn; give stored inputs", name,
                                  element_type_name(value.type)));
    Tensor tensor(value.type, extents);
    Random random = Random::stream(seed, "verify " + name, static_cast<uint64_t>(sample));
    for (int64_t i = 0; i < tensor.elements(); ++i)
      tensor.set_number_at(i, is_floating(value.type) ? random.normal() : static_cast<double>(random.below(2)));
    set.inputs.insert_or_assign(name, std::move(tensor));
  }
  return set;
}

}  // namespace nacre
