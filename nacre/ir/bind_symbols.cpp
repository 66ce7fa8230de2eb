// Graph::bind_symbols: symbolic dimensions become numbers, in nested graphs too.
#include "nacre/ir/dim_expression.hpp"
#include "nacre/ir/graph.hpp"
#include "nacre/ir/schema.hpp"

namespace nacre {

void Graph::bind_symbols(const SymbolBindings& bindings) {
  for (const auto& [name, extent] : bindings) {
    if (extent < 0)
      throw UserError("symbol '" + name + "' cannot be bound to " + std::to_string(extent) +
                      "; an extent is 0 or more");
  }
  const std::vector<std::string> old_symbols = std::exchange(symbols_, {});
  std::vector<Dim> bound;
  for (const std::string& name : old_symbols) {
    if (const std::optional<int64_t> extent = evaluate_dim_expression(name, bindings)) {
      if (*extent < 0)
        throw UserError("dimension '" + name + "' becomes " + std::to_string(*extent) + " under the given bindings");
      bound.emplace_back(*extent);
    } else {
      bound.push_back(symbol(bind_dim_expression(name, bindings)));
    }
  }
  for (Value& value : values_) {
    if (!value.shape.has_value()) continue;
    for (int axis = 0; axis < value.shape->rank(); ++axis) {
      Dim& dim = (*value.shape)[axis];
      if (dim.is_symbol()) dim = bound[static_cast<size_t>(dim.symbol_index())];
    }
  }
  for (Node& node : nodes_) {
    for (Body& body : node.bodies) {
      auto copy = std::make_shared<Graph>(*body.graph);
      copy->bind_symbols(bindings);
      body.graph = std::move(copy);
    }
  }
  infer_shapes(*this);
}

}  // namespace nacre
