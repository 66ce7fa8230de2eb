#include "nacre/space/cells/labeled_graph.hpp"

#include <algorithm>
#include <span>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"

namespace nacre {

int LabeledGraph::add_vertex(uint8_t label) {
  NACRE_CHECK(size_ < kMaximumVertices, "a cell of more than 16 vertices");
  labels_[static_cast<size_t>(size_)] = label;
  return size_++;
}

void LabeledGraph::connect(int from, int to, int count) {
  NACRE_CHECK(from >= 0 && from < size_ && to >= 0 && to < size_ && count >= 0 && edges(from, to) + count < 256);
  edges_[static_cast<size_t>(from)][static_cast<size_t>(to)] += static_cast<uint8_t>(count);
}

namespace {

constexpr auto kMaximum = static_cast<size_t>(LabeledGraph::kMaximumVertices);
using Colors = std::array<uint8_t, kMaximum>;  // of each vertex; colors of n vertices are 0 .. n-1, in canonical order

class Search {
 public:
  explicit Search(const LabeledGraph& graph) : graph_(graph), size_(static_cast<size_t>(graph.size())) {}

  CanonicalForm run() {
    std::array<uint64_t, kMaximum> labels{};
    for (size_t v = 0; v < size_; ++v) labels[v] = graph_.label(static_cast<int>(v));
    Colors colors{};
    descend(colors, recolor(labels, colors));
    CanonicalForm form;
    form.code = std::move(best_);
    form.position.assign(position_.begin(), position_.begin() + static_cast<std::ptrdiff_t>(size_));
    return form;
  }

 private:
  // Vertices of equal keys get one color: the number of vertices with smaller keys. Returns the number of colors.
  size_t recolor(const std::array<uint64_t, kMaximum>& keys, Colors& colors) const {
    std::array<uint64_t, kMaximum> sorted = keys;
    std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(size_));
    size_t count = 0;
    for (size_t i = 0; i < size_; ++i) count += i == 0 || sorted[i] != sorted[i - 1] ? 1 : 0;
    for (size_t v = 0; v < size_; ++v) {
      const auto first = std::lower_bound(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(size_), keys[v]);
      colors[v] = static_cast<uint8_t>(first - sorted.begin());
    }
    return count;
  }

  // A vertex's key counts the edges to and from each color; equal keys of different neighborhoods would only cost time.
  size_t refine(Colors& colors, size_t count) const {
    while (count < size_) {
      std::array<uint64_t, kMaximum> keys{};
      for (size_t v = 0; v < size_; ++v) {
        uint64_t around = 0;
        for (size_t w = 0; w < size_; ++w) {
          around += static_cast<uint64_t>(edges(v, w)) * mix_seed(colors[w], 1);
          around += static_cast<uint64_t>(edges(w, v)) * mix_seed(colors[w], 2);
        }
        // The old color leads, so that a color is only ever split.
        keys[v] = (static_cast<uint64_t>(colors[v]) << 56) | (around >> 8);
      }
      const size_t finer = recolor(keys, colors);
      if (finer == count) return count;
      count = finer;
    }
    return count;
  }

  void descend(Colors colors, size_t count) {
    count = refine(colors, count);
    if (count == size_) return keep_smaller(colors);
    // The first color on several vertices: each of them in turn comes first, the others after it.
    std::array<uint8_t, kMaximum> population{};
    for (size_t v = 0; v < size_; ++v) ++population[colors[v]];
    const auto color = static_cast<uint8_t>(
        std::find_if(population.begin(), population.end(), [](uint8_t p) { return p > 1; }) - population.begin());
    for (size_t v = 0; v < size_; ++v) {
      if (colors[v] != color) continue;
      Colors split = colors;
      for (size_t w = 0; w < size_; ++w) {
        if (w != v && colors[w] == color) ++split[w];
      }
      descend(split, count + 1);
    }
  }

  void keep_smaller(const Colors& position) {
    std::string code(1 + size_ + size_ * size_, '\0');
    code[0] = static_cast<char>(size_);
    for (size_t v = 0; v < size_; ++v) {
      code[1 + position[v]] = static_cast<char>(graph_.label(static_cast<int>(v)));
      for (size_t w = 0; w < size_; ++w)
        code[1 + size_ + position[v] * size_ + position[w]] = static_cast<char>(edges(v, w));
    }
    if (!best_.empty() && best_ <= code) return;
    best_ = std::move(code);
    position_ = position;
  }

  int edges(size_t from, size_t to) const { return graph_.edges(static_cast<int>(from), static_cast<int>(to)); }

  const LabeledGraph& graph_;
  size_t size_;
  std::string best_;
  Colors position_{};
};

}  // namespace

CanonicalForm canonical_form(const LabeledGraph& graph) { return Search(graph).run(); }

}  // namespace nacre
