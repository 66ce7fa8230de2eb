#include "nacre/search/policy_network.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/search/decision_walk.hpp"

namespace nacre {
namespace {

constexpr double kInitialRange = 0.1;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double entropy_of(std::span<const double> probabilities) {
  double sum = 0;
  for (const double p : probabilities) sum -= p > 0 ? p * std::log(p) : 0;
  return sum;
}

// out[r] += sum over i of w[r * stride + i] * x[i], each row in the order of i. Several rows side by side: a row's sum waits for
// itself only, which makes the whole more than twice as quick and gives the same bits.
void add_product(const double* w, size_t stride, const double* x, size_t columns, std::span<double> out) {
  constexpr size_t kRows = 8;
  size_t row = 0;
  for (; row + kRows <= out.size(); row += kRows) {
    std::array<double, kRows> sums;
    std::copy_n(out.begin() + static_cast<std::ptrdiff_t>(row), kRows, sums.begin());
    const double* const block = w + row * stride;
    for (size_t i = 0; i < columns; ++i) {
      for (size_t r = 0; r < kRows; ++r) sums[r] += block[r * stride + i] * x[i];
    }
    std::ranges::copy(sums, out.begin() + static_cast<std::ptrdiff_t>(row));
  }
  for (; row < out.size(); ++row) {
    for (size_t i = 0; i < columns; ++i) out[row] += w[row * stride + i] * x[i];
  }
}

}  // namespace

PolicyNetwork::PolicyNetwork(const Trace& trace, size_t hidden, Random& random, Allowed allowed)
    : trace_(trace), hidden_(hidden), allowed_(std::move(allowed)) {
  size_t size = hidden;  // the start's vector
  for (const TraceDecision& decision : trace.decisions()) {
    embeddings_.push_back(size);
    size += decision.alternatives.size() * hidden;
  }
  for (const TraceDecision& decision : trace.decisions()) {
    heads_.push_back(size);
    size += decision.alternatives.size() * (hidden + 1);
  }
  recurrent_ = size;
  size += 4 * hidden * (2 * hidden + 1);
  parameters_.resize(size);
  for (double& parameter : parameters_) parameter = random.uniform(-kInitialRange, kInitialRange);
}

size_t PolicyNetwork::allowed(std::span<const Step> taken, size_t decision) const {
  const size_t all = trace_.decisions()[decision].alternatives.size();
  if (!allowed_) return all;
  const size_t some = allowed_(taken, decision);
  NACRE_CHECK(some >= 1 && some <= all, "no alternative is allowed of " + trace_.decisions()[decision].key);
  return some;
}

PolicyNetwork::Moment PolicyNetwork::step(size_t decision, std::span<const Step> taken, const Moment* before) const {
  const size_t h = hidden_;
  Moment now;
  now.decision = decision;
  now.input = taken.empty() ? 0 : embeddings_[taken.back().decision] + taken.back().alternative * h;
  now.cell.resize(h);
  now.hidden.resize(h);
  const double* const w = parameters_.data() + recurrent_;
  now.gates.assign(w + 8 * h * h, w + 8 * h * h + 4 * h);
  add_product(w, 2 * h, parameters_.data() + now.input, h, now.gates);
  if (before != nullptr) add_product(w + h, 2 * h, before->hidden.data(), h, now.gates);
  for (size_t row = 0; row < 4 * h; ++row)
    now.gates[row] = row < 3 * h ? sigmoid(now.gates[row]) : std::tanh(now.gates[row]);
  for (size_t i = 0; i < h; ++i) {
    const double kept = before == nullptr ? 0 : now.gates[h + i] * before->cell[i];
    now.cell[i] = kept + now.gates[i] * now.gates[3 * h + i];
    now.hidden[i] = now.gates[2 * h + i] * std::tanh(now.cell[i]);
  }
  const size_t n = trace_.decisions()[decision].alternatives.size();
  const size_t open = allowed(taken, decision);
  now.probabilities.resize(open);
  for (size_t a = 0; a < open; ++a) {
    const double* const v = parameters_.data() + heads_[decision] + a * h;
    double sum = parameters_[heads_[decision] + n * h + a];
    for (size_t i = 0; i < h; ++i) sum += v[i] * now.hidden[i];
    now.probabilities[a] = sum;
  }
  const double most = std::ranges::max(now.probabilities);
  double total = 0;
  for (double& p : now.probabilities) total += p = std::exp(p - most);
  for (double& p : now.probabilities) p /= total;
  now.probabilities.resize(n, 0);
  return now;
}

std::vector<PolicyNetwork::Moment> PolicyNetwork::run(const Episode& episode) const {
  std::vector<Moment> moments;
  moments.reserve(episode.size());
  for (size_t t = 0; t < episode.size(); ++t) {
    moments.push_back(step(episode[t].decision, std::span(episode).first(t), t == 0 ? nullptr : &moments[t - 1]));
  }
  return moments;
}

PolicyNetwork::Episode PolicyNetwork::draw(Random& random, const Episode& begun) const {
  Episode episode;
  Moment before;
  DecisionWalk walk(trace_);
  while (!walk.done()) {
    Moment now = step(walk.decision(), episode, episode.empty() ? nullptr : &before);
    size_t alternative = 0;
    if (episode.size() < begun.size()) {
      NACRE_CHECK(begun[episode.size()].decision == walk.decision(), "an episode that was begun in another order");
      alternative = begun[episode.size()].alternative;
    } else {
      const size_t open = allowed(episode, walk.decision());
      double left = random.uniform();
      while (alternative + 1 < open && left >= now.probabilities[alternative]) left -= now.probabilities[alternative++];
    }
    episode.push_back({walk.decision(), alternative});
    walk.take(alternative);
    before = std::move(now);
  }
  return episode;
}

Decisions PolicyNetwork::decisions_of(const Episode& episode) const {
  std::vector<Decision> items;
  for (const Step& step : episode) {
    items.push_back({trace_.decisions()[step.decision].key, static_cast<int64_t>(step.alternative)});
  }
  return Decisions(std::move(items));
}

PolicyNetwork::Episode PolicyNetwork::episode_of(const Decisions& decisions) const {
  Episode episode;
  DecisionWalk walk(trace_);
  while (!walk.done()) {
    const size_t decision = walk.decision();
    const int64_t* const taken = decisions.find(trace_.decisions()[decision].key);
    NACRE_CHECK(taken != nullptr, "a decision that is asked for is missing");
    episode.push_back({decision, std::min(static_cast<size_t>(*taken), allowed(episode, decision) - 1)});
    walk.take(episode.back().alternative);
  }
  return episode;
}

double PolicyNetwork::log_probability(const Episode& episode, std::span<const double> step_weights) const {
  return weighted_log_probability(run(episode), episode, step_weights);
}

double PolicyNetwork::weighted_log_probability(const std::vector<Moment>& moments, const Episode& episode,
                                               std::span<const double> step_weights) {
  double sum = 0;
  for (size_t t = 0; t < episode.size(); ++t) {
    const double weight = step_weights.empty() ? 1 : step_weights[t];
    if (weight != 0) sum += weight * std::log(moments[t].probabilities[episode[t].alternative]);
  }
  return sum;
}

double PolicyNetwork::entropy(const Episode& episode) const {
  double sum = 0;
  for (const Moment& moment : run(episode)) sum += entropy_of(moment.probabilities);
  return sum;
}

// Back through time: dh and dc are what the steps after t say of its hidden and cell values.
double PolicyNetwork::accumulate(const Episode& episode, const std::function<double(double)>& weigh,
                                 double entropy_weight, std::span<double> gradient,
                                 std::span<const double> step_weights) const {
  const size_t h = hidden_;
  const std::vector<Moment> moments = run(episode);
  const double log_probability = weighted_log_probability(moments, episode, step_weights);
  const double whole_weight = weigh(log_probability);
  std::vector<double> dh(h, 0), dc(h, 0), gates(4 * h);
  for (size_t t = episode.size(); t-- > 0;) {
    const Moment& now = moments[t];
    const Moment* const before = t == 0 ? nullptr : &moments[t - 1];
    const size_t n = now.probabilities.size();
    const double entropy = entropy_of(now.probabilities);
    const double counts = step_weights.empty() ? 1 : step_weights[t];
    const double policy_weight = counts * whole_weight;
    for (size_t a = 0; a < n; ++a) {
      const double p = now.probabilities[a];
      const double of_entropy = p > 0 ? -p * (std::log(p) + entropy) : 0;
      const double logit =
          policy_weight * ((a == episode[t].alternative ? 1 : 0) - p) + counts * entropy_weight * of_entropy;
      const size_t row = heads_[now.decision] + a * h;
      for (size_t i = 0; i < h; ++i) {
        gradient[row + i] += logit * now.hidden[i];
        dh[i] += logit * parameters_[row + i];
      }
      gradient[heads_[now.decision] + n * h + a] += logit;
    }
    for (size_t i = 0; i < h; ++i) {
      const double in = now.gates[i], forget = now.gates[h + i], out = now.gates[2 * h + i],
                   fresh = now.gates[3 * h + i];
      const double squashed = std::tanh(now.cell[i]);
      const double cell = dc[i] + dh[i] * out * (1 - squashed * squashed);
      gates[2 * h + i] = dh[i] * squashed * out * (1 - out);
      gates[i] = cell * fresh * in * (1 - in);
      gates[h + i] = before == nullptr ? 0 : cell * before->cell[i] * forget * (1 - forget);
      gates[3 * h + i] = cell * in * (1 - fresh * fresh);
      dc[i] = cell * forget;
    }
    std::ranges::fill(dh, 0.0);
    for (size_t row = 0; row < 4 * h; ++row) {
      const size_t w = recurrent_ + row * 2 * h;
      gradient[recurrent_ + 8 * h * h + row] += gates[row];
      for (size_t i = 0; i < h; ++i) {
        gradient[w + i] += gates[row] * parameters_[now.input + i];
        gradient[now.input + i] += gates[row] * parameters_[w + i];
      }
      if (before == nullptr) continue;
      for (size_t i = 0; i < h; ++i) {
        gradient[w + h + i] += gates[row] * before->hidden[i];
        dh[i] += gates[row] * parameters_[w + h + i];
      }
    }
  }
  return log_probability;
}

void AscentByAdam::step(std::span<const double> gradient, std::span<double> parameters) {
  constexpr double kFirst = 0.9, kSecond = 0.999, kLeast = 1e-8;
  first_.resize(gradient.size());
  second_.resize(gradient.size());
  ++steps_;
  const double first_scale = 1 - std::pow(kFirst, static_cast<double>(steps_));
  const double second_scale = 1 - std::pow(kSecond, static_cast<double>(steps_));
  for (size_t i = 0; i < gradient.size(); ++i) {
    first_[i] = kFirst * first_[i] + (1 - kFirst) * gradient[i];
    second_[i] = kSecond * second_[i] + (1 - kSecond) * gradient[i] * gradient[i];
    parameters[i] += learning_rate_ * first_[i] / first_scale / (std::sqrt(second_[i] / second_scale) + kLeast);
  }
}

}  // namespace nacre
