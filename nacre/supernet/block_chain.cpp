#include "nacre/supernet/block_chain.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "nacre/base/error.hpp"
#include "nacre/space/direct_chooser.hpp"

namespace nacre {
namespace {

constexpr size_t kDefaultBlocks = 3;

std::string layer_of(const std::string& key) {
  const size_t slash = key.rfind('/');
  return slash == std::string::npos ? key : key.substr(0, slash);
}

bool is_below(const std::string& layer, const std::string& name) {
  return layer == name || (layer.starts_with(name) && layer[name.size()] == '/');
}

// Replays, and notes what is asked in the order of asking.
class NotingChooser : public ReplayChooser {
 public:
  using ReplayChooser::ReplayChooser;
  std::vector<std::pair<std::string, int64_t>> asked;

 protected:
  int64_t choose(const std::string& key, const Alternatives& alternatives) override {
    if (std::ranges::find(asked, key, [](const auto& one) { return one.first; }) == asked.end())
      asked.emplace_back(key, alternatives.count);
    return ReplayChooser::choose(key, alternatives);
  }
};

bool same_value(const Graph& a, const Graph& b, ValueId id) {
  if (static_cast<size_t>(id) >= b.values().size()) return false;
  const Value &x = a.value(id), &y = b.value(id);
  return x.name == y.name && x.shape == y.shape && x.type == y.type &&
         (x.initializer == kNone) == (y.initializer == kNone);
}

bool same_attributes(const Attributes& a, const Attributes& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    if (x.first != y.first || x.second.index() != y.second.index()) return false;
    if (std::holds_alternative<Tensor>(x.second)) return false;  // taken as different: no harm beyond an earlier cut
    return std::visit(
        [&](const auto& value) {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<T, Tensor>)
            return false;
          else
            return value == std::get<T>(y.second);
        },
        x.second);
  });
}

// How many nodes two networks of one definition begin with alike.
size_t common_nodes(const Graph& a, const Graph& b) {
  const size_t most = std::min(a.nodes().size(), b.nodes().size());
  for (size_t i = 0; i < most; ++i) {
    const Node &x = a.nodes()[i], &y = b.nodes()[i];
    const bool same = x.op == y.op && x.domain == y.domain && x.inputs == y.inputs && x.outputs == y.outputs &&
                      x.bodies.empty() && y.bodies.empty() && same_attributes(x.attributes, y.attributes) &&
                      std::ranges::all_of(x.inputs, [&](ValueId id) { return id == kNone || same_value(a, b, id); });
    if (!same) return i;
  }
  return most;
}

bool has_parameters(const Graph& graph, const Node& node) {
  return std::ranges::any_of(node.inputs, [&](ValueId id) {
    if (id == kNone) return false;
    const Initializer* one = graph.initializer_of(id);
    return one != nullptr && one->trainable;
  });
}

// Where the features end and the classifier begins: what the last layer with parameters reads; or, where it is but pooled and
// flattened, the image before.
std::pair<size_t, ValueId> end_of_features(const Graph& graph, const std::vector<std::pair<size_t, ValueId>>& cuts) {
  size_t last = graph.nodes().size();
  while (last > 0 && !has_parameters(graph, graph.nodes()[last - 1])) --last;
  std::pair<size_t, ValueId> image{0, kNone}, any{0, kNone};
  for (const auto& cut : cuts) {
    if (last == 0 || cut.first >= last) break;
    any = cut;
    if (graph.value(cut.second).shape->rank() == 4) image = cut;
  }
  for (size_t i = image.first; image.second != kNone && i + 1 < last; ++i)
    if (has_parameters(graph, graph.nodes()[i])) image.second = kNone;
  return image.second != kNone ? image : any;
}

}  // namespace

std::vector<std::pair<size_t, ValueId>> single_value_cuts(const Graph& graph) {
  const size_t count = graph.nodes().size();
  std::vector<size_t> last_use(graph.values().size(), 0);  // node after which nobody reads it; 0: nobody
  for (size_t i = 0; i < count; ++i) {
    for (const ValueId id : graph.nodes()[i].inputs)
      if (id != kNone) last_use[static_cast<size_t>(id)] = i + 1;
  }
  for (const ValueId id : graph.outputs) last_use[static_cast<size_t>(id)] = count + 1;
  std::vector<ValueId> alive;
  const auto add = [&](ValueId id, size_t at) {
    if (last_use[static_cast<size_t>(id)] > at) alive.push_back(id);
  };
  for (const ValueId id : graph.inputs) add(id, 0);
  std::vector<std::pair<size_t, ValueId>> cuts;
  for (size_t at = 0;; ++at) {  // after `at` nodes
    std::erase_if(alive, [&](ValueId id) { return last_use[static_cast<size_t>(id)] <= at; });
    if (alive.size() == 1) cuts.emplace_back(at, alive[0]);
    if (at == count) return cuts;
    for (const ValueId id : graph.nodes()[at].outputs) add(id, at + 1);
  }
}

Graph graph_between(const Graph& graph, std::pair<size_t, ValueId> from, std::pair<size_t, ValueId> to) {
  Graph part = graph;
  for (size_t i = 0; i < part.nodes().size(); ++i)
    if (i < from.first || i >= to.first) part.kill_node(static_cast<NodeId>(i));
  ValueId end = to.second;
  if (from.first > 0) {
    part.value(from.second).producer = kNone;
    part.value(from.second).name = "features";
    part.inputs = {from.second};
  }
  part.outputs.clear();
  if (end == from.second) {  // nothing between: outputs are results of nodes
    const auto shape = part.value(end).shape;
    end = part.node(part.add_node("Identity", {end})).outputs[0];
    part.value(end).shape = shape;
  }
  part.value(end).name = "block_features";
  part.outputs = {end};
  part.compact();
  return part;
}

BlockChain::BlockChain(const Space& space, const BlockPartition& partition) : space_(space) {
  for (const TraceDecision& decision : space.trace().decisions()) {
    if (decision.kind == DecisionKind::real || decision.kind == DecisionKind::word)
      throw UserError(
          "decision '" + decision.key +
          "' is not about the network: blocks are trained by one recipe; leave the decision out of the space");
  }
  if (space.trace().decisions().empty())
    throw UserError("space '" + space.name() + "' has no open decision: there is no architecture to learn");
  order_layers();
  divide(partition);
}

std::vector<BlockChain::Asked> BlockChain::asked(const Decisions& decisions, Decisions& complete) const {
  NotingChooser chooser(decisions);
  space_.build(chooser);
  complete = chooser.resolved();
  std::vector<Asked> result;
  for (const auto& [key, alternatives] : chooser.asked) result.push_back({key, alternatives});
  return result;
}

// In the order of asking; a layer that a network lacks comes after the one that it follows in another.
void BlockChain::order_layers() {
  for (uint64_t i = 0; i < 65; ++i) {
    Random random = Random::stream(0, "layers", i);
    Decisions complete;
    size_t place = 0;
    for (const Asked& one : asked(i == 0 ? Decisions() : space_.trace().sample(random), complete)) {
      const std::string layer = layer_of(one.key);
      const auto found = std::ranges::find(order_, layer);
      if (found != order_.end()) {
        place = static_cast<size_t>(found - order_.begin()) + 1;
      } else {
        order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(place), layer);
        ++place;
      }
    }
  }
}

void BlockChain::divide(const BlockPartition& partition) {
  std::vector<int64_t> sizes = partition.sizes;
  if (!partition.names.empty()) {
    sizes.clear();
    size_t at = 0;
    for (const std::vector<std::string>& names : partition.names) {
      const size_t first = at;
      while (at < order_.size() &&
             std::ranges::any_of(names, [&](const std::string& name) { return is_below(order_[at], name); }))
        ++at;
      for (const std::string& name : names) {
        if (std::none_of(order_.begin() + static_cast<std::ptrdiff_t>(first),
                         order_.begin() + static_cast<std::ptrdiff_t>(at),
                         [&](const std::string& layer) { return is_below(layer, name); }))
          throw UserError(
              fmt::format("blocks: '{}' names no layer that follows here; the layers are, in this order: {}", name,
                          fmt::join(order_, ", ")));
      }
      sizes.push_back(static_cast<int64_t>(at - first));
    }
  }
  if (sizes.empty()) {
    const size_t count = std::min(kDefaultBlocks, order_.size());
    for (size_t i = 0; i < count; ++i)
      sizes.push_back(static_cast<int64_t>(order_.size() * (i + 1) / count - order_.size() * i / count));
  }
  const bool empty = std::ranges::any_of(sizes, [](int64_t size) { return size < 1; });
  if (empty || std::accumulate(sizes.begin(), sizes.end(), int64_t{0}) != static_cast<int64_t>(order_.size()))
    throw UserError(
        fmt::format("blocks: expected {} layers in all, at least one per block; the layers are, in this order: {}",
                    order_.size(), fmt::join(order_, ", ")));
  auto next = order_.begin();
  for (const int64_t size : sizes) {
    blocks_.emplace_back(next, next + size);
    next += size;
  }
}

size_t BlockChain::block_of(const std::string& key) const {
  const std::string layer = layer_of(key);
  for (size_t block = 0; block < blocks_.size(); ++block)
    if (std::ranges::find(blocks_[block], layer) != blocks_[block].end()) return block;
  throw UserError("blocks: decision '" + key + "' belongs to no layer that was seen in 65 networks of space '" +
                  space_.name() + "'");
}

std::string BlockChain::text(size_t block) const {
  return fmt::format("block {} ({})", block + 1, fmt::join(blocks_[block], ", "));
}

Decisions BlockChain::joined(const Decisions& a, const Decisions& b) {
  Decisions both = a;
  for (const Decision& one : b.items()) both.set(one.key, one.index);
  return both;
}

Decisions BlockChain::of_block(size_t block, const Decisions& decisions) const {
  Decisions own;
  for (const Decision& one : decisions.items())
    if (block_of(one.key) == block) own.set(one.key, one.index);
  return own;
}

std::vector<Decisions> BlockChain::paths(size_t block, const Decisions& fixed, int64_t most) const {
  std::vector<Decisions> paths, open = {Decisions()};
  while (!open.empty()) {
    const Decisions path = std::move(open.back());
    open.pop_back();
    Decisions complete;
    const std::vector<Asked> all = asked(joined(fixed, path), complete);
    const auto next = std::ranges::find_if(
        all, [&](const Asked& one) { return block_of(one.key) == block && path.find(one.key) == nullptr; });
    if (next == all.end()) {
      paths.push_back(path);
      if (static_cast<int64_t>(paths.size()) > most)
        throw UserError(
            fmt::format("{} has more than {} paths, all of which are rated; cut it into smaller blocks, or "
                        "raise search.most_paths",
                        text(block), most));
      continue;
    }
    for (int64_t i = next->alternatives; i-- > 0;) {  // so that the first alternative comes first
      open.push_back(path);
      open.back().set(next->key, i);
    }
  }
  return paths;
}

Graph BlockChain::network(const Decisions& complete) const { return build_supernet(space_, {}, &complete).graph; }

std::vector<size_t> BlockChain::nodes_alike(const Graph& network_graph, const Decisions& complete) const {
  std::vector<size_t> first(size(), network_graph.nodes().size());
  Decisions unused;
  for (const Asked& one : asked(complete, unused)) {
    size_t alike = network_graph.nodes().size();
    for (int64_t i = 0; i < one.alternatives; ++i) {
      if (i == *complete.find(one.key)) continue;
      Decisions other = complete, resolved;
      other.set(one.key, i);
      space_.build(other, nullptr, &resolved);
      alike = std::min(alike, common_nodes(network_graph, network(resolved)));
    }
    const size_t block = block_of(one.key);
    first[block] = std::min(first[block], alike);
  }
  return first;
}

Graph BlockChain::part(size_t block, const Decisions& fixed, const Decisions& path) const {
  Decisions complete;
  asked(joined(fixed, path), complete);
  const Graph whole = network(complete);
  if (whole.inputs.size() != 1)
    throw UserError("space '" + space_.name() + "': blocks are cut from networks of one input");
  const std::vector<std::pair<size_t, ValueId>> cuts = single_value_cuts(whole);
  const auto last_cut = [&](size_t nodes) {
    std::pair<size_t, ValueId> last{0, kNone};
    for (const auto& cut : cuts)
      if (cut.first <= nodes) last = cut;
    return last;
  };
  const std::vector<size_t> alike = nodes_alike(whole, complete);
  const auto nodes_before = [&](size_t first) {
    return *std::min_element(alike.begin() + static_cast<std::ptrdiff_t>(first), alike.end());
  };
  const std::pair<size_t, ValueId> from =
      block == 0 ? std::pair<size_t, ValueId>{0, whole.inputs[0]} : last_cut(nodes_before(block));
  const std::pair<size_t, ValueId> to =
      block + 1 == size() ? end_of_features(whole, cuts) : last_cut(nodes_before(block + 1));
  const bool no_end = to.second == kNone || to.first == 0,
             no_start = block > 0 && (from.second == kNone || from.first == 0);
  // Where the next block acts before this one does, they are inside each other.
  const bool acts_later = alike[block] < whole.nodes().size() && alike[block] > to.first;
  if (no_end || no_start || acts_later || to.first < from.first)
    throw UserError(
        fmt::format("space '{}' cannot be cut {} {}: no single value carries all that comes before; its "
                    "networks are no chain there",
                    space_.name(), no_start || to.first < from.first ? "before" : "after", text(block)));
  return graph_between(whole, from, to);
}

}  // namespace nacre
