#include "nacre/supernet/superkernels.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/nn/torch_types.hpp"
#include "nacre/supernet/sized_parameters.hpp"

namespace nacre {
namespace {

std::string threshold_name(const std::string& key) { return "threshold/" + key; }

// Ones where `inner` reaches along `axes` of a tensor of extents `whole`: channels from the front, kernels around the middle.
// Extent 1 along other axes.
at::Tensor box_mask(const std::vector<int64_t>& whole, const std::vector<int64_t>& inner,
                    const std::set<size_t>& axes) {
  std::vector<int64_t> shape(whole.size(), 1);
  for (const size_t axis : axes) shape[axis] = whole[axis];
  at::Tensor mask = at::zeros(shape, at::TensorOptions(at::kDouble));
  at::Tensor inside = mask;
  for (const size_t axis : axes) {
    const int64_t start = axis < 2 ? 0 : (whole[axis] - inner[axis]) / 2;
    inside = inside.narrow(static_cast<int64_t>(axis), start, inner[axis]);
  }
  inside.fill_(1);
  return mask;
}

// Boxes that grow: what each adds to the one before.
std::vector<at::Tensor> rings(const std::vector<int64_t>& whole, const std::vector<std::vector<int64_t>>& boxes,
                              const std::set<size_t>& axes) {
  std::vector<at::Tensor> added;
  at::Tensor before;
  for (const std::vector<int64_t>& box : boxes) {
    const at::Tensor mask = box_mask(whole, box, axes);
    added.push_back(before.defined() ? mask - before : mask);
    before = mask;
  }
  return added;
}

}  // namespace

at::Tensor hard_indicator(const at::Tensor& x) {
  const at::Tensor soft = at::sigmoid(x);
  return (x.detach() >= 0).to(x.scalar_type()) + (soft - soft.detach());
}

Superkernels::Superkernels(const Space& space, const SupernetForm& form, const Supernet& whole) {
  decisions_ = whole.open;
  decisions_.insert(decisions_.end(), whole.numbers.begin(), whole.numbers.end());
  if (form.partial_channels > 1 || form.edge_weights || form.zero_operator)
    throw UserError("search.weighting threshold: superkernels have neither partial channels nor edges");
  for (size_t i = 0; i < decisions_.size(); ++i)
    if (decisions_[i].kind == OpenDecision::Kind::number) add_number(space, form, whole, i);
  std::ranges::stable_partition(gates_, [](const Gate& gate) { return gate.spatial; });
  for (size_t i = 0; i < decisions_.size(); ++i)
    if (decisions_[i].kind != OpenDecision::Kind::number) add_layers(whole, i);
}

size_t Superkernels::parameter_index(const std::string& name) {
  const auto found = std::ranges::find(parameters_, name);
  if (found != parameters_.end()) return static_cast<size_t>(found - parameters_.begin());
  parameters_.push_back(name);
  return parameters_.size() - 1;
}

// Kernels and channels that a number adds, from the smallest alternative to the largest.
void Superkernels::add_number(const Space& space, const SupernetForm& form, const Supernet& whole, size_t decision) {
  const OpenDecision& number = decisions_[decision];
  Gate gate;
  gate.decision = decision;
  gate.ascending.resize(number.values.size());
  std::iota(gate.ascending.begin(), gate.ascending.end(), int64_t{0});
  std::ranges::sort(gate.ascending, {}, [&](int64_t i) { return number.values[static_cast<size_t>(i)]; });
  std::vector<Slices> channels, depthwise, kernels;
  for (const SizedParameter& sized : parameters_sized_by(space, form, whole, number)) {
    const size_t parameter = parameter_index(sized.name);
    std::vector<std::vector<int64_t>> boxes;
    for (const int64_t alternative : gate.ascending) boxes.push_back(sized.extents[static_cast<size_t>(alternative)]);
    if (const std::set<size_t> read = sized.read_axes(); !read.empty())
      gate.masked.push_back({parameter, rings(sized.whole, boxes, read)});
    if (*sized.axes.rbegin() >= 2) kernels.push_back({parameter, rings(sized.whole, boxes, sized.axes)});
    if (!sized.is_vector() && sized.axes.contains(sized.output_axis)) {
      (sized.depthwise ? depthwise : channels).push_back({parameter, rings(sized.whole, boxes, {sized.output_axis})});
    }
  }
  gate.spatial = !kernels.empty();
  gate.measured = gate.spatial ? kernels : !depthwise.empty() ? depthwise : channels;
  if (gate.measured.empty())
    throw UserError("decision '" + number.key +
                    "' sets the size of no layer: there is nothing that a threshold could judge");
  gates_.push_back(std::move(gate));
}

// The part of a parameter that every network of the space has.
Superkernels::Slices Superkernels::lowest_of(size_t parameter) const {
  at::Tensor lowest = at::ones({}, at::TensorOptions(at::kDouble));
  for (const Gate& gate : gates_) {
    if (gate.spatial) continue;
    for (const Slices& slices : gate.measured)
      if (slices.parameter == parameter) lowest = lowest * slices.added[0];
  }
  return {parameter, {lowest}};
}

void Superkernels::add_layers(const Supernet& whole, size_t decision) {
  const OpenDecision& open = decisions_[decision];
  const auto refuse = [&open](const std::string& why) {
    return UserError("decision '" + open.key + "': " + why + "; thresholds choose among alternatives that nest");
  };
  if (open.kind == OpenDecision::Kind::edges) throw refuse("its edges have no order");
  const std::map<std::string, bool> kernels = depthwise_kernels(whole.graph);
  // Weights of convolutions and linear layers within the nodes of a part.
  const auto weights_within = [&](const SupernetPart& part) {
    std::vector<std::string> dense, depthwise;
    for (NodeId id = part.first; id < part.last; ++id) {
      for (const ValueId input : whole.graph.node(id).inputs) {
        if (input == kNone || whole.graph.value(input).initializer == kNone) continue;
        const Value& value = whole.graph.value(input);
        const std::string name = plain_parameter_name(value.name);
        if (value.shape->rank() < 2 || !is_floating(value.type) || !kernels.contains(name)) continue;
        (kernels.at(name) ? depthwise : dense).push_back(name);
      }
    }
    return depthwise.empty() ? dense : depthwise;
  };
  Gate gate;
  gate.decision = decision;
  std::vector<std::vector<std::string>> added;  // by position
  const auto count = static_cast<int64_t>(open.labels.size());
  for (int64_t position = 0; position < count; ++position) {
    added.emplace_back();
    for (const SupernetPart& part : whole.parts) {
      if (part.key != open.key || part.positions.front() != position) continue;
      for (std::string& name : weights_within(part)) added.back().push_back(std::move(name));
    }
  }
  if (open.kind == OpenDecision::Kind::operators) {
    if (count != 2 || added[0].empty() == added[1].empty())
      throw refuse("expected a layer and its skip, which has no weights");
    gate.ascending = added[0].empty() ? std::vector<int64_t>{0, 1} : std::vector<int64_t>{1, 0};
  } else {
    gate.ascending.resize(open.labels.size());
    std::iota(gate.ascending.begin(), gate.ascending.end(), int64_t{0});
  }
  // measured[r - 1] holds what alternative r adds, each parameter by the part that all networks have.
  for (size_t rank = 1; rank < gate.ascending.size(); ++rank) {
    const std::vector<std::string>& names = added[static_cast<size_t>(gate.ascending[rank])];
    if (names.empty())
      throw refuse("alternative " + open.labels[static_cast<size_t>(gate.ascending[rank])] + " adds no weights");
    for (const std::string& name : names) {
      const Slices lowest = lowest_of(parameter_index(name));
      Slices slices{lowest.parameter, {}};
      for (size_t r = 0; r < gate.ascending.size(); ++r)
        slices.added.push_back(r == rank ? lowest.added[0] : at::zeros({}, at::TensorOptions(at::kDouble)));
      gate.measured.push_back(std::move(slices));
    }
  }
  gates_.push_back(std::move(gate));
}

std::map<std::string, int64_t> Superkernels::thresholds() const {
  std::map<std::string, int64_t> result;
  for (const Gate& gate : gates_)
    result[threshold_name(decisions_[gate.decision].key)] = static_cast<int64_t>(gate.ascending.size()) - 1;
  return result;
}

at::Tensor Superkernels::masked(const SharedStore& store, size_t parameter,
                                const std::vector<at::Tensor>& masks) const {
  const at::Tensor& whole = store.tensor(parameters_[parameter]);
  return masks[parameter].defined() ? whole * masks[parameter] : whole;
}

at::Tensor Superkernels::norm(const SharedStore& store, const Gate& gate, size_t rank,
                              const std::vector<at::Tensor>& masks) const {
  at::Tensor sum;
  for (const Slices& slices : gate.measured) {
    const at::Tensor tensor =
        masked(store, slices.parameter, masks) *
        slices.added[rank].to(store.tensor(parameters_[slices.parameter]).options().requires_grad(false));
    const at::Tensor squares = at::sum(tensor * tensor);
    sum = sum.defined() ? sum + squares : squares;
  }
  return at::sqrt(at::clamp_min(sum, 1e-24));
}

void Superkernels::apply(const Gate& gate, const std::vector<at::Tensor>& used, std::vector<at::Tensor>& masks) const {
  for (const Slices& slices : gate.masked) {
    at::Tensor mask = slices.added[0].to(used[0].options().requires_grad(false));
    for (size_t rank = 1; rank < slices.added.size(); ++rank)
      mask = mask + used[rank - 1] * slices.added[rank].to(used[0].options().requires_grad(false));
    at::Tensor& all = masks[slices.parameter];
    all = all.defined() ? all * mask : mask;
  }
}

// p_r = g_r - g_(r+1), in the order of the decision's alternatives.
at::Tensor Superkernels::alternative_weights(const Gate& gate, const std::vector<at::Tensor>& used,
                                             const at::Tensor& like) const {
  const size_t count = gate.ascending.size();
  std::vector<at::Tensor> weights(count);
  const at::Tensor one = at::ones({}, like.options().requires_grad(false));
  for (size_t rank = 0; rank < count; ++rank) {
    const at::Tensor here = rank == 0 ? one : used[rank - 1];
    weights[static_cast<size_t>(gate.ascending[rank])] = rank + 1 < count ? here - used[rank] : here;
  }
  return at::stack(weights);
}

void Superkernels::show(SharedStore& store, const std::vector<at::Tensor>& masks, MixWeights weights) const {
  std::map<std::string, at::Tensor, std::less<>> by_name;
  for (size_t i = 0; i < masks.size(); ++i)
    if (masks[i].defined()) by_name.emplace(parameters_[i], masks[i]);
  store.set_masks(std::move(by_name));
  store.set_mixture(std::move(weights));
}

MixWeights Superkernels::gate(SharedStore& store, double keep, Random& random) const {
  std::vector<at::Tensor> masks(parameters_.size());
  MixWeights weights;
  for (const Gate& gate : gates_) {
    const OpenDecision& decision = decisions_[gate.decision];
    const at::Tensor& thresholds = store.tensor(threshold_name(decision.key));
    std::vector<at::Tensor> used;
    for (size_t rank = 1; rank < gate.ascending.size(); ++rank) {
      at::Tensor indicator =
          hard_indicator(norm(store, gate, rank, masks) - thresholds.select(0, static_cast<int64_t>(rank) - 1));
      if (keep < 1) indicator = indicator * (random.uniform() < keep ? 1 / keep : 0.0);
      used.push_back(used.empty() ? indicator : used.back() * indicator);
    }
    apply(gate, used, masks);
    weights[decision.key] = alternative_weights(gate, used, thresholds);
  }
  show(store, masks, weights);
  return weights;
}

void Superkernels::force(SharedStore& store, const Decisions& decisions) const {
  std::vector<at::Tensor> masks(parameters_.size());
  MixWeights weights;
  for (const Gate& gate : gates_) {
    const OpenDecision& decision = decisions_[gate.decision];
    const int64_t* chosen = decisions.find(decision.key);  // none: under a layer that is left out
    const auto place = chosen == nullptr ? gate.ascending.begin() : std::ranges::find(gate.ascending, *chosen);
    const auto options = store.tensor(threshold_name(decision.key)).options().requires_grad(false);
    std::vector<at::Tensor> used;
    for (int64_t rank = 1; rank < static_cast<int64_t>(gate.ascending.size()); ++rank)
      used.push_back(at::full({}, rank <= place - gate.ascending.begin() ? 1.0 : 0.0, options));
    apply(gate, used, masks);
    weights[decision.key] = alternative_weights(gate, used, used[0]);
  }
  show(store, masks, std::move(weights));
}

std::vector<std::vector<double>> Superkernels::weights(const SharedStore& store, bool hard) const {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> masks(parameters_.size());
  std::vector<std::vector<double>> result(decisions_.size());
  for (const Gate& gate : gates_) {
    const at::Tensor& thresholds = store.tensor(threshold_name(decisions_[gate.decision].key));
    std::vector<at::Tensor> used, shown;
    for (size_t rank = 1; rank < gate.ascending.size(); ++rank) {
      const at::Tensor x = norm(store, gate, rank, masks) - thresholds.select(0, static_cast<int64_t>(rank) - 1);
      const at::Tensor on = hard_indicator(x), value = hard ? on : at::sigmoid(x);
      used.push_back(used.empty() ? on : used.back() * on);
      shown.push_back(shown.empty() ? value : shown.back() * value);
    }
    apply(gate, used, masks);
    const at::Tensor p = alternative_weights(gate, shown, thresholds).to(at::kCPU, at::kDouble).contiguous();
    result[gate.decision].assign(p.data_ptr<double>(), p.data_ptr<double>() + p.numel());
  }
  return result;
}

}  // namespace nacre
