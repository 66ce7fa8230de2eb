#include "nacre/supernet/supernet_chooser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

std::string branch_scope(const std::string& label) {
  std::string name = "<" + label + ">";
  std::ranges::replace(name, '/', '_');
  return name;
}

std::vector<int64_t> all_of(int64_t count) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

bool is_pooling(const Node& node) { return node.op == "MaxPool" || node.op == "AveragePool"; }

// The part of a scope path before the first '/'.
std::string stage_of(const std::string& path) { return path.substr(0, path.find('/')); }

// The scale and shift of every batch-norm in a stage that holds something open stay 1 and 0, and are no parameters.
void fix_affine(Graph& graph) {
  std::set<std::string> searched;
  for (const Node& node : graph.nodes())
    if (graph.scope(node.scope).find('<') != std::string::npos) searched.insert(stage_of(graph.scope(node.scope)));
  for (const Node& node : graph.nodes()) {
    if (node.op != "BatchNormalization" || !searched.contains(stage_of(graph.scope(node.scope)))) continue;
    for (const size_t input : {1, 2}) graph.initializer(graph.value(node.inputs[input]).initializer).trainable = false;
  }
}

}  // namespace

std::string plain_parameter_name(std::string_view name) {
  std::string result;
  for (size_t at = 0; at < name.size();) {
    const size_t end = std::min(name.find('/', at), name.size());
    if (name[at] != '<') {
      if (!result.empty()) result += '/';
      result += name.substr(at, end - at);
    }
    at = end + 1;
  }
  return result;
}

std::optional<int64_t> SupernetChooser::decided(const std::string& key, int64_t alternatives) const {
  const int64_t* index = decided_ == nullptr ? nullptr : decided_->find(key);
  if (index == nullptr) return std::nullopt;
  if (*index < 0 || *index >= alternatives)
    throw UserError(
        fmt::format("decision '{}' has index {}, but there are {} alternatives", key, *index, alternatives));
  return *index;
}

std::vector<int64_t> SupernetChooser::active(const std::string& key, int64_t alternatives) const {
  if (active_ != nullptr) {
    if (const auto found = active_->find(key); found != active_->end()) {
      NACRE_CHECK(!found->second.empty(), "no active alternative of " + key);
      for (const int64_t i : found->second) NACRE_CHECK(i >= 0 && i < alternatives, "an active alternative of " + key);
      return found->second;
    }
  }
  return all_of(alternatives);
}

void SupernetChooser::note(OpenDecision decision, std::vector<OpenDecision>& list) {
  const auto found = std::ranges::find(list, decision.key, &OpenDecision::key);
  if (found == list.end()) return list.push_back(std::move(decision));
  if (found->labels != decision.labels)
    throw UserError("decision '" + decision.key + "' has other alternatives at its second place; a supernet needs one");
}

// The sum of the values, each times the weight at its position.
ValueId SupernetChooser::mix(GraphBuilder& builder, const OpenDecision& decision, const std::vector<int64_t>& positions,
                             std::vector<ValueId> values) {
  note(decision, open_);
  const auto count = static_cast<int64_t>(decision.labels.size());
  const auto [entry, added] = weights_.try_emplace(decision.key, kNone);
  if (added) {
    entry->second =
        builder.graph().add_parameter(std::string(kMixPrefix) + decision.key, ElementType::float32, Shape{Dim(count)},
                                      {Distribution::Kind::constant, 1.0 / static_cast<double>(count)}, false);
  }
  values.insert(values.begin(), entry->second);
  return builder.node("Mix", std::move(values), {{"positions", positions}}, 1, "nacre");
}

ValueId SupernetChooser::build_branch(GraphBuilder& builder, ValueId x, const Branch& branch) const {
  const auto scope = builder.scope(branch_scope(branch.label));
  const size_t first = builder.graph().nodes().size();
  const ValueId y = branch.build(builder, x);
  const std::vector<Node>& nodes = builder.graph().nodes();
  if (form_.normalize_pools && nodes.size() == first + 1 && is_pooling(nodes[first]))
    return builder.batch_norm("bn", y);
  return y;
}

ValueId SupernetChooser::build_layer(const std::string& key, GraphBuilder& builder, ValueId x,
                                     const std::vector<Branch>& branches, bool zero) {
  const auto count = static_cast<int64_t>(branches.size());
  const std::optional<int64_t> one = count == 1 && !zero ? std::optional<int64_t>(0) : decided(key, count);
  if (one) return build_branch(builder, x, branches[static_cast<size_t>(*one)]);
  OpenDecision decision{.key = key, .kind = OpenDecision::Kind::operators, .labels = {}, .has_zero = zero};
  if (zero) decision.labels.emplace_back("none");
  for (const Branch& branch : branches) decision.labels.push_back(branch.label);
  const std::vector<int64_t> alternatives = active(key, count);
  std::vector<int64_t> positions;
  std::vector<ValueId> values;
  for (const int64_t i : alternatives) {
    positions.push_back(i + (zero ? 1 : 0));
    values.push_back(part(builder, key, {positions.back()},
                          [&] { return build_branch(builder, x, branches[static_cast<size_t>(i)]); }));
  }
  if (values.size() == 1 && alternatives.size() < static_cast<size_t>(count)) return values[0];  // the one active path
  return mix(builder, decision, positions, std::move(values));
}

ValueId SupernetChooser::layer(std::string_view name, GraphBuilder& builder, ValueId x,
                               const std::vector<Branch>& branches) {
  check_alternatives(name, static_cast<int64_t>(branches.size()));
  return build_layer(key(name), builder, x, branches, false);
}

ValueId SupernetChooser::edge(std::string_view name, GraphBuilder& builder, ValueId x, int64_t channels,
                              const EdgeBranches& branches) {
  const int64_t parts = form_.partial_channels;
  if (parts == 1) return build_layer(key(name), builder, x, branches(channels), form_.zero_operator);
  if (channels % parts != 0 || builder.channels(x) != channels) {
    throw UserError(
        fmt::format("edge '{}': partial connections need as many channels before it as after it ({}, {}), "
                    "a multiple of partial_channels = {}",
                    key(name), builder.channels(x), channels, parts));
  }
  const int64_t seen = channels / parts;
  const auto slice = [&builder, x](const char* what, int64_t from, int64_t to) {
    const auto scope = builder.scope(what);
    return builder.node("Slice", {x, builder.constant(Tensor::of<int64_t>({1}, {from}), "starts"),
                                  builder.constant(Tensor::of<int64_t>({1}, {to}), "ends"),
                                  builder.constant(Tensor::of<int64_t>({1}, {1}), "axes")});
  };
  const ValueId searched = build_layer(key(name), builder, slice("seen", 0, seen), branches(seen), form_.zero_operator);
  ValueId passing = slice("passing", seen, channels);
  if (builder.extent(searched, 2) != builder.extent(passing, 2)) passing = builder.max_pool(passing, 2, 2, 0);
  const ValueId both = builder.node("Concat", {searched, passing}, {{"axis", int64_t{1}}});
  return builder.channel_shuffle(both, parts);
}

ValueId SupernetChooser::sum_of(std::string_view name, GraphBuilder& builder, ValueId x,
                                const std::vector<Branch>& parts, int64_t k) {
  const auto n = static_cast<int64_t>(parts.size());
  OpenDecision decision{.key = key(name), .kind = OpenDecision::Kind::edges, .labels = {}, .kept = k};
  for (const Branch& part : parts) decision.labels.push_back(part.label);
  const int64_t subsets = check_subset(name, decision.labels, k);
  const std::optional<int64_t> one = subsets == 1 ? std::optional<int64_t>(0) : decided(decision.key, subsets);
  const std::vector<int64_t> chosen = one ? subset_at(n, k, *one) : active(decision.key, n);
  std::vector<ValueId> values;
  for (const int64_t i : chosen) {
    const auto build = [&] { return parts[static_cast<size_t>(i)].build(builder, x); };
    values.push_back(one ? build() : part(builder, decision.key, {i}, build));
  }
  if (!one) {
    if (form_.edge_weights) return mix(builder, decision, chosen, std::move(values));
    note(decision, open_);
  } else if (form_.edge_weights && subsets == 1) {
    return mix(builder, decision, chosen, std::move(values));  // weighted although nothing is chosen, as published
  }
  ValueId sum = values[0];
  for (size_t i = 1; i < values.size(); ++i) sum = builder.add(sum, values[i]);
  return sum;
}

ValueId SupernetChooser::repeat(std::string_view name, GraphBuilder& builder, ValueId x,
                                std::span<const int64_t> counts, const RepeatBody& body) {
  check_repeat(name, counts);
  const std::string full = key(name);
  const auto n = static_cast<int64_t>(counts.size());
  const std::optional<int64_t> one = n == 1 ? std::optional<int64_t>(0) : decided(full, n);
  if (one) {
    for (int64_t i = 0; i < counts[static_cast<size_t>(*one)]; ++i) x = body(builder, x, i);
    return x;
  }
  const std::vector<int64_t> places = active(full, n);
  OpenDecision decision{.key = full, .kind = OpenDecision::Kind::depth, .labels = {}};
  for (const int64_t count : counts) decision.labels.push_back(std::to_string(count));
  decision.values.assign(counts.begin(), counts.end());
  std::vector<ValueId> values;
  int64_t built = 0;
  for (auto place = places.begin(); place != places.end(); ++place) {
    for (; built < counts[static_cast<size_t>(*place)]; ++built)
      x = part(builder, full, {place, places.end()}, [&] { return body(builder, x, built); });
    values.push_back(x);
  }
  if (values.size() == 1) return values[0];
  return mix(builder, decision, places, std::move(values));
}

bool SupernetChooser::holds_lattice(const std::string& scope_path, const Lattice& lattice) {
  return lattice.states.size() > 1 &&
         !decided(scope_path + "/start", static_cast<int64_t>(lattice.states.size())).has_value();
}

ValueId SupernetChooser::lattice_part(GraphBuilder& builder, const std::string& label,
                                      const std::function<ValueId(GraphBuilder&)>& build) {
  const auto scope = builder.scope(branch_scope(label));
  return build(builder);
}

ValueId SupernetChooser::whole_lattice(GraphBuilder& builder, ValueId x, const Lattice& lattice) {
  const auto states = static_cast<int64_t>(lattice.states.size());
  const auto name_of = [&lattice](int64_t state) { return std::to_string(lattice.states[static_cast<size_t>(state)]); };
  std::vector<ValueId> now;
  for (int64_t state = 0; state < states; ++state) {
    now.push_back(lattice_part(builder, name_of(state), [&](GraphBuilder& b) {
      return lattice.enter(b, x, lattice.states[static_cast<size_t>(state)]);
    }));
  }
  const std::string path = scope_path();
  for (const LatticeStep& step : lattice.steps) {
    const auto inside = scope(step.name, builder);
    OpenDecision decision{.key = key("edge"),
                          .kind = OpenDecision::Kind::lattice,
                          .labels = {},
                          .values = lattice.states,
                          .lattice = path};
    std::vector<std::vector<int64_t>> positions(lattice.states.size());
    std::vector<std::vector<ValueId>> values(lattice.states.size());
    for (int64_t from = 0; from < states; ++from) {
      for (int64_t to = 0; to < states; ++to) {
        const auto target = static_cast<size_t>(to);
        const std::vector<Branch> operators =
            step.operators(lattice.states[static_cast<size_t>(from)], lattice.states[target]);
        const std::string edge = name_of(from) + "-" + name_of(to);
        for (const Branch& branch : operators) {
          const auto position = static_cast<int64_t>(decision.labels.size());
          decision.labels.push_back(edge + " " + branch.label);
          positions[target].push_back(position);
          values[target].push_back(part(builder, decision.key, {position}, [&] {
            return lattice_part(builder, edge, [&](GraphBuilder& b) {
              return build_branch(b, now[static_cast<size_t>(from)], branch);
            });
          }));
        }
      }
    }
    for (size_t state = 0; state < now.size(); ++state)
      now[state] = mix(builder, decision, positions[state], std::move(values[state]));
  }
  ValueId sum = kNone;
  for (int64_t state = 0; state < states; ++state) {
    const ValueId y = lattice_part(builder, name_of(state), [&](GraphBuilder& b) {
      return lattice.leave(b, now[static_cast<size_t>(state)], lattice.states[static_cast<size_t>(state)]);
    });
    sum = sum == kNone ? y : builder.add(sum, y);
  }
  return sum;
}

std::vector<int64_t> SupernetChooser::subset(std::string_view name, std::span<const std::string> labels, int64_t k) {
  const int64_t count = check_subset(name, labels, k);
  const auto rank = count == 1 ? std::optional<int64_t>(0) : decided(key(name), count);
  if (!rank) {
    throw UserError("decision '" + key(name) +
                    "' chooses a subset, whose networks share no structure: a supernet cannot hold it open");
  }
  return subset_at(static_cast<int64_t>(labels.size()), k, *rank);
}

ValueId SupernetChooser::block(std::string_view name, GraphBuilder& builder, ValueId x, const LayerBody& body) {
  const auto inside = scope(name, builder);
  return body(builder, x);
}

int64_t SupernetChooser::choose(const std::string& key, const Alternatives& alternatives) {
  if (const auto one = decided(key, alternatives.count)) return *one;
  if (alternatives.kind != DecisionKind::number) {
    throw UserError("decision '" + key +
                    "' is not about the network: a supernet trains all of its networks by one recipe; leave the "
                    "decision out of the space, or name one alternative");
  }
  note({.key = key,
        .kind = OpenDecision::Kind::number,
        .labels = alternatives.texts(),
        .values = {alternatives.integers.begin(), alternatives.integers.end()}},
       numbers_);
  const auto largest = std::ranges::max_element(alternatives.integers);
  return largest - alternatives.integers.begin();
}

void SupernetChooser::mark_structural(const std::string& key) {
  if (decided_ != nullptr && decided_->find(key) != nullptr) return;
  throw UserError(
      "decision '" + key +
      "' is structural: the definition's control flow depends on its number, so that a supernet cannot hold "
      "its networks at once");
}

Supernet build_supernet(const Space& space, const SupernetForm& form, const Decisions* decided,
                        const ActiveAlternatives* active) {
  SupernetChooser chooser(form, decided, active);
  Design design = space.build(chooser);
  if (design.graphs.size() != 1) throw UserError("space '" + space.name() + "': a supernet holds one network");
  Supernet supernet{std::move(design.graphs.begin()->second), design.recipe, chooser.open(), chooser.parts(),
                    chooser.numbers()};
  if (!form.affine) fix_affine(supernet.graph);
  return supernet;
}

}  // namespace nacre
