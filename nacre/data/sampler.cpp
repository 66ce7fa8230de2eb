#include "nacre/data/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

struct Affine {
  float scale = 1;
  float shift = 0;
  float fill = 0;
};

// Written so that compilers vectorize it: no branch for bytes, one blend for floats.
template <bool kMissing, class T>
void convert(const T* from, int64_t count, const Affine& affine, float* to) {
  for (int64_t i = 0; i < count; ++i) {
    const auto value = static_cast<float>(from[i]);
    const float result = value * affine.scale + affine.shift;
    to[i] = kMissing && value != value ? affine.fill : result;
  }
}

template <class T>
void convert_reversed(const T* from, int64_t count, const Affine& affine, float* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[count - 1 - i]) * affine.scale + affine.shift;
}

// One channel of one image under a draw. The crop window may reach over the border: those pixels are raw zeros.
template <class T>
void convert_plane(const T* from, int64_t height, int64_t width, const AugmentationDraw& draw, const Affine& affine,
                   float* to) {
  // Columns [first, last) of the window hold pixels of the image, the others padding.
  const int64_t first = std::clamp<int64_t>(-draw.dx, 0, width);
  const int64_t last = std::clamp<int64_t>(width - draw.dx, 0, width);
  for (int64_t y = 0; y < height; ++y, to += width) {
    const int64_t source_y = y + draw.dy;
    if (source_y < 0 || source_y >= height || first >= last) {
      std::fill_n(to, width, affine.shift);
      continue;
    }
    const T* row = from + source_y * width + first + draw.dx;
    const int64_t left = draw.flip ? width - last : first;
    std::fill_n(to, left, affine.shift);
    if (draw.flip) {
      convert_reversed(row, last - first, affine, to + left);
    } else {
      convert<false>(row, last - first, affine, to + left);
    }
    std::fill_n(to + left + (last - first), width - left - (last - first), affine.shift);
  }
}

template <class T>
void gather(const Dataset& dataset, std::span<const int64_t> indices, const Normalization& normalization,
            const Augmentation& augmentation, Random& random, float* to) {
  const std::vector<int64_t> extents = dataset.sample_extents();
  const int64_t channels = extents.empty() ? 1 : extents[0];
  const int64_t sample_elements = dataset.features.elements() / dataset.size();
  const int64_t plane = sample_elements / channels;
  const bool augment = augmentation.active() && dataset.holds_images();
  const T* values = dataset.features.values<T>().data();
  NACRE_CHECK(static_cast<int64_t>(normalization.scale.size()) == channels);
  for (const int64_t index : indices) {
    const T* from = values + index * sample_elements;
    const AugmentationDraw draw = augment ? draw_augmentation(augmentation, random) : AugmentationDraw{};
    if (plane == 1 && !dataset.has_missing) {  // a table: one channel per column
      for (int64_t c = 0; c < channels; ++c) {
        to[c] = static_cast<float>(from[c]) * normalization.scale[static_cast<size_t>(c)] +
                normalization.shift[static_cast<size_t>(c)];
      }
      to += channels;
      continue;
    }
    for (int64_t c = 0; c < channels; ++c, from += plane, to += plane) {
      const auto k = static_cast<size_t>(c);
      const Affine affine = {normalization.scale[k], normalization.shift[k], normalization.fill[k]};
      if (augment) {
        convert_plane(from, extents[1], extents[2], draw, affine, to);
      } else if (dataset.has_missing) {
        convert<true>(from, plane, affine, to);
      } else {
        convert<false>(from, plane, affine, to);
      }
    }
  }
}

}  // namespace

AugmentationDraw draw_augmentation(const Augmentation& augmentation, Random& random) {
  AugmentationDraw draw;
  if (augmentation.crop_padding > 0) {
    draw.dy = random.integer(-augmentation.crop_padding, augmentation.crop_padding);
    draw.dx = random.integer(-augmentation.crop_padding, augmentation.crop_padding);
  }
  if (augmentation.horizontal_flip) draw.flip = random.bernoulli(0.5);
  return draw;
}

Tensor gather_features(const Dataset& dataset, std::span<const int64_t> indices, const Normalization& normalization,
                       const Augmentation& augmentation, Random& random) {
  std::vector<int64_t> extents = dataset.features.extents();
  for (const int64_t index : indices) NACRE_CHECK(index >= 0 && index < dataset.size());
  extents[0] = static_cast<int64_t>(indices.size());
  UnsetTensor batch = make_unset_tensor(ElementType::float32, extents);
  auto* to = reinterpret_cast<float*>(batch.bytes);
  if (dataset.features.type() == ElementType::uint8) {
    gather<uint8_t>(dataset, indices, normalization, augmentation, random, to);
  } else {
    gather<float>(dataset, indices, normalization, augmentation, random, to);
  }
  return std::move(batch.tensor);
}

Tensor gather_masks(const Dataset& dataset, std::span<const int64_t> indices, const Augmentation& augmentation,
                    Random random) {
  NACRE_CHECK(dataset.holds_masks());
  std::vector<int64_t> extents = dataset.labels.extents();
  const int64_t height = extents[1], width = extents[2];
  extents[0] = static_cast<int64_t>(indices.size());
  UnsetTensor batch = make_unset_tensor(ElementType::int64, extents);
  auto* to = reinterpret_cast<int64_t*>(batch.bytes);
  const uint8_t* values = dataset.labels.values<uint8_t>().data();
  for (const int64_t index : indices) {
    NACRE_CHECK(index >= 0 && index < dataset.size());
    const uint8_t* from = values + index * height * width;
    const AugmentationDraw draw = augmentation.active() ? draw_augmentation(augmentation, random) : AugmentationDraw{};
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const int64_t source_y = y + draw.dy;
        const int64_t source_x = (draw.flip ? width - 1 - x : x) + draw.dx;
        const bool inside = source_y >= 0 && source_y < height && source_x >= 0 && source_x < width;
        *to++ = inside ? from[source_y * width + source_x] : kIgnoredPixel;
      }
    }
  }
  return std::move(batch.tensor);
}

Tensor gather_labels(const Dataset& dataset, std::span<const int64_t> indices) {
  std::vector<int64_t> extents = dataset.labels.extents();
  const int64_t row_bytes = dataset.labels.bytes() / extents[0];
  extents[0] = static_cast<int64_t>(indices.size());
  UnsetTensor rows = make_unset_tensor(dataset.labels.type(), extents);
  std::byte* to = rows.bytes;
  for (const int64_t index : indices) {
    NACRE_CHECK(index >= 0 && index < dataset.size());
    std::memcpy(to, dataset.labels.data() + index * row_bytes, static_cast<size_t>(row_bytes));
    to += row_bytes;
  }
  return std::move(rows.tensor);
}

}  // namespace nacre
