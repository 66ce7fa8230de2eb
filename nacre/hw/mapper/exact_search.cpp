// Depth-first branch and bound over the slots of NestBound, from the innermost outward; the children of a node in the order of
// their bounds, so that the first descent is a greedy mapping. See nest_bound.hpp for why the bounds hold.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>

#include "nacre/base/error.hpp"
#include "nacre/hw/mapper/mapper.hpp"
#include "nacre/hw/mapper/nest_bound.hpp"

namespace nacre {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Bounds are sums of doubles in another order than the engine's; this much is rounding.
constexpr double kRounding = 1e-9;
constexpr int64_t kFirstEvaluations = 1000;
constexpr int64_t kFirstNodes = 400000;
constexpr double kFirstShare = 0.25;      // of the time
constexpr int64_t kLaterEvaluations = 5;  // times the budget of a guided search

std::size_t at(int index) { return static_cast<std::size_t>(index); }

struct Root {
  double bound = 0;
  std::size_t pattern = 0;
  std::vector<OrderChoice> orders;
};

class Search {
 public:
  explicit Search(const MapperContext& context)
      : context_(context),
        space_(context.space),
        evaluator_(space_.workload(), space_.accelerator(), context.options.rules),
        start_(std::chrono::steady_clock::now()) {}

  MappingResult run() {
    const auto patterns = space_.keep_patterns();
    std::vector<Root> roots;
    const auto minima = std::make_shared<NestBound::Minima>();
    for (const auto& keeps : patterns) bounds_.emplace_back(space_, context_.options.rules, keeps, minima);
    for (std::size_t p = 0; p < patterns.size(); ++p) add_roots(p, roots);
    std::stable_sort(roots.begin(), roots.end(), [](const Root& a, const Root& b) { return a.bound < b.bound; });
    start_with_guided(kFirstEvaluations, 0.1, false);
    probe(roots);
    // Many spaces are closed at once. Where not, a better first mapping is worth its time.
    phase_end_s_ = kFirstShare * context_.options.time_s;
    double open = explore(roots, kFirstNodes);
    phase_end_s_ = 0;
    if (open < cutoff() && !stopped()) {
      start_with_guided(kLaterEvaluations * context_.options.evaluations, 0.4, true);
      open = std::max(open, explore(roots, std::numeric_limits<int64_t>::max() / 2));
    }
    if (best_ == kInfinity) {
      if (!stopped_)
        throw UserError("no mapping of the space fits: the constraints leave no factors that the levels can hold");
      throw UserError("the budget of time ended before a mapping that fits was found; allow more");
    }
    MappingResult result;
    result.mapping = best_mapping_;
    result.objective = best_;
    result.proved = open >= cutoff();
    result.bound = result.proved ? best_ : std::min(open, best_);
    result.gap = (best_ - *result.bound) / best_;
    result.nodes = nodes_;
    result.evaluations = evaluations_;
    result.interrupted = stopped_;
    return result;
  }

 private:
  double cutoff() const { return best_ * (1 - kRounding); }

  bool stopped() {
    if (stopped_) return true;
    if (context_.options.stop != nullptr && context_.options.stop->load()) stopped_ = true;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    if (context_.options.time_s > 0 && elapsed.count() > context_.options.time_s) stopped_ = true;
    if (phase_end_s_ > 0 && elapsed.count() > phase_end_s_) probe_ended_ = true;
    return stopped_;
  }

  double value(const BoundValue& bound) const {
    return mapping_objective_value(context_.options.objective, bound.cycles, bound.energy_j);
  }

  void add_roots(std::size_t pattern, std::vector<Root>& roots) {
    NestBound& bound = bounds_[pattern];
    std::vector<std::vector<OrderChoice>> choices;
    for (int k = 0; k < bound.slot_count(); ++k) choices.push_back(bound.order_choices(k));
    std::vector<OrderChoice> orders(choices.size());
    std::function<void(std::size_t)> choose = [&](std::size_t k) {
      if (k == choices.size()) {
        bound.begin(orders);
        roots.push_back({value(bound.bound()), pattern, orders});
        return;
      }
      for (const OrderChoice& choice : choices[k]) {
        orders[k] = choice;
        choose(k + 1);
      }
    };
    choose(0);
  }

  // The least bound that was left; infinite when nothing was.
  double explore(const std::vector<Root>& roots, int64_t nodes) {
    double open = kInfinity;
    node_limit_ = nodes_ + nodes;
    probe_ended_ = false;
    for (const Root& root : roots) {
      if (root.bound == kInfinity || root.bound >= cutoff()) break;
      if (stopped() || probe_ended_) {
        open = std::min(open, root.bound);
        break;
      }
      bound_ = &bounds_[root.pattern];
      orders_ = root.orders;
      bound_->begin(orders_);
      open = std::min(open, descend(0));
    }
    node_limit_ = std::numeric_limits<int64_t>::max();
    probe_ended_ = false;
    return open;
  }

  // The lattice search gives a first mapping, so that the bounds cut from the start.
  void start_with_guided(int64_t evaluations, double share_of_time, bool whole_space) {
    MapperOptions options = context_.options;
    options.evaluations = evaluations;
    options.time_s *= share_of_time;
    if (whole_space) return guided(space_, options);
    // Mappings of the space by exact factors that keep what they may are evaluated soonest, and near the best of all.
    MappingConstraints divided = options.constraints;
    divided.factors = FactorRule::exact;
    divided.free_bypass = false;
    try {
      guided(Mapspace(space_.workload(), space_.accelerator(), divided), options);
    } catch (const UserError&) {
      // Pinned factors that do not divide.
    }
    if (best_ == kInfinity) guided(space_, options);
  }

  void guided(const Mapspace& space, const MapperOptions& options) {
    try {
      take(lattice_search({space, options}));
    } catch (const UserError&) {
      // Nothing that fits was met; the search itself says whether there is anything.
    }
  }

  void take(const MappingResult& found) {
    evaluations_ += found.evaluations;
    if (found.objective >= best_) return;
    best_ = found.objective;
    best_mapping_ = found.mapping;
  }

  // A good mapping early: short descents from the most promising roots of the patterns that keep most.
  void probe(const std::vector<Root>& roots) {
    for (const std::size_t pattern : {std::size_t{0}, bounds_.size()}) {
      int left = 12;
      for (const Root& root : roots) {
        if (left == 0 || root.bound == kInfinity || root.bound >= cutoff()) break;
        if (pattern < bounds_.size() && root.pattern != pattern) continue;
        --left;
        bound_ = &bounds_[root.pattern];
        orders_ = root.orders;
        bound_->begin(orders_);
        node_limit_ = nodes_ + 4000;
        descend(0);
        node_limit_ = std::numeric_limits<int64_t>::max();
        probe_ended_ = false;
        if (stopped()) return;
      }
    }
  }

  // Returns the least bound of what was left unexplored below.
  double descend(int slot) {
    if (slot == bound_->slot_count()) return leaf();
    bound_->begin_slot(slot);
    std::vector<int> sequence;
    const OrderChoice& choice = orders_[at(slot)];
    const int dimensions = int(space_.workload().dimensions.size());
    for (int d = 0; d < dimensions; ++d)
      if (choice.nontrivial >> d & 1u) sequence.push_back(d);
    for (auto d = choice.order.rbegin(); d != choice.order.rend(); ++d)
      if (!(choice.nontrivial >> *d & 1u)) sequence.push_back(*d);
    return assign(slot, sequence, 0, false);
  }

  double assign(int slot, const std::vector<int>& sequence, std::size_t index, bool nontrivial) {
    const OrderChoice& choice = orders_[at(slot)];
    if (index == sequence.size()) {
      if (bound_->slot(slot).spatial) {
        std::vector<int64_t> factors;
        for (int d = 0; d < int(sequence.size()); ++d) factors.push_back(bound_->factor(slot, d));
        if (!space_.packs(bound_->slot(slot).level, factors)) return kInfinity;
      }
      double open = kInfinity;
      if (bound_->end_slot(slot)) {
        ++nodes_;
        const double here = value(bound_->bound());
        if (here < cutoff()) open = stopped_ || probe_ended_ ? here : descend(slot + 1);
      }
      bound_->reopen_slot(slot);
      bound_->begin_slot(slot);
      return open;
    }
    const int d = sequence[index];
    const bool last_slot = slot + 1 == bound_->slot_count();
    const bool must = choice.nontrivial != 0 && !nontrivial && is_last_of_class(choice, sequence, index);
    struct Child {
      double bound;
      int64_t factor;
    };
    std::vector<Child> children;
    int64_t room = std::numeric_limits<int64_t>::max();
    if (bound_->slot(slot).spatial) {
      const std::size_t level = bound_->slot(slot).level;
      room = space_.children(level, LoopKind::spatial_x) * space_.children(level, LoopKind::spatial_y);
      for (std::size_t i = 0; i < index; ++i) room /= bound_->factor(slot, sequence[i]);
    }
    for (int64_t factor : space_.factors(bound_->slot(slot), std::size_t(d), bound_->steps(slot, d), last_slot)) {
      if ((factor > 1 && (choice.trivial >> d & 1u)) || (factor == 1 && must) || factor > room) continue;
      if ((++nodes_ & 1023) == 0) stopped();
      bound_->assign(slot, d, factor);
      if (!bound_->may_fit(slot)) break;  // a larger factor needs no less
      if (!bound_->may_complete()) continue;
      const double here = value(bound_->bound());
      if (here < cutoff()) children.push_back({here, factor});
    }
    bound_->retract(slot, d);
    std::stable_sort(children.begin(), children.end(),
                     [](const Child& a, const Child& b) { return a.bound < b.bound; });
    double open = kInfinity;
    for (const Child& child : children) {
      if (child.bound >= cutoff()) break;
      probe_ended_ = probe_ended_ || nodes_ > node_limit_;
      if (stopped_ || probe_ended_) {
        open = std::min(open, child.bound);
        break;
      }
      bound_->assign(slot, d, child.factor);
      open = std::min(
          open, assign(slot, sequence, index + 1, nontrivial || (child.factor > 1 && (choice.nontrivial >> d & 1u))));
    }
    bound_->retract(slot, d);
    return open;
  }

  static bool is_last_of_class(const OrderChoice& choice, const std::vector<int>& sequence, std::size_t index) {
    return (choice.nontrivial >> sequence[index] & 1u) &&
           (index + 1 == sequence.size() || !(choice.nontrivial >> sequence[index + 1] & 1u));
  }

  // All factors are known. Orders that differ only in which window slides outside the innermost class are tried, too.
  double leaf() {
    std::vector<OrderChoice> orders = orders_;
    try_orders(orders, 0);
    return kInfinity;
  }

  void try_orders(std::vector<OrderChoice>& orders, int slot) {
    if (slot == bound_->slot_count()) return evaluate(orders);
    const OrderChoice choice = orders[at(slot)];
    try_orders(orders, slot + 1);
    if (bound_->slot(slot).spatial || choice.nontrivial == 0 || !space_.order(bound_->slot(slot).level).empty()) return;
    // Move a windowed dimension of factor > 1 right outside the class of the innermost one.
    for (std::size_t place = 0; place + 1 < choice.order.size(); ++place) {
      const int d = choice.order[place];
      if (bound_->factor(slot, d) == 1 || !windowed(d) || (choice.nontrivial >> d & 1u)) continue;
      OrderChoice moved = choice;
      moved.order.erase(moved.order.begin() + std::ptrdiff_t(place));
      std::size_t target = moved.order.size();
      while (target > 0 && (bound_->factor(slot, moved.order[target - 1]) == 1 ||
                            same_class(moved.order[target - 1], choice.nontrivial)))
        --target;
      moved.order.insert(moved.order.begin() + std::ptrdiff_t(target), d);
      if (moved.order == choice.order) continue;
      orders[at(slot)] = moved;
      try_orders(orders, slot + 1);
    }
    orders[at(slot)] = choice;
  }

  uint32_t tensors_of(int d) const {
    uint32_t result = 0;
    const auto& tensors = space_.workload().tensors;
    for (std::size_t t = 0; t < tensors.size(); ++t)
      for (const TensorAxis& axis : tensors[t].axes)
        for (const ProjectionTerm& term : axis.terms)
          if (term.dimension == d) result |= 1u << t;
    return result;
  }
  bool same_class(int d, uint32_t members) const {
    for (int e = 0; e < int(space_.workload().dimensions.size()); ++e)
      if (members >> e & 1u) return tensors_of(e) == tensors_of(d);
    return false;
  }
  bool windowed(int d) const {
    for (const WorkloadTensor& tensor : space_.workload().tensors)
      for (const TensorAxis& axis : tensor.axes)
        if (axis.terms.size() > 1)
          for (const ProjectionTerm& term : axis.terms)
            if (term.dimension == d) return true;
    return false;
  }

  void evaluate(const std::vector<OrderChoice>& orders) {
    ++evaluations_;
    const Mapping mapping = bound_->mapping(orders);
    evaluator_.flatten(mapping, nest_);
    evaluator_.cost(nest_, cost_);
    if (!evaluator_.fits(nest_, cost_)) return;
    const double found = mapping_objective_value(context_.options.objective, cost_.cycles, cost_.energy_j);
    if (found >= best_) return;
    best_ = found;
    best_mapping_ = mapping;
  }

  const MapperContext& context_;
  const Mapspace& space_;
  NestEvaluator evaluator_;
  std::chrono::steady_clock::time_point start_;
  std::vector<NestBound> bounds_;
  NestBound* bound_ = nullptr;
  std::vector<OrderChoice> orders_;
  Nest nest_;
  NestCost cost_;
  double best_ = kInfinity;
  Mapping best_mapping_;
  int64_t nodes_ = 0, evaluations_ = 0;
  int64_t node_limit_ = std::numeric_limits<int64_t>::max();
  double phase_end_s_ = 0;  // 0: none
  bool probe_ended_ = false;
  bool stopped_ = false;
};

}  // namespace

MappingResult exact_search(const MapperContext& context) { return Search(context).run(); }

}  // namespace nacre
