#include "nacre/design/design.hpp"

#include "nacre/base/error.hpp"
#include "nacre/base/hash.hpp"
#include "nacre/ir/hash.hpp"

namespace nacre {

const Graph& Design::graph() const {
  NACRE_CHECK(graphs.size() == 1, "a design with one graph was expected");
  return graphs.begin()->second;
}

Graph& Design::graph() { return const_cast<Graph&>(static_cast<const Design&>(*this).graph()); }

namespace {

// Weights and statistics that a design brings along: of a network made from a trained one they decide where training leads.
// Most designs bring none.
void add_weights(const Graph& graph, Hash128& hash) {
  for (const Initializer& initializer : graph.initializers()) {
    const bool is_weight = initializer.trainable || initializer.distribution.kind != Distribution::Kind::none;
    if (is_weight && initializer.data != nullptr) hash = hash_combine(hash, initializer.data->hash());
  }
}

}  // namespace

std::string design_identity(const Design& design) {
  Hash128 hash = hash_text(to_json(design.recipe).dump());
  for (const auto& [task, graph] : design.graphs) {
    hash = hash_combine(hash, hash_combine(hash_text(task), structure_hash(graph)));
    add_weights(graph, hash);
  }
  return hash.hex();
}

}  // namespace nacre
