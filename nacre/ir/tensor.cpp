#include "nacre/ir/tensor.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include "nacre/ir/small_float.hpp"

namespace nacre {
namespace {

constexpr int64_t kMaximumBytes = int64_t{1} << 40;

int64_t checked_elements(ElementType type, std::span<const int64_t> extents) {
  const std::optional<int64_t> elements = Shape::fixed(extents).elements();
  for (const int64_t extent : extents) {
    if (extent < 0) throw UserError("negative extent " + std::to_string(extent) + " in the shape of a tensor");
  }
  if (!elements.has_value() || *elements > kMaximumBytes / std::max(1, element_bits(type) / 8)) {
    throw UserError("a tensor of more than 2^40 bytes");
  }
  return *elements;
}

}  // namespace

Tensor::Tensor(ElementType type, std::span<const int64_t> extents)
    : type_(type), extents_(extents.begin(), extents.end()), elements_(checked_elements(type, extents)) {
  if (type == ElementType::string) {
    strings_ = std::make_shared<std::vector<std::string>>(static_cast<size_t>(elements_));
    return;
  }
  const size_t size = static_cast<size_t>(bytes());
  auto storage = std::shared_ptr<std::byte[]>(new (std::align_val_t{64}) std::byte[size + 64](),
                                              [](std::byte* p) { ::operator delete[](p, std::align_val_t{64}); });
  bytes_ = storage.get();
  owner_ = std::shared_ptr<const void>(storage, storage.get());
  writable_ = true;
}

Tensor::Tensor(ElementType type, std::span<const int64_t> extents, std::shared_ptr<const void> owner, const void* bytes)
    : type_(type),
      extents_(extents.begin(), extents.end()),
      elements_(checked_elements(type, extents)),
      owner_(std::move(owner)),
      bytes_(static_cast<const std::byte*>(bytes)) {}

Tensor Tensor::of_strings(std::span<const int64_t> extents, std::vector<std::string> values) {
  Tensor tensor(ElementType::string, extents);
  NACRE_CHECK(static_cast<size_t>(tensor.elements()) == values.size());
  tensor.strings_ = std::make_shared<const std::vector<std::string>>(std::move(values));
  return tensor;
}

const std::vector<std::string>& Tensor::strings() const {
  NACRE_CHECK(strings_ != nullptr);
  return *strings_;
}

std::byte* Tensor::mutable_data() {
  if (!writable_ || owner_.use_count() != 1) {
    Tensor copy(type_, extents_);
    std::memcpy(const_cast<std::byte*>(copy.bytes_), bytes_, static_cast<size_t>(bytes()));
    *this = std::move(copy);
  }
  return const_cast<std::byte*>(bytes_);
}

float half_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000U) << 16;
  uint32_t exponent = (bits >> 10) & 0x1fU;
  uint32_t mantissa = bits & 0x3ffU;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000U | (mantissa << 13));
  if (exponent == 0) {
    const float value = std::ldexp(static_cast<float>(mantissa), -24);
    return (sign != 0) ? -value : value;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

uint16_t float_to_half(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000U);
  if (std::isnan(value)) return static_cast<uint16_t>(sign | 0x7e00U);
  const float magnitude = std::fabs(value);
  if (magnitude >= 65520.0F) return static_cast<uint16_t>(sign | 0x7c00U);
  if (magnitude < 6.103515625e-05F) {  // subnormal: multiples of 2^-24, nearest even by nearbyint
    return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyint(std::ldexp(magnitude, 24))));
  }
  const uint32_t magnitude_bits = std::bit_cast<uint32_t>(magnitude);
  const uint32_t rounded = magnitude_bits + 0xfffU + ((magnitude_bits >> 13) & 1U);
  return static_cast<uint16_t>(sign | ((rounded >> 13) - (112U << 10)));
}

float bfloat16_to_float(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t float_to_bfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>((bits >> 16) | 0x40U);
  return static_cast<uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

double Tensor::number_at(int64_t index) const {
  const auto i = static_cast<size_t>(index);
  const auto read = [&]<class T>(T) { return static_cast<double>(reinterpret_cast<const T*>(bytes_)[i]); };
  const auto nibble = [&] {
    return static_cast<uint8_t>((static_cast<uint8_t>(bytes_[i / 2]) >> (4 * (i % 2))) & 0xf);
  };
  const auto byte = [&] { return static_cast<uint8_t>(bytes_[i]); };
  switch (type_) {
    case ElementType::float32: return read(float{});
    case ElementType::float64: return read(double{});
    case ElementType::float16: return half_to_float(reinterpret_cast<const uint16_t*>(bytes_)[i]);
    case ElementType::bfloat16: return bfloat16_to_float(reinterpret_cast<const uint16_t*>(bytes_)[i]);
    case ElementType::int8: return read(int8_t{});
    case ElementType::uint8: return read(uint8_t{});
    case ElementType::int16: return read(int16_t{});
    case ElementType::uint16: return read(uint16_t{});
    case ElementType::int32: return read(int32_t{});
    case ElementType::uint32: return read(uint32_t{});
    case ElementType::int64: return read(int64_t{});
    case ElementType::uint64: return read(uint64_t{});
    case ElementType::boolean: return byte() != 0 ? 1 : 0;
    case ElementType::uint4: return nibble();
    case ElementType::int4: return nibble() < 8 ? nibble() : nibble() - 16;
    case ElementType::float4_e2m1: return small_float_to_float(type_, nibble());
    case ElementType::float8_e4m3fn:
    case ElementType::float8_e4m3fnuz:
    case ElementType::float8_e5m2:
    case ElementType::float8_e5m2fnuz: return small_float_to_float(type_, byte());
    case ElementType::string:
    case ElementType::undefined: break;
  }
  throw InternalError("a tensor of type " + std::string(element_type_name(type_)) + " has no numbers");
}

void Tensor::set_number_at(int64_t index, double value) {
  std::byte* bytes = mutable_data();
  const auto i = static_cast<size_t>(index);
  const auto write = [&]<class T>(T) { reinterpret_cast<T*>(bytes)[i] = static_cast<T>(value); };
  const auto write_integer = [&]<class T>(T) {
    const double low = static_cast<double>(std::numeric_limits<T>::min());
    const double high = static_cast<double>(std::numeric_limits<T>::max());
    const double rounded = std::nearbyint(value);
    reinterpret_cast<T*>(bytes)[i] = std::isnan(rounded) ? T{0}
                                     : rounded <= low    ? std::numeric_limits<T>::min()
                                     : rounded >= high   ? std::numeric_limits<T>::max()
                                                         : static_cast<T>(rounded);
  };
  switch (type_) {
    case ElementType::float32: return write(float{});
    case ElementType::float64: return write(double{});
    case ElementType::float16: reinterpret_cast<uint16_t*>(bytes)[i] = float_to_half(static_cast<float>(value)); return;
    case ElementType::bfloat16:
      reinterpret_cast<uint16_t*>(bytes)[i] = float_to_bfloat16(static_cast<float>(value));
      return;
    case ElementType::int8: return write_integer(int8_t{});
    case ElementType::uint8: return write_integer(uint8_t{});
    case ElementType::int16: return write_integer(int16_t{});
    case ElementType::uint16: return write_integer(uint16_t{});
    case ElementType::int32: return write_integer(int32_t{});
    case ElementType::uint32: return write_integer(uint32_t{});
    case ElementType::int64: return write_integer(int64_t{});
    case ElementType::uint64: return write_integer(uint64_t{});
    case ElementType::boolean: bytes[i] = std::byte{value != 0}; return;
    case ElementType::int4:
    case ElementType::uint4:
    case ElementType::float4_e2m1: {
      const double low = type_ == ElementType::int4 ? -8 : 0;
      const double high = type_ == ElementType::int4 ? 7 : 15;
      const int code = type_ == ElementType::float4_e2m1
                           ? float_to_small_float(type_, static_cast<float>(value))
                           : static_cast<int>(std::clamp(std::nearbyint(value), low, high)) & 0xf;
      const int shift = static_cast<int>(4 * (i % 2));
      bytes[i / 2] = (bytes[i / 2] & std::byte(0xf0 >> shift)) | std::byte(code << shift);
      return;
    }
    case ElementType::float8_e4m3fn:
    case ElementType::float8_e4m3fnuz:
    case ElementType::float8_e5m2:
    case ElementType::float8_e5m2fnuz:
      bytes[i] = std::byte{float_to_small_float(type_, static_cast<float>(value))};
      return;
    default: throw InternalError("a tensor of type " + std::string(element_type_name(type_)) + " has no numbers");
  }
}

std::vector<double> Tensor::numbers() const {
  std::vector<double> result(static_cast<size_t>(elements_));
  for (int64_t i = 0; i < elements_; ++i) result[static_cast<size_t>(i)] = number_at(i);
  return result;
}

std::vector<int64_t> Tensor::integers() const {
  if (type_ == ElementType::int64) {
    const auto all = values<int64_t>();
    return {all.begin(), all.end()};
  }
  std::vector<int64_t> result(static_cast<size_t>(elements_));
  for (int64_t i = 0; i < elements_; ++i) result[static_cast<size_t>(i)] = static_cast<int64_t>(number_at(i));
  return result;
}

Tensor Tensor::cast(ElementType type) const {
  if (type == type_) return *this;
  Tensor result(type, extents_);
  for (int64_t i = 0; i < elements_; ++i) result.set_number_at(i, number_at(i));
  return result;
}

Tensor Tensor::reshaped(std::span<const int64_t> extents) const {
  Tensor result = *this;
  result.extents_.assign(extents.begin(), extents.end());
  NACRE_CHECK(checked_elements(type_, extents) == elements_);
  return result;
}

Hash128 Tensor::hash() const {
  Hash128 result = hash_bytes(extents_.data(), extents_.size() * sizeof(int64_t), static_cast<uint64_t>(type_));
  if (strings_ != nullptr) {
    for (const std::string& text : *strings_) result = hash_combine(result, hash_text(text));
    return result;
  }
  return hash_combine(result, hash_bytes(bytes_, static_cast<size_t>(bytes())));
}

bool Tensor::operator==(const Tensor& other) const {
  if (type_ != other.type_ || extents_ != other.extents_) return false;
  if (strings_ != nullptr) return *strings_ == *other.strings_;
  return std::memcmp(bytes_, other.bytes_, static_cast<size_t>(bytes())) == 0;
}

}  // namespace nacre
