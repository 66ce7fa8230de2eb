// A data set in memory: features, labels, names. Every reader gives one of these; splits, normalization and augmentation
// work on it and know nothing of files.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nacre/base/hash.hpp"
#include "nacre/ir/tensor.hpp"

namespace nacre {

// What the labels are: classes (int64 indices), numbers to be predicted (float32), or a class for every pixel (uint8).
enum class LabelKind { classes, numbers, masks };

struct Dataset {
  std::string source;  // where it came from, for messages and reports
  Tensor features;     // [N, ...], uint8 or float32; images are [N, channels, height, width]
  Tensor labels;  // int64 [N] class indices, float32 [N, outputs], or uint8 [N, height, width] class indices of pixels
  std::vector<std::string> class_names;    // by index; empty for numbers
  std::vector<std::string> feature_names;  // of the columns of a table; else empty
  bool has_missing = false;                // features may hold NaN where a value was missing

  int64_t size() const { return features.rank() == 0 ? 0 : features.extents()[0]; }
  int64_t class_count() const { return static_cast<int64_t>(class_names.size()); }
  // Extents of one sample, without N.
  std::vector<int64_t> sample_extents() const;
  bool holds_images() const { return features.rank() == 4; }
  bool holds_masks() const { return labels.rank() == 3 && labels.type() == ElementType::uint8; }
  // Of types, extents, bytes and class names: the provenance of every result won from it.
  Hash128 content_hash() const;
};

// A reader's answer: the samples to be split, and the test set when the source has one of its own.
struct LoadedData {
  Dataset pool;
  std::optional<Dataset> test;
};

// The largest data set held in memory; a larger one is refused before anything is allocated.
inline constexpr int64_t kDatasetLimitBytes = int64_t{32} << 30;

// A tensor whose bytes are not set yet; `bytes` points into it. For readers that fill all of it.
struct UnsetTensor {
  Tensor tensor;
  std::byte* bytes = nullptr;
};
UnsetTensor make_unset_tensor(ElementType type, std::span<const int64_t> extents);

// Brings a tensor of samples into the form of Dataset::features. [N, H, W] becomes [N, 1, H, W]; [N, H, W, 1 or 3]
// becomes [N, C, H, W]; uint8 is kept, other numbers become float32. `channels_last` says whether four extents end with
// channels; nothing: they do when the last is 1, 3 or 4 and the second is not.
Tensor arrange_features(Tensor samples, std::optional<bool> channels_last, const std::string& source);

// Class indices from whole numbers; UserError for negative ones or more than a million classes. One-hot rows [N, K] are
// accepted too.
Tensor class_labels(const Tensor& labels, const std::string& source);
Tensor number_labels(const Tensor& labels, const std::string& source);
// uint8 [N, height, width] from whole numbers of that shape or [N, 1, height, width]; UserError for others than 0 to 255.
Tensor mask_labels(const Tensor& labels, const std::string& source);
// By the kind.
Tensor labels_of_kind(LabelKind kind, const Tensor& labels, const std::string& source);

// UserError unless N agrees, labels fit the class names, and the pool and the test set are of one kind.
void check_dataset(const Dataset& dataset);
void check_loaded(const LoadedData& data);

// Sets names "0", "1", ... for the classes that occur in the pool and the test set, where a source has none.
void name_classes(LoadedData& data, std::vector<std::string> names = {});

}  // namespace nacre
