#include "nacre/supernet/shared_store.hpp"

#include <algorithm>
#include <unordered_map>

#include "nacre/base/error.hpp"
#include "nacre/nn/torch_types.hpp"
#include "nacre/supernet/supernet_chooser.hpp"

namespace nacre {
namespace {

// One box of a tensor: first index and extent per axis.
struct Box {
  std::vector<int64_t> start, extent;
  bool operator==(const Box&) const = default;
};

// Channels from the front, kernels from the middle.
Box box_of(const at::Tensor& tensor, const Shape& shape) {
  Box box;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int64_t extent = shape[axis].extent(), whole = tensor.size(axis);
    box.extent.push_back(extent);
    box.start.push_back(axis < 2 ? 0 : (whole - extent) / 2);
  }
  return box;
}

at::Tensor narrowed(at::Tensor tensor, const Box& box) {
  for (size_t axis = 0; axis < box.extent.size(); ++axis) {
    const auto at = static_cast<int64_t>(axis);
    if (box.extent[axis] != tensor.size(at)) tensor = tensor.narrow(at, box.start[axis], box.extent[axis]);
  }
  return tensor;
}

std::string transform_name(const std::string& weight, int64_t from) {
  return weight + "/transform_" + std::to_string(from) + "_to_" + std::to_string(from - 2);
}

bool same_extents(const at::Tensor& tensor, const Shape& shape) {
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (tensor.size(axis) != shape[axis].extent()) return false;
  return true;
}

Shape larger(const Shape& a, const Shape& b, const std::string& name) {
  if (a.rank() != b.rank()) throw UserError("parameter '" + name + "' has another rank in another network");
  Shape result;
  for (int axis = 0; axis < a.rank(); ++axis) result.push_back(Dim(std::max(a[axis].extent(), b[axis].extent())));
  return result;
}

bool is_mixture(std::string_view key) { return key.starts_with(kMixPrefix); }

}  // namespace

struct SharedStore::Touch {
  bool whole = false;
  std::vector<Box> boxes;
};

struct SharedStore::Index {
  std::unordered_map<std::string, size_t> by_name;  // position in kept_
  std::unordered_map<std::string, size_t> by_key;   // as asked, filled as keys are asked
};

SharedStore::SharedStore(const Graph& supernet, const SharedWeightsForm& form, uint64_t seed, const Numerics& numerics)
    : form_(form), numerics_(numerics), index_(std::make_unique<Index>()) {
  struct Kept {
    std::string name;
    ElementType type;
    Shape shape;
    Distribution distribution;
    bool trainable;
  };
  std::vector<Kept> all;
  std::unordered_map<std::string, size_t> known;
  for (const Initializer& initializer : supernet.initializers()) {
    const Value& value = supernet.value(initializer.value);
    if (!is_floating(value.type) || is_mixture(value.name)) continue;
    if (initializer.data != nullptr) continue;  // constants are read from the graph that runs
    const std::string name = form.layout == WeightLayout::nested ? plain_parameter_name(value.name) : value.name;
    const auto [entry, added] = known.try_emplace(name, all.size());
    if (added) {
      all.push_back({name, value.type, *value.shape, initializer.distribution, initializer.trainable});
    } else {
      all[entry->second].shape = larger(all[entry->second].shape, *value.shape, name);
    }
  }
  const size_t weights = all.size();
  for (size_t i = 0; i < weights && form.kernel_transforms && form.layout == WeightLayout::nested; ++i) {
    const Kept weight = all[i];
    if (weight.shape.rank() != 4 || !(weight.shape[2] == weight.shape[3])) continue;
    for (int64_t k = weight.shape[2].extent(); k > 3; k -= 2) {
      const int64_t taps = (k - 2) * (k - 2);
      all.push_back({transform_name(weight.name, k),
                     weight.type,
                     {Dim(taps), Dim(taps)},
                     {Distribution::Kind::constant, 0},
                     true});
    }
  }
  const size_t transforms = all.size();
  for (const auto& [name, count] : form.more)
    all.push_back({name, ElementType::float32, {Dim(count)}, {Distribution::Kind::constant, 0}, true});
  parameters_.name = "shared weights";
  for (const Kept& one : all) parameters_.add_parameter(one.name, one.type, one.shape, one.distribution, one.trainable);
  kept_ = std::make_unique<PlainStore>(parameters_, seed, numerics);
  touches_.resize(all.size());
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < all.size(); ++i) {
    index_->by_name.emplace(all[i].name, i);
    if (i < weights || i >= transforms) continue;
    at::Tensor transform = kept_->tensors()[i];
    transform.copy_(at::eye(transform.size(0), transform.options()));
  }
}

SharedStore::~SharedStore() = default;

size_t SharedStore::find(std::string_view key, const ViewContext& context) const {
  const std::string asked(key);
  if (const auto found = index_->by_key.find(asked); found != index_->by_key.end()) return found->second;
  const auto found = index_->by_name.find(form_.layout == WeightLayout::nested ? plain_parameter_name(key) : asked);
  if (found == index_->by_name.end())
    throw UserError(
        "the shared weights have no parameter '" + asked + "', which " +
        (context.reader == kNone ? "a network of the space has" : node_text(context.graph, context.reader) + " reads"));
  index_->by_key.emplace(asked, found->second);
  return found->second;
}

// Step by step from the kept kernel: the center of each size is transformed before the next is cut from it.
at::Tensor SharedStore::cropped_kernel(size_t position, at::Tensor tensor, const Shape& shape, bool training) {
  const std::string& name = kept_->infos()[position].name;
  for (int64_t k = tensor.size(2); k > shape[2].extent(); k -= 2) {
    const size_t at = index_->by_name.at(transform_name(name, k));
    if (training) touches_[at].whole = true;
    const at::Tensor center = tensor.narrow(2, 1, k - 2).narrow(3, 1, k - 2);
    tensor = at::matmul(at::reshape(center, {-1, (k - 2) * (k - 2)}), kept_->tensors()[at].t()).view(center.sizes());
  }
  return tensor;
}

at::Tensor SharedStore::view(std::string_view key, const Shape& shape, const ViewContext& context) {
  if (is_mixture(key)) {
    const auto found = mixture_.find(key.substr(kMixPrefix.size()));
    if (found != mixture_.end()) return found->second;
    const int64_t count = shape[0].extent();
    return at::full({count}, 1.0 / static_cast<double>(count), kept_->tensors().at(0).options().requires_grad(false));
  }
  if (const Tensor* constant = context.graph.constant(context.value))
    return share_with_torch(*constant).to(kept_->tensors().at(0).options().requires_grad(false));
  const size_t position = find(key, context);
  const at::Tensor& whole = kept_->tensors()[position];
  Touch& touch = touches_[position];
  if (whole.dim() != shape.rank())
    throw UserError("parameter '" + std::string(key) + "' has another rank than the shared one");
  if (same_extents(whole, shape)) {
    if (context.training) touch.whole = true;
    if (masks_.empty() && scales_.empty()) return whole;
    const std::string& name = kept_->infos()[position].name;
    const auto mask = masks_.find(name);
    return scaled(name, mask == masks_.end() ? whole : whole * mask->second);
  }
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis].extent() > whole.size(axis))
      throw UserError("parameter '" + std::string(key) + "' is larger than the shared one");
  }
  const bool transformed = form_.kernel_transforms && shape.rank() == 4 && shape[2].extent() < whole.size(2);
  Box box = box_of(whole, shape);
  for (int axis = 2; transformed && axis < 4; ++axis) {  // all of the next smaller kernel takes part
    box.start[static_cast<size_t>(axis)] = 1;
    box.extent[static_cast<size_t>(axis)] = whole.size(axis) - 2;
  }
  if (context.training && !touch.whole && std::ranges::find(touch.boxes, box) == touch.boxes.end())
    touch.boxes.push_back(box);
  if (!transformed) return narrowed(whole, box);
  const at::Tensor channels = whole.narrow(0, 0, shape[0].extent()).narrow(1, 0, shape[1].extent());
  return cropped_kernel(position, channels, shape, context.training);
}

at::Tensor SharedStore::scaled(const std::string& name, at::Tensor whole) const {
  const auto scales = scales_.find(name);
  if (scales == scales_.end()) return whole;
  for (const Scale& scale : scales->second) {
    const auto values = mixture_.find(scale.key);
    if (values == mixture_.end()) continue;  // a network that stands alone
    std::vector<int64_t> shape(static_cast<size_t>(whole.dim()), 1);
    shape[static_cast<size_t>(scale.axis)] = whole.size(scale.axis);
    whole = whole * at::reshape(values->second, shape);
  }
  return whole;
}

const at::Tensor& SharedStore::tensor(const std::string& name) const {
  const auto found = index_->by_name.find(name);
  NACRE_CHECK(found != index_->by_name.end(), "no shared parameter " + name);
  return kept_->tensors()[found->second];
}

void SharedStore::begin_step() { touches_.assign(touches_.size(), Touch()); }

std::vector<at::Tensor> SharedStore::gradients(const at::Tensor& loss) {
  const TrainableSet set = trainable();
  return torch::autograd::grad({loss}, set.tensors, {}, /*retain_graph=*/false, /*create_graph=*/false,
                               /*allow_unused=*/true);
}

void SharedStore::accumulate(std::vector<at::Tensor>& sum, const std::vector<at::Tensor>& more) const {
  const at::NoGradGuard no_grad;
  if (sum.empty()) sum.resize(more.size());
  for (size_t i = 0; i < more.size(); ++i) {
    if (!more[i].defined()) continue;
    sum[i] = sum[i].defined() ? sum[i] + more[i] : more[i];
  }
}

std::vector<at::Tensor> SharedStore::regions() const {
  std::vector<at::Tensor> regions;
  for (size_t i = 0; i < kept_->infos().size(); ++i) {
    if (!kept_->infos()[i].trainable) continue;
    at::Tensor region;
    if (!touches_[i].whole && !touches_[i].boxes.empty()) {
      region = at::zeros_like(kept_->tensors()[i], at::TensorOptions(at::kBool));
      for (const Box& box : touches_[i].boxes) narrowed(region, box).fill_(true);
    }
    regions.push_back(region);
  }
  return regions;
}

TrainableSet SharedStore::trainable() const {
  TrainableSet set = trainable_set(*kept_);
  // Nobody reads these parameters in the graph that holds them, so that what decays is told by their shape; a transform must stay
  // near the identity it begins as.
  for (size_t i = 0; i < set.tensors.size(); ++i)
    set.decays[i] = set.tensors[i].dim() >= 2 && set.names[i].find("/transform_") == std::string::npos;
  return set;
}

Weights SharedStore::weights() const { return kept_->weights(); }

void SharedStore::load(const Weights& weights) {
  const std::vector<std::string> missing = kept_->load(weights);
  if (!missing.empty()) throw UserError("the shared weights lack '" + missing[0] + "'");
}

std::vector<std::pair<std::string, Tensor>> SharedStore::network_weights(const Graph& network) {
  const at::NoGradGuard no_grad;
  std::vector<std::pair<std::string, Tensor>> result;
  for (const Initializer& initializer : network.initializers()) {
    const Value& value = network.value(initializer.value);
    if (!is_floating(value.type) || is_mixture(value.name)) continue;
    const at::Tensor tensor = view(value.name, *value.shape, {network, initializer.value, kNone, false});
    result.emplace_back(value.name, from_torch(tensor.detach().to(at::kCPU, torch_type(value.type), false, true)));
  }
  return result;
}

int64_t SharedStore::parameter_count() const {
  int64_t count = 0;
  for (const at::Tensor& tensor : trainable().tensors) count += tensor.numel();
  return count;
}

}  // namespace nacre
