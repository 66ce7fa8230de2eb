#include "nacre/data/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>

#include "nacre/base/error.hpp"
#include "nacre/base/json.hpp"

namespace nacre {
namespace {

constexpr int64_t kMaximumClasses = 1'000'000;

std::string extents_text(std::span<const int64_t> extents) {
  std::string text = "[";
  for (size_t i = 0; i < extents.size(); ++i) text += (i > 0 ? "," : "") + std::to_string(extents[i]);
  return text + "]";
}

template <class T>
Tensor channels_to_front(const Tensor& samples) {
  const std::vector<int64_t>& e = samples.extents();
  const int64_t n = e[0];
  const int64_t pixels = e[1] * e[2];
  const int64_t channels = e[3];
  const std::vector<int64_t> extents = {n, channels, e[1], e[2]};
  UnsetTensor result = make_unset_tensor(samples.type(), extents);
  const T* from = samples.values<T>().data();
  T* to = reinterpret_cast<T*>(result.bytes);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t p = 0; p < pixels; ++p) *to++ = from[(i * pixels + p) * channels + c];
    }
  }
  return std::move(result.tensor);
}

int64_t argmax_of_one_hot(const Tensor& labels, int64_t row, const std::string& source) {
  const int64_t classes = labels.extents()[1];
  int64_t found = -1;
  for (int64_t k = 0; k < classes; ++k) {
    const double value = labels.number_at(row * classes + k);
    if (value == 1 && found < 0) {
      found = k;
    } else if (value != 0) {
      found = -2;
    }
  }
  if (found < 0)
    throw UserError(source + ": sample " + std::to_string(row) + " is not one-hot: expected one 1, else 0");
  return found;
}

int64_t largest_class(const Dataset& dataset) {
  if (dataset.labels.type() == ElementType::uint8) {
    const auto pixels = dataset.labels.values<uint8_t>();
    return pixels.empty() ? -1 : *std::ranges::max_element(pixels);
  }
  const auto labels = dataset.labels.values<int64_t>();
  return labels.empty() ? -1 : *std::ranges::max_element(labels);
}

bool holds_classes(const Dataset& dataset) {
  return dataset.labels.type() == ElementType::int64 || dataset.holds_masks();
}

}  // namespace

std::vector<int64_t> Dataset::sample_extents() const {
  NACRE_CHECK(features.rank() >= 1);
  return {features.extents().begin() + 1, features.extents().end()};
}

Hash128 Dataset::content_hash() const {
  Hash128 hash = hash_combine(features.hash(), labels.hash());
  for (const std::string& name : class_names) hash = hash_combine(hash, hash_text(name));
  return hash;
}

UnsetTensor make_unset_tensor(ElementType type, std::span<const int64_t> extents) {
  const std::optional<int64_t> elements = Shape::fixed(extents).elements();
  if (!elements || *elements > kDatasetLimitBytes / std::max(1, element_bits(type) / 8)) {
    throw UserError("a data set of shape " + extents_text(extents) + " is larger than " +
                    std::to_string(kDatasetLimitBytes >> 30) + " GiB; use fewer samples or a smaller image size");
  }
  constexpr auto kAlignment = std::align_val_t{64};
  auto* raw =
      static_cast<std::byte*>(::operator new[](static_cast<size_t>(packed_bytes(type, *elements)) + 64, kAlignment));
  std::shared_ptr<const void> owner(raw, [](const void* p) { ::operator delete[](const_cast<void*>(p), kAlignment); });
  return {Tensor(type, extents, std::move(owner), raw), raw};
}

Tensor arrange_features(Tensor samples, std::optional<bool> channels_last, const std::string& source) {
  if (samples.rank() < 1) throw UserError(source + ": expected an array of samples, found a single number");
  if (samples.rank() > 5)
    throw UserError(source + ": expected at most 5 dimensions, found " + std::to_string(samples.rank()));
  if (samples.type() != ElementType::uint8 && samples.type() != ElementType::float32) {
    samples = samples.cast(ElementType::float32);
  }
  std::vector<int64_t> extents = samples.extents();
  if (samples.rank() == 1) return samples.reshaped(std::vector<int64_t>{extents[0], 1});
  if (samples.rank() == 3) {
    extents.insert(extents.begin() + 1, 1);
    return samples.reshaped(extents);
  }
  if (samples.rank() != 4) return samples;
  const auto is_channels = [](int64_t extent) { return extent == 1 || extent == 3 || extent == 4; };
  const bool last = channels_last.value_or(is_channels(extents[3]) && !is_channels(extents[1]));
  if (!last) return samples;
  return samples.type() == ElementType::uint8 ? channels_to_front<uint8_t>(samples) : channels_to_front<float>(samples);
}

Tensor class_labels(const Tensor& labels, const std::string& source) {
  const bool one_hot = labels.rank() == 2 && labels.extents()[1] > 1;
  if (labels.rank() < 1 || labels.rank() > 2) {
    throw UserError(source + ": expected labels of shape [N] or one-hot [N,K], found " +
                    extents_text(labels.extents()));
  }
  const int64_t n = labels.extents()[0];
  Tensor result(ElementType::int64, {n});
  const auto out = result.mutable_values<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    if (one_hot) {
      out[static_cast<size_t>(i)] = argmax_of_one_hot(labels, i, source);
      continue;
    }
    const double value = labels.number_at(i);
    if (!(value >= 0 && value < static_cast<double>(kMaximumClasses)) || value != std::floor(value)) {
      throw UserError(source + ": label of sample " + std::to_string(i) + " is " + Json(value).dump() +
                      ", expected a class index from 0 to " + std::to_string(kMaximumClasses - 1));
    }
    out[static_cast<size_t>(i)] = static_cast<int64_t>(value);
  }
  return result;
}

Tensor number_labels(const Tensor& labels, const std::string& source) {
  if (labels.rank() < 1 || labels.rank() > 2) {
    throw UserError(source + ": expected numbers of shape [N] or [N,K], found " + extents_text(labels.extents()));
  }
  Tensor result = labels.cast(ElementType::float32);
  for (const float value : result.values<float>()) {
    if (!std::isfinite(value)) throw UserError(source + ": a label is not a finite number");
  }
  if (labels.rank() == 2) return result;
  return result.reshaped(std::vector<int64_t>{labels.extents()[0], 1});
}

Tensor mask_labels(const Tensor& labels, const std::string& source) {
  std::vector<int64_t> extents = labels.extents();
  if (extents.size() == 4 && extents[1] == 1) extents.erase(extents.begin() + 1);
  if (extents.size() != 3) {
    throw UserError(source + ": expected masks of shape [N,height,width], found " + extents_text(labels.extents()));
  }
  if (labels.type() == ElementType::uint8) return labels.reshaped(extents);
  Tensor result(ElementType::uint8, extents);
  const auto out = result.mutable_values<uint8_t>();
  for (int64_t i = 0; i < labels.elements(); ++i) {
    const double value = labels.number_at(i);
    if (!(value >= 0 && value <= 255) || value != std::floor(value)) {
      throw UserError(source + ": a pixel of mask " + std::to_string(i / (extents[1] * extents[2])) + " is " +
                      Json(value).dump() + ", expected a class index from 0 to 255");
    }
    out[static_cast<size_t>(i)] = static_cast<uint8_t>(value);
  }
  return result;
}

Tensor labels_of_kind(LabelKind kind, const Tensor& labels, const std::string& source) {
  switch (kind) {
    case LabelKind::classes: return class_labels(labels, source);
    case LabelKind::numbers: return number_labels(labels, source);
    case LabelKind::masks: return mask_labels(labels, source);
  }
  throw InternalError("labels of no kind");
}

void check_dataset(const Dataset& dataset) {
  if (dataset.size() == 0) throw UserError(dataset.source + ": no samples");
  if (dataset.features.elements() == 0) throw UserError(dataset.source + ": samples without features");
  const int64_t labels = dataset.labels.rank() == 0 ? 0 : dataset.labels.extents()[0];
  if (labels != dataset.size()) {
    throw UserError(dataset.source + ": " + std::to_string(dataset.size()) + " samples but " + std::to_string(labels) +
                    " labels");
  }
  if (!holds_classes(dataset)) return;
  if (dataset.holds_masks()) {
    const std::vector<int64_t> image = dataset.sample_extents();
    const std::vector<int64_t>& mask = dataset.labels.extents();
    if (!dataset.holds_images() || image[1] != mask[1] || image[2] != mask[2]) {
      throw UserError(dataset.source + ": masks have shape " + extents_text(mask) + ", images " +
                      extents_text(dataset.features.extents()) + "; height and width have to agree");
    }
  }
  const int64_t largest = largest_class(dataset);
  if (largest >= dataset.class_count()) {
    throw UserError(dataset.source + ": class " + std::to_string(largest) + " occurs, but only " +
                    std::to_string(dataset.class_count()) + " classes are named");
  }
}

void check_loaded(const LoadedData& data) {
  check_dataset(data.pool);
  if (!data.test) return;
  check_dataset(*data.test);
  if (data.test->sample_extents() != data.pool.sample_extents()) {
    throw UserError(data.test->source + ": test samples have shape " + extents_text(data.test->sample_extents()) +
                    ", training samples " + extents_text(data.pool.sample_extents()));
  }
  if (data.test->labels.rank() == 2 && data.pool.labels.rank() == 2 &&
      data.test->labels.extents()[1] != data.pool.labels.extents()[1]) {
    throw UserError(data.test->source + ": test and training labels differ in their number of columns");
  }
}

void name_classes(LoadedData& data, std::vector<std::string> names) {
  if (!holds_classes(data.pool)) return;
  const int64_t present = 1 + std::max(largest_class(data.pool), data.test ? largest_class(*data.test) : int64_t{-1});
  if (names.empty()) {
    for (int64_t k = 0; k < present; ++k) names.push_back(std::to_string(k));
  }
  data.pool.class_names = names;
  if (data.test) data.test->class_names = std::move(names);
}

}  // namespace nacre
