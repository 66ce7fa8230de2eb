#include "nacre/search/gene_swap.hpp"

#include <algorithm>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

class GeneReader {
 public:
  GeneReader(const Trace& trace, const Decisions& decisions) : trace_(trace), decisions_(decisions) {}

  std::vector<std::vector<int32_t>> read() {
    visit_top(0);
    return std::move(genes_);
  }

 private:
  // Parts that no decision makes active: each decision among them begins a gene.
  void visit_top(int32_t id) {
    const Trace::Node& node = trace_.nodes()[static_cast<size_t>(id)];
    if (node.decision < 0) {
      for (const int32_t part : node.children) visit_top(part);
      return;
    }
    if (known(node.decision)) return;
    genes_.emplace_back();
    visit(id);
  }

  void visit(int32_t id) {
    const Trace::Node& node = trace_.nodes()[static_cast<size_t>(id)];
    if (node.decision < 0) {
      for (const int32_t part : node.children) visit(part);
      return;
    }
    const std::string& key = trace_.decisions()[static_cast<size_t>(node.decision)].key;
    const int64_t* index = decisions_.find(key);
    if (index == nullptr) throw UserError("decision '" + key + "' is missing");
    if (!known(node.decision)) genes_.back().push_back(node.decision), seen_.push_back(node.decision);
    visit(node.children[static_cast<size_t>(*index)]);
  }

  bool known(int32_t decision) const { return std::ranges::find(seen_, decision) != seen_.end(); }

  const Trace& trace_;
  const Decisions& decisions_;
  std::vector<std::vector<int32_t>> genes_;
  std::vector<int32_t> seen_;
};

}  // namespace

std::vector<std::vector<int32_t>> genes_of(const Trace& trace, const Decisions& decisions) {
  return GeneReader(trace, decisions).read();
}

std::optional<Decisions> swap_neighboring_genes(const Trace& trace, const Decisions& decisions, Random& random) {
  const std::vector<std::vector<int32_t>> genes = genes_of(trace, decisions);
  const auto decision = [&](int32_t id) -> const TraceDecision& { return trace.decisions()[static_cast<size_t>(id)]; };
  const auto index = [&](int32_t id) { return *decisions.find(decision(id).key); };
  const auto fits = [&](const std::vector<int32_t>& gene, const std::vector<int32_t>& place) {
    for (size_t i = 0; i < gene.size(); ++i) {
      const std::vector<std::string>& there = decision(place[i]).alternatives;
      const auto at = static_cast<size_t>(index(gene[i]));
      if (at >= there.size() || decision(gene[i]).alternatives[at] != there[at]) return false;
    }
    return true;
  };
  const auto differ = [&](const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
    for (size_t i = 0; i < a.size(); ++i)
      if (index(a[i]) != index(b[i])) return true;
    return false;
  };
  std::vector<std::pair<size_t, size_t>> places;
  for (size_t i = 0; i < genes.size(); ++i) {
    size_t next = i + 1;
    while (next < genes.size() && genes[next].size() != genes[i].size()) ++next;
    if (next < genes.size() && fits(genes[i], genes[next]) && fits(genes[next], genes[i]) &&
        differ(genes[i], genes[next]))
      places.emplace_back(i, next);
  }
  if (places.empty()) return std::nullopt;
  const auto [first, second] = places[random.below(places.size())];
  Decisions swapped = decisions;
  for (size_t k = 0; k < genes[first].size(); ++k) {
    const int32_t a = genes[first][k], b = genes[second][k];
    swapped.set(decision(a).key, index(b));
    swapped.set(decision(b).key, index(a));
  }
  return trace.complete(swapped, random);
}

}  // namespace nacre
