#include "nacre/data/cifar.hpp"

#include <algorithm>
#include <cstring>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"

namespace nacre {
namespace {

constexpr size_t kPixels = 3 * 32 * 32;

int class_count(CifarVariant variant) {
  switch (variant) {
    case CifarVariant::cifar10: return 10;
    case CifarVariant::cifar100_fine: return 100;
    case CifarVariant::cifar100_coarse: return 20;
  }
  return 0;
}

}  // namespace

Dataset read_cifar(std::span<const std::filesystem::path> files, CifarVariant variant) {
  const size_t label_bytes = variant == CifarVariant::cifar10 ? 1 : 2;
  const size_t label_offset = variant == CifarVariant::cifar100_fine ? 1 : 0;  // coarse stands before fine
  const size_t record = label_bytes + kPixels;
  std::vector<std::string> contents;
  int64_t total = 0;
  Dataset dataset;
  for (const std::filesystem::path& file : files) {
    contents.push_back(read_possibly_gzipped_file(file));
    const size_t size = contents.back().size();
    if (size == 0 || size % record != 0) {
      throw UserError("'" + file.string() + "': expected records of " + std::to_string(record) + " bytes, found " +
                      std::to_string(size) + " bytes, which is not a multiple");
    }
    total += static_cast<int64_t>(size / record);
    dataset.source += (dataset.source.empty() ? "" : ", ") + file.string();
  }
  UnsetTensor features = make_unset_tensor(ElementType::uint8, std::vector<int64_t>{total, 3, 32, 32});
  dataset.labels = Tensor(ElementType::int64, {total});
  const auto labels = dataset.labels.mutable_values<int64_t>();
  size_t sample = 0;
  for (size_t f = 0; f < contents.size(); ++f) {
    for (size_t at = 0; at < contents[f].size(); at += record, ++sample) {
      const int label = static_cast<unsigned char>(contents[f][at + label_offset]);
      if (label >= class_count(variant)) {
        throw UserError("'" + files[f].string() + "': record " + std::to_string(at / record) + " has label " +
                        std::to_string(label) + ", expected less than " + std::to_string(class_count(variant)));
      }
      labels[sample] = label;
      std::memcpy(features.bytes + sample * kPixels, contents[f].data() + at + label_bytes, kPixels);
    }
  }
  dataset.features = std::move(features.tensor);
  for (int k = 0; k < class_count(variant); ++k) dataset.class_names.push_back(std::to_string(k));
  return dataset;
}

}  // namespace nacre
