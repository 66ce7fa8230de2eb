#include "nacre/supernet/lattice_path.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace nacre {
namespace {

size_t place(int64_t from, int64_t to, int64_t op, int64_t states, int64_t operators) {
  return static_cast<size_t>((from * states + to) * operators + op);
}

}  // namespace

LatticePath longest_path(const LatticeWeights& weights, int64_t states, int64_t operators) {
  const size_t count = static_cast<size_t>(states);
  std::vector<double> best(count, 0.0);
  struct Edge {
    int64_t from = 0, op = 0;
  };
  std::vector<std::vector<Edge>> chosen;  // by step, state after it
  for (const std::vector<double>& step : weights) {
    std::vector<double> next(count, -std::numeric_limits<double>::infinity());
    std::vector<Edge> edges(count);
    for (int64_t to = 0; to < states; ++to) {
      for (int64_t from = 0; from < states; ++from) {
        for (int64_t op = 0; op < operators; ++op) {
          const double sum = best[static_cast<size_t>(from)] + step[place(from, to, op, states, operators)];
          if (sum <= next[static_cast<size_t>(to)]) continue;
          next[static_cast<size_t>(to)] = sum;
          edges[static_cast<size_t>(to)] = {from, op};
        }
      }
    }
    best = std::move(next);
    chosen.push_back(std::move(edges));
  }
  LatticePath path;
  const auto last = std::ranges::max_element(best);
  path.sum = *last;
  path.states.push_back(last - best.begin());
  for (auto step = chosen.rbegin(); step != chosen.rend(); ++step) {
    const Edge& edge = (*step)[static_cast<size_t>(path.states.back())];
    path.operators.push_back(edge.op);
    path.states.push_back(edge.from);
  }
  std::ranges::reverse(path.states);
  std::ranges::reverse(path.operators);
  return path;
}

LatticePath greedy_path(const LatticeWeights& weights, int64_t states, int64_t operators, bool down) {
  LatticePath path;
  const size_t steps = weights.size();
  for (size_t i = 0; i < steps; ++i) {
    const std::vector<double>& step = weights[down ? i : steps - 1 - i];
    double best = -std::numeric_limits<double>::infinity();
    int64_t near = 0, far = 0, with = 0;
    for (int64_t from = 0; from < states; ++from) {
      for (int64_t to = 0; to < states; ++to) {
        const int64_t here = down ? from : to;
        if (!path.states.empty() && here != path.states.back()) continue;
        for (int64_t op = 0; op < operators; ++op) {
          const double weight = step[place(from, to, op, states, operators)];
          if (weight <= best) continue;
          best = weight;
          near = here;
          far = down ? to : from;
          with = op;
        }
      }
    }
    if (path.states.empty()) path.states.push_back(near);
    path.states.push_back(far);
    path.operators.push_back(with);
    path.sum += best;
  }
  if (!down) {
    std::ranges::reverse(path.states);
    std::ranges::reverse(path.operators);
  }
  return path;
}

LatticePath drawn_path(const LatticeWeights& weights, int64_t states, int64_t operators, Random& random) {
  LatticePath path;
  for (const std::vector<double>& step : weights) {
    const bool first = path.states.empty();
    const auto begin = static_cast<size_t>(first ? 0 : path.states.back() * states * operators);
    const auto end = first ? step.size() : begin + static_cast<size_t>(states * operators);
    double left = random.uniform() * std::accumulate(step.begin() + static_cast<std::ptrdiff_t>(begin),
                                                     step.begin() + static_cast<std::ptrdiff_t>(end), 0.0);
    size_t edge = begin;
    while (edge + 1 < end && (left -= step[edge]) >= 0) ++edge;
    const auto index = static_cast<int64_t>(edge);
    if (first) path.states.push_back(index / operators / states);
    path.states.push_back(index / operators % states);
    path.operators.push_back(index % operators);
    path.sum += step[edge];
  }
  return path;
}

}  // namespace nacre
