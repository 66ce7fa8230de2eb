// A tensor as plain data: element type, fixed shape, contiguous row-major bytes. Shared and immutable once built, so that
// graphs are copied without copying weights; the bytes may lie in memory or in a mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nacre/base/hash.hpp"
#include "nacre/ir/element_type.hpp"
#include "nacre/ir/shape.hpp"

namespace nacre {

class Tensor {
 public:
  Tensor() = default;
  // Zeros. Throws UserError when the size passes 2^40 bytes.
  Tensor(ElementType type, std::span<const int64_t> extents);
  Tensor(ElementType type, std::initializer_list<int64_t> extents)
      : Tensor(type, std::span<const int64_t>(extents.begin(), extents.size())) {}
  // Bytes owned by somebody else (a mapping, a libtorch tensor), kept alive by `owner`.
  Tensor(ElementType type, std::span<const int64_t> extents, std::shared_ptr<const void> owner, const void* bytes);

  template <class T>
  static Tensor of(std::span<const int64_t> extents, std::span<const T> values);
  template <class T>
  static Tensor of(std::initializer_list<int64_t> extents, std::initializer_list<T> values) {
    return of<T>(std::span<const int64_t>(extents.begin(), extents.size()),
                 std::span<const T>(values.begin(), values.size()));
  }
  template <class T>
  static Tensor scalar(T value) {
    return of<T>(std::span<const int64_t>{}, std::span<const T>(&value, 1));
  }
  static Tensor of_strings(std::span<const int64_t> extents, std::vector<std::string> values);

  ElementType type() const { return type_; }
  const std::vector<int64_t>& extents() const { return extents_; }
  int rank() const { return static_cast<int>(extents_.size()); }
  int64_t elements() const { return elements_; }
  int64_t bytes() const { return packed_bytes(type_, elements_); }
  Shape shape() const { return Shape::fixed(extents_); }
  bool empty() const { return elements_ == 0; }

  const std::byte* data() const { return bytes_; }
  // Writing: copies first when the bytes are shared or not ours.
  std::byte* mutable_data();
  template <class T>
  std::span<const T> values() const;  // InternalError when T is not the element type
  template <class T>
  std::span<T> mutable_values();
  const std::vector<std::string>& strings() const;  // of type string

  // Element `index` (row-major) as a number, whatever the type; for code off the hot path.
  double number_at(int64_t index) const;
  void set_number_at(int64_t index, double value);
  // All elements as doubles / as int64 (shapes, axes, indices).
  std::vector<double> numbers() const;
  std::vector<int64_t> integers() const;
  // A copy with another element type (rounding to nearest even, saturating for integers) or other extents of equal count.
  Tensor cast(ElementType type) const;
  Tensor reshaped(std::span<const int64_t> extents) const;

  Hash128 hash() const;                        // of type, extents and bytes
  bool operator==(const Tensor& other) const;  // bit for bit

 private:
  ElementType type_ = ElementType::undefined;
  std::vector<int64_t> extents_;
  int64_t elements_ = 0;
  std::shared_ptr<const void> owner_;
  const std::byte* bytes_ = nullptr;
  bool writable_ = false;  // bytes_ were allocated here
  std::shared_ptr<const std::vector<std::string>> strings_;
};

// IEEE half and bfloat16 as bit patterns.
float half_to_float(uint16_t bits);
uint16_t float_to_half(float value);
float bfloat16_to_float(uint16_t bits);
uint16_t float_to_bfloat16(float value);

template <class T>
constexpr ElementType element_type_of();
template <>
constexpr ElementType element_type_of<float>() {
  return ElementType::float32;
}
template <>
constexpr ElementType element_type_of<double>() {
  return ElementType::float64;
}
template <>
constexpr ElementType element_type_of<int8_t>() {
  return ElementType::int8;
}
template <>
constexpr ElementType element_type_of<uint8_t>() {
  return ElementType::uint8;
}
template <>
constexpr ElementType element_type_of<int16_t>() {
  return ElementType::int16;
}
template <>
constexpr ElementType element_type_of<uint16_t>() {
  return ElementType::uint16;
}
template <>
constexpr ElementType element_type_of<int32_t>() {
  return ElementType::int32;
}
template <>
constexpr ElementType element_type_of<uint32_t>() {
  return ElementType::uint32;
}
template <>
constexpr ElementType element_type_of<int64_t>() {
  return ElementType::int64;
}
template <>
constexpr ElementType element_type_of<uint64_t>() {
  return ElementType::uint64;
}
template <>
constexpr ElementType element_type_of<bool>() {
  return ElementType::boolean;
}

template <class T>
std::span<const T> Tensor::values() const {
  NACRE_CHECK(type_ == element_type_of<T>() ||
              (sizeof(T) == 2 && (type_ == ElementType::float16 || type_ == ElementType::bfloat16)) ||
              (sizeof(T) == 1 && element_bits(type_) <= 8));
  return {reinterpret_cast<const T*>(bytes_), static_cast<size_t>(bytes()) / sizeof(T)};
}

template <class T>
std::span<T> Tensor::mutable_values() {
  const size_t count = values<T>().size();
  return {reinterpret_cast<T*>(mutable_data()), count};
}

template <class T>
Tensor Tensor::of(std::span<const int64_t> extents, std::span<const T> values) {
  Tensor tensor(element_type_of<T>(), extents);
  NACRE_CHECK(static_cast<size_t>(tensor.elements()) == values.size());
  std::copy(values.begin(), values.end(), reinterpret_cast<T*>(tensor.mutable_data()));
  return tensor;
}

}  // namespace nacre
