#include "nacre/nn/batch_source.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nacre/nn/torch_types.hpp"

namespace nacre {
namespace {

constexpr int64_t kWholeSplitBytes = int64_t{1} << 30;

bool augments(const Recipe* recipe) {
  return recipe != nullptr && (recipe->crop_padding > 0 || recipe->horizontal_flip);
}

int64_t bytes_per_sample(const TaskSignature& signature) {
  int64_t bytes = 0;
  for (const TensorSpec& spec : signature.inputs) {
    int64_t elements = 1;
    for (const int64_t extent : spec.extents) elements *= extent;
    bytes += packed_bytes(spec.type, elements);
  }
  return bytes;
}

}  // namespace

const at::Tensor& TorchBatch::at(std::string_view name) const {
  const auto found = tensors.find(name);
  if (found != tensors.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [key, tensor] : tensors) names.push_back(key);
  throw UserError(unknown_name_message("tensor of the task", name, names));
}

BatchSource::BatchSource(const Task& task, Split split, const Recipe* augment, double resolution, at::Device device)
    : task_(task),
      split_(split),
      augment_(augments(augment) ? augment : nullptr),
      resolution_(resolution),
      device_(device),
      size_(task.size(split)) {
  if (augment_ != nullptr || size_ == 0 || size_ * bytes_per_sample(task.signature()) > kWholeSplitBytes) return;
  std::vector<int64_t> all(static_cast<size_t>(size_));
  std::iota(all.begin(), all.end(), 0);
  Random unused(0);
  whole_ = std::make_unique<TorchBatch>(convert(task_.load(split_, all, nullptr, unused)));
}

at::Tensor BatchSource::shrink(at::Tensor tensor, std::string_view name) const {
  if (resolution_ >= 1 || tensor.dim() != 4 || !at::isFloatingType(tensor.scalar_type())) return tensor;
  const bool is_input =
      std::ranges::any_of(task_.signature().inputs, [&](const TensorSpec& spec) { return spec.name == name; });
  if (!is_input) return tensor;
  const auto scaled = [&](int64_t extent) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(extent) * resolution_));
  };
  return at::adaptive_avg_pool2d(tensor, {scaled(tensor.size(2)), scaled(tensor.size(3))});
}

TorchBatch BatchSource::convert(const Batch& batch) const {
  const at::NoGradGuard no_grad;
  TorchBatch result;
  result.size = batch.size;
  for (const auto& [name, tensor] : batch.tensors) {
    result.tensors.emplace(name, shrink(share_with_torch(tensor).to(device_), name));
  }
  return result;
}

TorchBatch BatchSource::load(std::span<const int64_t> indices, Random& random) const {
  if (whole_ == nullptr) return convert(task_.load(split_, indices, augment_, random));
  const at::Tensor index = at::from_blob(const_cast<int64_t*>(indices.data()), {static_cast<int64_t>(indices.size())},
                                         at::TensorOptions(at::kLong))
                               .to(device_);
  TorchBatch result;
  result.size = static_cast<int64_t>(indices.size());
  for (const auto& [name, tensor] : whole_->tensors) result.tensors.emplace(name, at::index_select(tensor, 0, index));
  return result;
}

TorchBatch BatchSource::load_with_host(std::span<const int64_t> indices, Random& random, Batch& host) const {
  host = task_.load(split_, indices, augment_, random);
  if (whole_ != nullptr) return load(indices, random);
  return convert(host);
}

}  // namespace nacre
