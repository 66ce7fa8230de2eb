// `bayesian`: Gaussian processes over decisions say what each candidate is expected to bring; the most promising is asked.
//
// One objective: expected improvement (Jones, Schonlau and Welch 1998) of the objective seen as log(1 + gap). Two: exact
// expected hypervolume improvement, and at every third ask the improvement of the main objective alone. More: the augmented
// Chebyshev scalarization with weights drawn anew for every ask (Knowles, ParEGO, IEEE TEC 10(1), 2006). Limits: every
// limited metric has a process of its own and improvement counts
// with the probability that all are kept (Gardner et al., Bayesian optimization with inequality constraints, ICML 2014), so
// also the probability that a trial is usable at all once some have failed; while nothing feasible is known the probability
// alone decides. Under `penalty` and `lagrangian` the objectives are worsened instead.
//
// Candidates come from the surroundings of the best trials and from everywhere (candidate_pool.hpp). Trials that are asked
// and not told count as observed at their expectation.
#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <unordered_map>

#include "nacre/search/candidate_pool.hpp"
#include "nacre/search/strategies.hpp"
#include "nacre/search/surrogate.hpp"

namespace nacre {
namespace {

constexpr size_t kWeighed = 150;  // candidates whose uncertainty is computed
constexpr size_t kCenters = 10, kCentersOfAFront = 20;
// The volume ends at the worst known value, or at so many times the median's gap to the best.
constexpr double kReference = 4;
constexpr int64_t kFocusPeriod = 3;
constexpr double kChebyshevAugmentation = 0.05;
constexpr double kLeastProbability = 1e-12;

// A limit's excess in a scale where far outside counts little more than outside; negative while it is kept.
double graded_excess(const Limit& limit, double value) {
  const double excess = limit.at_least ? limit.bound - value : value - limit.bound;
  return std::asinh(4 * (limit.bound == 0 ? excess : excess / std::abs(limit.bound)));
}

struct Told {
  int64_t number;
  Decisions decisions;
  DecisionRow row;
  Fitness fitness;
  Point point;  // minimized objectives, penalty included; empty: not known
};

class Bayesian final : public Strategy {
 public:
  Bayesian(const Options& options, const StrategyContext& context)
      : trace_(context.trace),
        objectives_(context.objectives),
        initial_samples_(options.integer("initial_samples")),
        most_points_(static_cast<size_t>(options.integer("model_trials"))),
        proposals_(context),
        encoding_(context.trace),
        pool_(context.trace, encoding_, proposals_, {}),
        usable_(encoding_, Warp::none, most_points_) {
    const size_t models = objectives_.objectives.size() == 2 ? 2 : 1;
    for (size_t i = 0; i < models; ++i) quality_.emplace_back(encoding_, Warp::log_gap, most_points_);
    if (objectives_.handling == LimitHandling::rejection || objectives_.handling == LimitHandling::epsilon_constraint) {
      for (size_t i = 0; i < objectives_.limits.size(); ++i) limits_.emplace_back(encoding_, Warp::none, most_points_);
    }
  }

  std::optional<Proposal> ask(int64_t number, Random& random) override {
    std::optional<Candidate> candidate;
    if (asked_++ >= initial_samples_ && known_ >= 2) candidate = promising(random);
    if (!candidate) candidate = proposals_.sample(random);
    if (!candidate) return std::nullopt;
    pending_.emplace_back(number, encoding_.row(candidate->decisions));
    return *std::move(candidate);
  }

  void tell(const Trial& trial) override {
    std::erase_if(pending_, [&](const auto& entry) { return entry.first == trial.number; });
    if (!trial.candidate.graph_text.empty() || !trace_.is_complete(trial.candidate.decisions)) return;
    proposals_.remember_told(trial.candidate);
    const Decisions& decisions = trial.candidate.decisions;
    Told& told = told_.emplace_back(
        Told{trial.number, decisions, encoding_.row(decisions), objectives_.fitness(trial), point_of(trial)});
    failures_ += trial.status == TrialStatus::failed;
    usable_.add(told.row, trial.status == TrialStatus::failed ? 1 : -1);
    for (size_t i = 0; i < limits_.size(); ++i) {
      const std::optional<double> value = metric_value(trial.metrics, objectives_.limits[i].metric);
      if (value && std::isfinite(*value)) limits_[i].add(told.row, graded_excess(objectives_.limits[i], *value));
    }
    if (told.point.empty()) return;
    ++known_;
    for (size_t i = 0; i < quality_.size(); ++i) quality_[i].add(told.row, told.point[i]);
  }

  Json statistics() const override {
    return {{"repeats_avoided", proposals_.repeats_avoided()}, {"model_guided", guided_}};
  }

 private:
  Point point_of(const Trial& trial) const {
    if (trial.status == TrialStatus::failed || !trial.is_complete()) return {};
    if (objectives_.objectives.size() > 1) return objectives_.minimized_with_limits(trial.metrics).value_or(Point{});
    const double value = objectives_.trades_limits()
                             ? objectives_.scalar(trial.metrics)
                             : objectives_.goal(trial.metrics).value_or(std::numeric_limits<double>::infinity());
    return std::isfinite(value) ? Point{value} : Point{};
  }

  static bool is_good(const Told& told) {
    return !told.point.empty() &&
           (told.fitness.tier == Fitness::Tier::good || told.fitness.tier == Fitness::Tier::pruned);
  }

  // The best trials: by fitness, or front after front.
  std::vector<CandidatePool::Center> centers() const {
    std::vector<const Told*> best;
    for (const Told& told : told_) {
      if (told.fitness.usable()) best.push_back(&told);
    }
    const bool one = objectives_.objectives.size() == 1;
    const size_t count = std::min(best.size(), one ? kCenters : kCentersOfAFront);
    std::vector<CandidatePool::Center> result;
    if (!one) {
      std::vector<Point> points;
      for (const Told* const told : best) points.push_back(is_good(*told) ? told->point : Point{});
      for (const std::vector<size_t>& front : non_dominated_sort(points)) {
        const std::vector<double> crowding = crowding_distances(points, front);
        std::vector<size_t> order(front.size());
        for (size_t i = 0; i < order.size(); ++i) order[i] = i;
        std::ranges::stable_sort(order, std::greater<>{}, [&](size_t i) { return crowding[i]; });
        for (const size_t i : order) {
          if (result.size() < count) result.push_back({best[front[i]]->number, &best[front[i]]->decisions});
        }
        if (result.size() >= count) return result;
      }
      std::erase_if(best, [](const Told* told) { return is_good(*told); });
    }
    const size_t more = std::min(best.size(), count - result.size());
    std::ranges::partial_sort(best, best.begin() + static_cast<ptrdiff_t>(more), [](const Told* a, const Told* b) {
      return std::pair(a->fitness, a->number) < std::pair(b->fitness, b->number);
    });
    for (size_t i = 0; i < more; ++i) result.push_back({best[i]->number, &best[i]->decisions});
    return result;
  }

  void prepare(Random& random) {
    std::vector<const DecisionRow*> pending;
    for (const auto& [number, row] : pending_) pending.push_back(&row);
    if (objectives_.objectives.size() > 2) scalarize(random);
    for (Surrogate& model : quality_) model.prepare(pending, random);
    guards_.clear();
    for (Surrogate& model : limits_) {
      if (model.size() < 2) continue;
      model.prepare(pending, random);
      guards_.push_back(&model);
    }
    if (failures_ > 0) {
      usable_.prepare(pending, random);
      guards_.push_back(&usable_);
    }
  }

  // Augmented Chebyshev distance from the best of each objective, in units of the known range.
  void scalarize(Random& random) {
    const size_t count = objectives_.objectives.size();
    std::vector<double> weights(count), low(count, kInfinity), high(count, -kInfinity);
    double sum = 0;
    for (double& weight : weights) sum += weight = -std::log(1 - random.uniform());
    for (const Told& told : told_) {
      for (size_t i = 0; i < told.point.size(); ++i) {
        low[i] = std::min(low[i], told.point[i]);
        high[i] = std::max(high[i], told.point[i]);
      }
    }
    std::vector<double> scalars;
    best_scalar_ = kInfinity;
    for (const Told& told : told_) {
      if (told.point.empty()) continue;
      double worst = -kInfinity, total = 0;
      for (size_t i = 0; i < count; ++i) {
        const double value = weights[i] / sum * (told.point[i] - low[i]) / std::max(high[i] - low[i], 1e-300);
        worst = std::max(worst, value);
        total += value;
      }
      scalars.push_back(worst + kChebyshevAugmentation * total);
      if (is_good(told)) best_scalar_ = std::min(best_scalar_, scalars.back());
    }
    quality_.front().set_values(std::move(scalars));
  }

  double log_probability_of_keeping(const DecisionRow& row) const {
    double sum = 0;
    for (const Surrogate* const guard : guards_) {
      const NormalBelief belief = guard->at(row);
      sum += std::log(std::max(kLeastProbability, normal_probability(-belief.mean / belief.deviation)));
    }
    return sum;
  }

  // Expected outside of the limits, for choosing whom to look at closely.
  double expected_excess(const DecisionRow& row) const {
    double sum = 0;
    for (const Surrogate* const guard : guards_) sum += std::max(0.0, guard->mean(row));
    return sum;
  }

  // With two objectives most asks look at the volume, and every so many at the main objective alone: the volume is greedy and
  // may stay where small gains are sure while that end of the front is far.
  std::optional<size_t> focus() const {
    if (quality_.size() == 1) return 0;
    if (guided_ % kFocusPeriod != kFocusPeriod - 1) return std::nullopt;
    return 0;
  }

  // The candidates worth a closer look: those of the best expectation; without a focus front after front.
  std::vector<const CandidatePool::Member*> shortlist(const std::vector<const CandidatePool::Member*>& pool) const {
    std::vector<std::pair<double, size_t>> order;
    std::vector<Point> points;
    for (size_t i = 0; i < pool.size(); ++i) {
      Point point;
      for (const Surrogate& model : quality_) point.push_back(model.mean(pool[i]->row));
      order.emplace_back(guards_.empty() ? 0 : expected_excess(pool[i]->row), i);
      points.push_back(std::move(point));
    }
    if (const std::optional<size_t> objective = focus()) {
      for (auto& [key, i] : order) key += points[i][*objective];
    } else {
      double rank = 0;
      for (const std::vector<size_t>& front : non_dominated_sort(points)) {
        for (const size_t i : front) order[i].first += rank / static_cast<double>(pool.size());
        rank += static_cast<double>(front.size());
      }
    }
    std::ranges::sort(order);
    std::vector<const CandidatePool::Member*> result;
    for (size_t i = 0; i < std::min(kWeighed, order.size()); ++i) result.push_back(pool[order[i].second]);
    return result;
  }

  // The volume is that of the objectives themselves, not of their logarithms.
  std::function<double(const DecisionRow&)> volume_merit() const {
    std::vector<Point> points;
    Point reference(2, -kInfinity);
    for (const Told& told : told_) {
      if (!is_good(told)) continue;
      points.push_back(told.point);
      for (size_t i = 0; i < 2; ++i) reference[i] = std::max(reference[i], told.point[i]);
    }
    if (points.empty()) return nullptr;
    for (size_t i = 0; i < 2; ++i) {
      reference[i] = std::min(reference[i], quality_[i].best() + kReference * quality_[i].gap());
    }
    const auto improvement = [](const Surrogate& model, const DecisionRow& row) {
      return [&model, belief = model.at(row)](double bound) {
        return expected_improvement_of_gap(belief, model.best(), model.gap(), bound);
      };
    };
    return [this, improvement, volume = ExpectedHypervolumeImprovement(points, reference)](const DecisionRow& row) {
      return std::log(volume.of(improvement(quality_[0], row), improvement(quality_[1], row)));
    };
  }

  // Log of what a candidate is expected to bring before limits; nothing while no trial is feasible.
  std::function<double(const DecisionRow&)> merit() const {
    const std::optional<size_t> objective = focus();
    if (!objective) return volume_merit();
    double best = kInfinity;
    if (objectives_.objectives.size() > 2) {
      best = best_scalar_;
    } else {
      for (const Told& told : told_) {
        if (is_good(told)) best = std::min(best, told.point[*objective]);
      }
    }
    if (best == kInfinity) return nullptr;
    const Surrogate& model = quality_[*objective];
    return [&model, bound = model.warped(best)](const DecisionRow& row) {
      return log_expected_improvement(model.at(row), bound);
    };
  }

  std::optional<Candidate> promising(Random& random) {
    if (proposals_.exhausted()) return std::nullopt;
    const std::vector<const CandidatePool::Member*>& pool = pool_.around(centers(), random);
    if (pool.empty()) return std::nullopt;
    prepare(random);
    const std::function<double(const DecisionRow&)> improvement = merit();
    const CandidatePool::Member* best = nullptr;
    double most = -kInfinity;
    for (const CandidatePool::Member* const member : shortlist(pool)) {
      double value = improvement ? improvement(member->row) : 0;
      if (!guards_.empty()) value += log_probability_of_keeping(member->row);
      if (best == nullptr || value > most) {
        best = member;
        most = value;
      }
    }
    proposals_.remember(best->decisions);
    ++guided_;
    Candidate candidate;
    candidate.decisions = best->decisions;
    candidate.parents = best->maker.parents;
    candidate.made_by = "model's choice: " + best->maker.text;
    return candidate;
  }

  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  const Trace& trace_;
  const ObjectiveSet objectives_;
  const int64_t initial_samples_;
  const size_t most_points_;
  Proposals proposals_;
  const DecisionEncoding encoding_;
  CandidatePool pool_;
  std::deque<Told> told_;                                // the models point into it
  std::deque<std::pair<int64_t, DecisionRow>> pending_;  // asked, not told
  std::vector<Surrogate> quality_;                       // per objective, or one for the scalarization
  std::vector<Surrogate> limits_;                        // graded excess of each limit
  Surrogate usable_;                                     // 1: failed, -1: usable
  std::vector<const Surrogate*> guards_;                 // of what must be negative, of those that know something
  double best_scalar_ = 0;                               // of feasible trials, under the present scalarization
  int64_t asked_ = 0, known_ = 0, failures_ = 0, guided_ = 0;
};

}  // namespace

void add_bayesian(Registry<StrategyFactory>& registry) {
  registry.add(
      {.name = "bayesian",
       .summary = "Gaussian processes over decisions: expected improvement, of the hypervolume for two objectives",
       .source = "Jones, Schonlau and Welch, Efficient global optimization of expensive black-box functions, Journal "
                 "of Global Optimization 13, 1998",
       .parameters = {{.name = "initial_samples",
                       .type = ParameterType::integer,
                       .description = "uniform samples before the models are asked",
                       .default_value = 10,
                       .minimum = 2,
                       .maximum = 1e6},
                      {.name = "model_trials",
                       .type = ParameterType::integer,
                       .description =
                           "trials that a model looks at, the best and a spread of the others; bounds its cost",
                       .default_value = 400,
                       .minimum = 10,
                       .maximum = 4000}},
       .example = "strategy: bayesian\ninitial_samples: 16"},
      [](const Options& options, const StrategyContext& context) {
        return std::make_unique<Bayesian>(options, context);
      });
}

}  // namespace nacre
