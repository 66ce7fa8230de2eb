#include "nacre/predict/graph_network.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using Sparse = Eigen::SparseMatrix<double, Eigen::RowMajor>;

void append(std::string& key, const void* bytes, size_t size) { key.append(static_cast<const char*>(bytes), size); }

// Sorted, equal ones together.
std::vector<ColoredGraphs::Neighbor> counted(std::vector<int32_t> colors) {
  std::ranges::sort(colors);
  std::vector<ColoredGraphs::Neighbor> result;
  for (const int32_t color : colors) {
    if (result.empty() || result.back().color != color) result.push_back({color, 0});
    result.back().count += 1;
  }
  return result;
}

void append(std::string& key, const std::vector<ColoredGraphs::Neighbor>& neighbors) {
  const auto size = static_cast<int32_t>(neighbors.size());
  append(key, &size, sizeof size);
  for (const auto& neighbor : neighbors) {
    append(key, &neighbor.color, sizeof neighbor.color);
    append(key, &neighbor.count, sizeof neighbor.count);
  }
}

}  // namespace

ColoredGraphs::ColoredGraphs(std::vector<std::string> vocabulary, int64_t levels) : levels_(levels) {
  for (std::string& word : vocabulary) {
    const size_t place = vocabulary_.size();
    vocabulary_.emplace(std::move(word), place);
  }
  colors_.resize(static_cast<size_t>(levels) + 1);
  known_.resize(static_cast<size_t>(levels) + 1);
}

void ColoredGraphs::add(const OperatorGraph& graph) {
  Entry entry;
  std::vector<int32_t> colors, next(graph.vertices.size());
  double parameters = 0, work = 0, outputs = 0;
  for (const OperatorGraph::Vertex& vertex : graph.vertices) {
    std::vector<double> row(static_cast<size_t>(width()), 0.0);
    for (const auto& [name, count] : vertex.operators) {
      const auto found = vocabulary_.find(name);
      row[found == vocabulary_.end() ? vocabulary_.size() : found->second] += static_cast<double>(count);
    }
    std::ranges::copy(vertex.sizes, row.begin() + static_cast<std::ptrdiff_t>(vocabulary_.size() + 1));
    row[row.size() - 2] = static_cast<double>(vertex.inputs.size());
    row[row.size() - 1] = static_cast<double>(vertex.outputs.size());
    std::string key;
    append(key, row.data(), row.size() * sizeof(double));
    const auto [place, added] = known_[0].emplace(std::move(key), static_cast<int32_t>(features_.size()));
    if (added) features_.push_back(std::move(row));
    colors.push_back(place->second);
    parameters += std::expm1(vertex.sizes[0]);
    work += std::expm1(vertex.sizes[1]);
    outputs += std::expm1(vertex.sizes[2]);
  }
  entry.vertices = static_cast<double>(graph.vertices.size());
  entry.totals = {std::log1p(parameters), std::log1p(work), std::log1p(outputs), std::log1p(entry.vertices)};
  entry.members.push_back(counted(colors));
  for (size_t level = 1; level <= static_cast<size_t>(levels_); ++level) {
    for (size_t v = 0; v < graph.vertices.size(); ++v) {
      const auto of = [&](const std::vector<int32_t>& neighbors) {
        std::vector<int32_t> result;
        for (const int32_t neighbor : neighbors) result.push_back(colors[static_cast<size_t>(neighbor)]);
        return counted(std::move(result));
      };
      Color color{
          .self = colors[v],
          .inputs = of(graph.vertices[v].inputs),
          .outputs = of(graph.vertices[v].outputs),
          .degree = 1.0 + static_cast<double>(graph.vertices[v].inputs.size() + graph.vertices[v].outputs.size())};
      std::string key;
      append(key, &color.self, sizeof color.self);
      append(key, color.inputs);
      append(key, color.outputs);
      const auto [place, added] = known_[level].emplace(std::move(key), static_cast<int32_t>(colors_[level].size()));
      if (added) colors_[level].push_back(std::move(color));
      next[v] = place->second;
    }
    colors = next;
    entry.members.push_back(counted(colors));
  }
  graphs_.push_back(std::move(entry));
}

// Matrices of one batch: rows are the colors of a level that occur in it.
struct GraphNetwork::Pass {
  std::vector<std::vector<Index>> self;  // of level l: the row on level l - 1
  std::vector<Sparse> inputs, outputs;   // of level l: [rows of l, rows of l - 1]; gcn: all neighbors in `inputs`
  std::vector<Sparse> pooled;            // of level l: [graphs, rows of l]
  std::vector<MatrixXd> states;          // h of each level
  std::vector<DenseStack::Tape> tapes;   // of each step
  DenseStack::Tape head;
  VectorXd answers;
};

GraphNetwork::GraphNetwork(const GraphNetworkSettings& settings, const ColoredGraphs& graphs, Random& random)
    : settings_(settings) {
  NACRE_CHECK(graphs.size() > 0 && settings.levels == graphs.levels());
  Index place = 0;
  const bool gin = settings.kind == GraphNetworkSettings::Kind::gin;
  for (int64_t level = 1; level <= settings.levels; ++level) {
    const int64_t before = level == 1 ? graphs.width() : settings.width;
    steps_.emplace_back(gin ? std::vector<int64_t>{3 * before, settings.width, settings.width}
                            : std::vector<int64_t>{before, settings.width},
                        place, true);
    place = steps_.back().end();
  }
  const auto totals = static_cast<int64_t>(totals_.size());
  head_ = DenseStack(std::vector<int64_t>{settings.levels * settings.width + totals, settings.hidden, 1}, place);
  parameters_.resize(head_.end());
  for (const DenseStack* stack : stacks()) stack->draw(parameters_, random);
  // Scales: of the vertices' features, all vertices counted; of totals; of sums.
  const Index width = graphs.width();
  VectorXd sum = VectorXd::Zero(width), squares = sum;
  double count = 0;
  for (size_t g = 0; g < graphs.size(); ++g) {
    for (const auto& member : graphs.members(g, 0)) {
      const auto& row = graphs.features()[static_cast<size_t>(member.color)];
      for (Index j = 0; j < width; ++j) {
        sum[j] += member.count * row[static_cast<size_t>(j)];
        squares[j] += member.count * row[static_cast<size_t>(j)] * row[static_cast<size_t>(j)];
      }
      count += member.count;
    }
  }
  feature_means_ = sum / count;
  feature_scales_ = ((squares / count).array() - feature_means_.array().square()).max(0).sqrt();
  for (double& scale : feature_scales_) scale = scale > 1e-9 ? scale : 1;
  for (size_t t = 0; t < totals_.size(); ++t) {
    VectorXd values(static_cast<Index>(graphs.size()));
    for (size_t g = 0; g < graphs.size(); ++g) values[static_cast<Index>(g)] = graphs.totals(g)[t];
    totals_[t] = standard_of(values);
  }
  size_ = count / static_cast<double>(graphs.size());
}

const std::vector<const DenseStack*> GraphNetwork::stacks() const {
  std::vector<const DenseStack*> result;
  for (const DenseStack& step : steps_) result.push_back(&step);
  result.push_back(&head_);
  return result;
}

GraphNetwork::Pass GraphNetwork::forward(const ColoredGraphs& graphs, std::span<const int64_t> chosen) const {
  const bool gin = settings_.kind == GraphNetworkSettings::Kind::gin;
  const auto levels = static_cast<size_t>(settings_.levels);
  Pass pass;
  pass.self.resize(levels + 1);
  pass.inputs.resize(levels + 1);
  pass.outputs.resize(levels + 1);
  pass.pooled.resize(levels + 1);
  std::vector<int32_t> below;  // colors of the level below, ascending: the row of a color is its place
  MatrixXd readout(static_cast<Index>(chosen.size()),
                   settings_.levels * settings_.width + static_cast<Index>(totals_.size()));
  for (size_t level = 0; level <= levels; ++level) {
    std::vector<int32_t> present;
    for (const int64_t g : chosen) {
      for (const auto& member : graphs.members(static_cast<size_t>(g), static_cast<int64_t>(level)))
        present.push_back(member.color);
    }
    std::ranges::sort(present);
    present.erase(std::unique(present.begin(), present.end()), present.end());
    const auto row_in = [](const std::vector<int32_t>& colors, int32_t color) {
      return static_cast<Index>(std::ranges::lower_bound(colors, color) - colors.begin());
    };
    const auto rows = static_cast<Index>(present.size());
    if (level == 0) {
      MatrixXd x(rows, graphs.width());
      for (Index i = 0; i < rows; ++i) {
        const auto& row = graphs.features()[static_cast<size_t>(present[static_cast<size_t>(i)])];
        x.row(i) = Eigen::Map<const VectorXd>(row.data(), graphs.width()).transpose();
      }
      x = (x.rowwise() - feature_means_.transpose()) * feature_scales_.cwiseInverse().asDiagonal();
      pass.states.push_back(std::move(x));
      below = std::move(present);
      continue;
    }
    const auto& colors = graphs.colors(static_cast<int64_t>(level));
    std::vector<Eigen::Triplet<double>> inputs, outputs, pooled;
    for (Index i = 0; i < rows; ++i) {
      const ColoredGraphs::Color& color = colors[static_cast<size_t>(present[static_cast<size_t>(i)])];
      pass.self[level].push_back(row_in(below, color.self));
      // The degree of a neighbor is among its features, so its color knows it.
      const auto degree_of = [&](int32_t neighbor) {
        if (level == 1) {
          const auto& row = graphs.features()[static_cast<size_t>(neighbor)];
          return 1 + row[row.size() - 1] + row[row.size() - 2];
        }
        return graphs.colors(static_cast<int64_t>(level) - 1)[static_cast<size_t>(neighbor)].degree;
      };
      const auto add = [&](const auto& neighbors, auto& entries) {
        for (const auto& neighbor : neighbors)
          entries.emplace_back(
              i, row_in(below, neighbor.color),
              gin ? neighbor.count : neighbor.count / std::sqrt(color.degree * degree_of(neighbor.color)));
      };
      add(color.inputs, inputs);
      add(color.outputs, gin ? outputs : inputs);
      if (!gin) inputs.emplace_back(i, pass.self[level].back(), 1 / color.degree);
    }
    const auto rows_below = static_cast<Index>(below.size());
    pass.inputs[level] = Sparse(rows, rows_below);
    pass.inputs[level].setFromTriplets(inputs.begin(), inputs.end());
    const MatrixXd& h = pass.states.back();
    MatrixXd a;
    if (gin) {
      pass.outputs[level] = Sparse(rows, rows_below);
      pass.outputs[level].setFromTriplets(outputs.begin(), outputs.end());
      a.resize(rows, 3 * h.cols());
      a.leftCols(h.cols()) = h(pass.self[level], Eigen::all);
      a.middleCols(h.cols(), h.cols()) = pass.inputs[level] * h;
      a.rightCols(h.cols()) = pass.outputs[level] * h;
    } else {
      a = pass.inputs[level] * h;
    }
    pass.tapes.emplace_back();
    pass.states.push_back(steps_[level - 1].forward(parameters_, std::move(a), &pass.tapes.back()));
    for (size_t i = 0; i < chosen.size(); ++i) {
      for (const auto& member : graphs.members(static_cast<size_t>(chosen[i]), static_cast<int64_t>(level)))
        pooled.emplace_back(static_cast<Index>(i), row_in(present, member.color), member.count / size_);
    }
    pass.pooled[level] = Sparse(static_cast<Index>(chosen.size()), rows);
    pass.pooled[level].setFromTriplets(pooled.begin(), pooled.end());
    readout.middleCols(static_cast<Index>(level - 1) * settings_.width, settings_.width) =
        pass.pooled[level] * pass.states.back();
    below = std::move(present);
  }
  for (size_t i = 0; i < chosen.size(); ++i) {
    for (size_t t = 0; t < totals_.size(); ++t) {
      readout(static_cast<Index>(i), settings_.levels * settings_.width + static_cast<Index>(t)) =
          (graphs.totals(static_cast<size_t>(chosen[i]))[t] - totals_[t].mean) / totals_[t].scale;
    }
  }
  pass.answers = head_.forward(parameters_, std::move(readout), &pass.head).col(0);
  return pass;
}

VectorXd GraphNetwork::predict(const ColoredGraphs& graphs, std::span<const int64_t> chosen) const {
  return forward(graphs, chosen).answers;
}

double GraphNetwork::loss(const ColoredGraphs& graphs, std::span<const int64_t> chosen, const VectorXd& values,
                          VectorXd* gradient) const {
  const Pass pass = forward(graphs, chosen);
  const VectorXd off = pass.answers - values;
  const auto n = static_cast<double>(off.size());
  if (gradient == nullptr) return off.squaredNorm() / (2 * n);
  gradient->setZero(parameters_.size());
  const MatrixXd by_readout = head_.backward(parameters_, pass.head, off / n, gradient);
  MatrixXd from_above;  // by h of this level, through the next one
  for (auto level = static_cast<size_t>(settings_.levels); level >= 1; --level) {
    MatrixXd pull = pass.pooled[level].transpose() *
                    by_readout.middleCols(static_cast<Index>(level - 1) * settings_.width, settings_.width);
    if (from_above.size() > 0) pull += from_above;
    const MatrixXd by_inputs =
        steps_[level - 1].backward(parameters_, pass.tapes[level - 1], pull, gradient, level > 1);
    if (level == 1) break;
    if (settings_.kind == GraphNetworkSettings::Kind::gcn) {
      from_above = pass.inputs[level].transpose() * by_inputs;
      continue;
    }
    const Index width = settings_.width;
    from_above = pass.inputs[level].transpose() * by_inputs.middleCols(width, width);
    from_above += pass.outputs[level].transpose() * by_inputs.rightCols(width);
    for (size_t i = 0; i < pass.self[level].size(); ++i)
      from_above.row(pass.self[level][i]) += by_inputs.row(static_cast<Index>(i)).leftCols(width);
  }
  return off.squaredNorm() / (2 * n);
}

}  // namespace nacre
