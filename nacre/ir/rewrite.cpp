#include "nacre/ir/rewrite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "nacre/base/random.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/rewrites/rewrites.hpp"
#include "nacre/ir/schema.hpp"

namespace nacre {

const std::vector<Rewrite>& all_rewrites() {
  static const std::vector<Rewrite> list = {
      {.name = "dead_code",
       .summary = "remove what no output depends on",
       .source = "",
       .example = "graph(x: float32[4]) { d = Tanh(x); y = Relu(x); return y }",
       .apply = rewrites::remove_dead_code},
      {.name = "identity",
       .summary = "remove operators that hand their input through, merge pairs of transposes and reshapes",
       .source = "",
       .example = "graph(x: float32[4]) { a = Identity(x); y = Relu(a); return y }",
       .apply = rewrites::remove_identities},
      {.name = "common_subexpressions",
       .summary = "merge nodes that compute the same from the same values",
       .source = "",
       .example = "graph(x: float32[4]) { a = Tanh(x); b = Tanh(x); y = Mul(a, b); return y }",
       .apply = rewrites::merge_common_subexpressions},
      {.name = "constants",
       .summary = "compute what depends on constants and fixed shapes only",
       .source = "",
       .example = "graph(x: float32[2]) { a: float32[2] = frozen [1.0, 2.0]; b = Neg(a); y = Add(x, b); return y }",
       .apply = rewrites::fold_constants},
      {.name = "fold_batch_norm",
       .summary = "fold batch normalization into the convolution or matrix product before or after it",
       .source = "Ioffe and Szegedy, arXiv 1502.03167, algorithm 2",
       .example = "graph(x: float32[1,1,2,2]) { w: float32[1,1,1,1] = param [3.0]; s: float32[1] = param [2.0]; "
                  "b: float32[1] = param [1.0]; m: float32[1] = frozen [0.5]; v: float32[1] = frozen [4.0]; "
                  "c = Conv(x, w); y = BatchNormalization(c, s, b, m, v); return y }",
       .apply = rewrites::fold_batch_norm},
      {.name = "affine_into_linear",
       .summary =
           "fold Add, Sub, Mul, Div by constants into the convolution, matrix product or batch normalization beside",
       .source = "",
       .example = "graph(x: float32[1,2]) { w: float32[2,2] = param [1.0, 2.0, 3.0, 4.0]; "
                  "c: float32[2] = frozen [0.5, 2.0]; h = MatMul(x, w); y = Mul(h, c); return y }",
       .apply = rewrites::affine_into_linear},
      {.name = "merge_pointwise",
       .summary = "merge two convolutions or matrix products of which one is 1x1, where that adds no multiplications",
       .source = "Chen et al., VanillaNet, arXiv 2305.12972, section 3.1",
       .example = "graph(x: float32[1,2]) { v: float32[2,3] = param [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; "
                  "w: float32[3,1] = param [1.0, 0.5, 2.0]; h = MatMul(x, v); y = MatMul(h, w); return y }",
       .apply = rewrites::merge_pointwise},
      {.name = "sum_kernels",
       .summary = "sum parallel convolutions, batch normalizations and shortcuts on one input into one convolution",
       .source = "Ding et al., RepVGG, arXiv 2101.03697, section 3.3",
       .example = "graph(x: float32[1,1,4,4]) { w: float32[1,1,3,3] = param [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, "
                  "9.0]; v: float32[1,1,1,1] = param [0.5]; a = Conv(x, w) {pads=[1, 1, 1, 1]}; b = Conv(x, v); "
                  "c = Add(a, b); y = Add(c, x); return y }",
       .apply = rewrites::sum_kernels},
  };
  return list;
}

const Rewrite& get_rewrite(std::string_view name) {
  std::vector<std::string> names;
  for (const Rewrite& rewrite : all_rewrites()) {
    if (rewrite.name == name) return rewrite;
    names.push_back(rewrite.name);
  }
  throw UserError(unknown_name_message("rewrite", name, names, "nacre list rewrites"));
}

// --- verification -------------------------------------------------------------------------------------------------

namespace {

bool agree(const std::optional<Shape>& before, const Graph& old_graph, const std::optional<Shape>& after,
           const Graph& new_graph) {
  if (!before.has_value() || !after.has_value()) return true;
  if (before->rank() != after->rank()) return false;
  for (int axis = 0; axis < before->rank(); ++axis) {
    const Dim a = (*before)[axis];
    const Dim b = (*after)[axis];
    if (a.is_unknown() || b.is_unknown()) continue;
    if (old_graph.dim_text(a) != new_graph.dim_text(b)) return false;
  }
  return true;
}

// The signature may not change: count, names, types and shapes of inputs and outputs.
void check_signature(const std::string& rewrite, const Graph& before, const Graph& after) {
  const auto check = [&](const std::vector<ValueId>& old_ids, const std::vector<ValueId>& new_ids, const char* what) {
    NACRE_CHECK(old_ids.size() == new_ids.size(), "rewrite " + rewrite + " changed the number of " + what);
    for (size_t i = 0; i < old_ids.size(); ++i) {
      const Value& a = before.value(old_ids[i]);
      const Value& b = after.value(new_ids[i]);
      NACRE_CHECK(a.name == b.name,
                  "rewrite " + rewrite + " renamed '" + a.name + "' of the " + what + " to '" + b.name + "'");
      const bool same_type = a.type == b.type || a.type == ElementType::undefined;
      NACRE_CHECK(same_type && agree(a.shape, before, b.shape, after),
                  "rewrite " + rewrite + " changed the type or shape of '" + a.name + "'");
    }
  };
  check(before.inputs, after.inputs, "inputs");
  check(before.outputs, after.outputs, "outputs");
  NACRE_CHECK(before.states.size() == after.states.size(), "rewrite " + rewrite + " changed the states");
}

// Small integers for index-like inputs, normal numbers for the others.
Tensor random_input(ElementType type, const std::vector<int64_t>& extents, Random& random) {
  Tensor tensor(type, extents);
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    tensor.set_number_at(i, is_floating(type) ? random.normal() : static_cast<double>(random.below(2)));
  }
  return tensor;
}

std::optional<NamedTensors> random_inputs(const Graph& graph, uint64_t seed) {
  NamedTensors result;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const Value& value = graph.value(graph.inputs[i]);
    if (!value.shape.has_value() || value.type == ElementType::string || element_bits(value.type) < 8)
      return std::nullopt;
    std::vector<int64_t> extents;
    for (const Dim dim : *value.shape) extents.push_back(dim.is_fixed() ? dim.extent() : 2);
    if (Shape::fixed(extents).elements().value_or(int64_t{1} << 40) > (1 << 26)) return std::nullopt;
    Random random = Random::stream(seed, "rewrite", i);
    result.emplace(value.name, random_input(value.type, extents, random));
  }
  return result;
}

// Free symbols of the graph bound to `extent`, 3 more for each further one, so that they do not coincide.
SymbolBindings small_bindings(const Graph& graph, int64_t extent) {
  SymbolBindings bindings;
  for (const std::string& symbol : graph.symbols()) {
    if (symbol.find_first_of("+-*/() ") != std::string::npos) continue;  // an expression over others
    bindings.emplace(symbol, extent + 3 * static_cast<int64_t>(bindings.size()));
  }
  return bindings;
}

Graph bound_copy(const Graph& graph, const SymbolBindings& bindings) {
  Graph copy = graph;
  copy.bind_symbols(bindings);
  return copy;
}

// After a rewrite a graph that cannot be inferred or run is our defect, whatever the error says.
template <class Work>
auto as_internal(const char* what, Work work) {
  try {
    return work();
  } catch (const UserError& error) {
    throw InternalError(std::string("internal error: after a rewrite the graph cannot be ") + what + ": " +
                        error.what());
  }
}

// NaN where both are NaN is no difference.
double largest_difference(const Tensor& a, const Tensor& b, double& largest) {
  if (a.type() != b.type() || a.extents() != b.extents()) return INFINITY;
  if (a.type() == ElementType::string) return a == b ? 0 : INFINITY;
  double difference = 0;
  for (int64_t i = 0; i < a.elements(); ++i) {
    const double x = a.number_at(i);
    const double y = b.number_at(i);
    if ((std::isnan(x) && std::isnan(y)) || x == y) continue;
    if (!std::isfinite(x) || !std::isfinite(y)) return INFINITY;
    difference = std::max(difference, std::abs(x - y));
    largest = std::max({largest, std::abs(x), std::abs(y)});
  }
  return difference;
}

// By position: an output without a name is called after its node, which a rewrite may renumber.
double relative_difference(const Graph& before, const NamedTensors& expected, const Graph& after,
                           const NamedTensors& found) {
  double worst = 0;
  for (size_t i = 0; i < before.outputs.size(); ++i) {
    const auto a = expected.find(value_text(before, before.outputs[i]));
    const auto b = found.find(value_text(after, after.outputs[i]));
    if (a == expected.end() || b == found.end()) return INFINITY;
    double largest = 1e-30;
    const double difference = largest_difference(a->second, b->second, largest);
    worst = std::max(worst, difference / largest);
  }
  return worst;
}

// What rounding allows: little where every floating-point output is in double precision.
double tolerance_for(const Rewrite& rewrite, const Graph& graph) {
  const auto is_short = [&](ValueId id) {
    return is_floating(graph.value(id).type) && graph.value(id).type != ElementType::float64;
  };
  return std::ranges::any_of(graph.outputs, is_short) ? rewrite.tolerance : rewrite.tolerance_double;
}

}  // namespace

std::optional<double> compare_by_running(const Graph& before, const Graph& after, uint64_t seed) {
  // A model may be right for some extents only (a Reshape to a fixed batch), so a few are tried.
  constexpr std::array<int64_t, 4> kExtents = {2, 1, 4, 8};
  for (const int64_t extent : kExtents) {
    const SymbolBindings bindings = small_bindings(before, extent);
    std::optional<NamedTensors> inputs;
    NamedTensors expected;
    try {
      const Graph bound_before = bound_copy(before, bindings);
      inputs = random_inputs(bound_before, seed);
      if (!inputs.has_value()) return std::nullopt;
      expected = run_reference(bound_before, *inputs, GraphParameters(seed));
    } catch (const UserError&) {
      if (before.symbols().empty()) return std::nullopt;
      continue;
    }
    if (before.outputs.size() != after.outputs.size()) return INFINITY;
    const NamedTensors found =
        as_internal("run", [&] { return run_reference(bound_copy(after, bindings), *inputs, GraphParameters(seed)); });
    return relative_difference(before, expected, after, found);
  }
  return std::nullopt;
}

// --- the driver ---------------------------------------------------------------------------------------------------

RewriteRecord run_rewrite(Graph& graph, const Rewrite& rewrite, const RewriteOptions& options) {
  if (options.interrupted && options.interrupted()) throw Interrupted();
  RewriteRecord record{.name = rewrite.name};
  Graph result = graph;
  const auto begin = std::chrono::steady_clock::now();
  record.count = rewrite.apply(result);
  if (record.count > 0) result.compact();
  record.time_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (record.count == 0) return record;
  as_internal("inferred", [&] { infer_shapes(result); });
  check_signature(rewrite.name, graph, result);
  if (options.verify_values && rewrite.preserves_values) {
    constexpr uint64_t kSeed = 20260101;
    const std::optional<double> difference = compare_by_running(graph, result, kSeed);
    const double tolerance = tolerance_for(rewrite, graph);
    NACRE_CHECK(!difference.has_value() || *difference <= tolerance,
                fmt::format("rewrite {} changed the outputs by {:g} of their size, allowed are {:g}", rewrite.name,
                            difference.value_or(0), tolerance));
    record.verified = difference.has_value();
  }
  graph = std::move(result);
  return record;
}

std::vector<RewriteRecord> run_rewrites(Graph& graph, std::span<const std::string> names,
                                        const RewriteOptions& options) {
  std::vector<RewriteRecord> records;
  std::vector<const Rewrite*> list;
  for (const std::string& name : options.disabled) get_rewrite(name);  // a misspelt name would switch nothing off
  for (const std::string& name : names) {
    const Rewrite& rewrite = get_rewrite(name);
    if (std::ranges::find(options.disabled, name) != options.disabled.end()) continue;
    list.push_back(&rewrite);
    records.push_back({.name = name});
  }
  for (int round = 0; round < options.maximum_rounds; ++round) {
    int changed = 0;
    for (size_t i = 0; i < list.size(); ++i) {
      const RewriteRecord record = run_rewrite(graph, *list[i], options);
      // Verified means: each time it applied.
      records[i].verified =
          record.count == 0 ? records[i].verified : record.verified && (records[i].count == 0 || records[i].verified);
      records[i].count += record.count;
      records[i].time_s += record.time_s;
      changed += record.count;
    }
    if (changed == 0) break;
  }
  return records;
}

std::vector<RewriteRecord> simplify_for_deployment(Graph& graph, const RewriteOptions& options) {
  std::vector<std::string> names;
  for (const Rewrite& rewrite : all_rewrites()) names.push_back(rewrite.name);
  return run_rewrites(graph, names, options);
}

}  // namespace nacre
