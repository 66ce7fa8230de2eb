#include "nacre/ir/operators/elements.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace nacre::operators {
namespace {

// Calls `function` with a value of the C++ type behind an integer element type; false when there is none (packed types).
template <class Function>
bool with_integer_type(ElementType type, Function&& function) {
  switch (type) {
    case ElementType::int8: function(int8_t{}); return true;
    case ElementType::uint8: function(uint8_t{}); return true;
    case ElementType::int16: function(int16_t{}); return true;
    case ElementType::uint16: function(uint16_t{}); return true;
    case ElementType::int32: function(int32_t{}); return true;
    case ElementType::uint32: function(uint32_t{}); return true;
    case ElementType::int64: function(int64_t{}); return true;
    case ElementType::uint64: function(uint64_t{}); return true;
    default: return false;
  }
}

void require_numbers(const Tensor& tensor) {
  if (tensor.type() == ElementType::string) throw UserError("strings where numbers are expected");
}

void require_writable(ElementType type) {
  switch (type) {
    case ElementType::string:
    case ElementType::undefined:
      throw UserError("the reference executor does not compute in " + std::string(element_type_name(type)));
    default: return;
  }
}

}  // namespace

const Tensor& input_at(Inputs inputs, size_t index) {
  NACRE_CHECK(index < inputs.size() && inputs[index] != nullptr);
  return *inputs[index];
}

int64_t count_of(std::span<const int64_t> extents) {
  const std::optional<int64_t> elements = Shape::fixed(extents).elements();
  if (!elements.has_value()) throw UserError("a result of more than 2^62 elements");
  return *elements;
}

int64_t single_integer(const Tensor& tensor) {
  if (tensor.elements() != 1)
    throw UserError("a tensor of " + std::to_string(tensor.elements()) + " elements, expected 1");
  return tensor.integers()[0];
}

// --- numbers ------------------------------------------------------------------------------------------------------

template <>
std::vector<double> load<double>(const Tensor& tensor) {
  require_numbers(tensor);
  if (tensor.type() == ElementType::float32) {
    const std::span<const float> values = tensor.values<float>();
    return {values.begin(), values.end()};
  }
  return tensor.numbers();
}

template <>
std::vector<Wide> load<Wide>(const Tensor& tensor) {
  require_numbers(tensor);
  std::vector<Wide> result(static_cast<size_t>(tensor.elements()));
  const bool whole =
      with_integer_type(tensor.type(), [&]<class I>(I) { std::ranges::copy(tensor.values<I>(), result.begin()); });
  if (whole) return result;
  for (size_t i = 0; i < result.size(); ++i) {
    // Floating-point numbers are cut toward zero and held within 64 bits.
    const double number = tensor.number_at(static_cast<int64_t>(i));
    constexpr double kLimit = 1.8446744073709552e19;
    result[i] = std::isnan(number) ? Wide{0} : static_cast<Wide>(std::trunc(std::clamp(number, -kLimit, kLimit)));
  }
  return result;
}

template <>
Tensor store<double>(ElementType type, std::span<const int64_t> extents, std::span<const double> numbers) {
  require_writable(type);
  Tensor result(type, extents);
  NACRE_CHECK(static_cast<size_t>(result.elements()) == numbers.size());
  if (type == ElementType::float32) {
    std::ranges::transform(numbers, result.mutable_values<float>().begin(),
                           [](double number) { return static_cast<float>(number); });
    return result;
  }
  for (size_t i = 0; i < numbers.size(); ++i) result.set_number_at(static_cast<int64_t>(i), numbers[i]);
  return result;
}

template <>
Tensor store<Wide>(ElementType type, std::span<const int64_t> extents, std::span<const Wide> numbers) {
  require_writable(type);
  Tensor result(type, extents);
  NACRE_CHECK(static_cast<size_t>(result.elements()) == numbers.size());
  const bool whole = with_integer_type(type, [&]<class I>(I) {
    std::ranges::transform(numbers, result.mutable_values<I>().begin(),
                           [](Wide number) { return static_cast<I>(number); });
  });
  if (whole) return result;
  if (type == ElementType::float32) {  // rounded once, not by way of double
    std::ranges::transform(numbers, result.mutable_values<float>().begin(),
                           [](Wide number) { return static_cast<float>(number); });
    return result;
  }
  for (size_t i = 0; i < numbers.size(); ++i) {
    Wide number = numbers[i];
    if (type == ElementType::uint4) number &= 15;
    if (type == ElementType::int4) number = ((number + 8) & 15) - 8;
    result.set_number_at(static_cast<int64_t>(i), static_cast<double>(number));
  }
  return result;
}

// --- positions ----------------------------------------------------------------------------------------------------

Extents broadcast_extents(std::span<const int64_t> a, std::span<const int64_t> b) {
  const size_t rank = std::max(a.size(), b.size());
  Extents result(rank, 1);
  for (size_t axis = 0; axis < rank; ++axis) {
    const int64_t x = axis + a.size() < rank ? 1 : a[axis + a.size() - rank];
    const int64_t y = axis + b.size() < rank ? 1 : b[axis + b.size() - rank];
    if (x != y && x != 1 && y != 1)
      throw UserError("extents " + std::to_string(x) + " and " + std::to_string(y) + " do not broadcast");
    result[axis] = x == 1 ? y : x;
  }
  return result;
}

Extents strides_of(std::span<const int64_t> extents) {
  Extents strides(extents.size(), 1);
  for (size_t axis = extents.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * extents[axis];
  return strides;
}

bool next_position(std::span<int64_t> index, std::span<const int64_t> extents) {
  for (size_t axis = extents.size(); axis-- > 0;) {
    if (++index[axis] < extents[axis]) return true;
    index[axis] = 0;
  }
  return false;
}

std::vector<int64_t> broadcast_positions(std::span<const int64_t> from, std::span<const int64_t> to) {
  NACRE_CHECK(from.size() <= to.size());
  const Extents strides = strides_of(from);
  std::vector<int64_t> result(static_cast<size_t>(count_of(to)));
  Extents index(to.size(), 0);
  for (int64_t& position : result) {
    position = 0;
    for (size_t axis = 0; axis < from.size(); ++axis) {
      if (from[axis] != 1) position += index[axis + to.size() - from.size()] * strides[axis];
    }
    next_position(index, to);
  }
  return result;
}

AxisView view_axis(std::span<const int64_t> extents, int axis) {
  const auto at = static_cast<size_t>(axis);
  AxisView view{.outer = 1, .extent = extents[at], .inner = 1};
  for (size_t i = 0; i < at; ++i) view.outer *= extents[i];
  for (size_t i = at + 1; i < extents.size(); ++i) view.inner *= extents[i];
  return view;
}

// --- moving -------------------------------------------------------------------------------------------------------

Tensor pick_elements(std::span<const Tensor* const> sources, std::span<const int64_t> extents,
                     std::span<const Pick> picks) {
  const ElementType type = sources[0]->type();
  for (const Tensor* source : sources) {
    if (source->type() != type) throw UserError("tensors of different types are assembled into one");
  }
  if (type == ElementType::string) {
    std::vector<std::string> strings;
    for (const Pick& pick : picks)
      strings.push_back(sources[static_cast<size_t>(pick.source)]->strings()[static_cast<size_t>(pick.index)]);
    return Tensor::of_strings(extents, std::move(strings));
  }
  Tensor result(type, extents);
  NACRE_CHECK(static_cast<size_t>(result.elements()) == picks.size());
  std::byte* out = result.mutable_data();
  const auto bits = static_cast<size_t>(element_bits(type));
  if (bits >= 8) {
    const size_t size = bits / 8;
    for (size_t i = 0; i < picks.size(); ++i) {
      std::memcpy(out + i * size,
                  sources[static_cast<size_t>(picks[i].source)]->data() + static_cast<size_t>(picks[i].index) * size,
                  size);
    }
    return result;
  }
  for (size_t i = 0; i < picks.size(); ++i) {  // two elements to a byte, the first in the low half
    const auto from = static_cast<size_t>(picks[i].index);
    const std::byte both = sources[static_cast<size_t>(picks[i].source)]->data()[from / 2];
    const std::byte element = from % 2 == 0 ? both & std::byte{0x0f} : both >> 4;
    out[i / 2] |= i % 2 == 0 ? element : element << 4;
  }
  return result;
}

Tensor pick_elements(const Tensor& source, std::span<const int64_t> extents, std::span<const int64_t> indices) {
  std::vector<Pick> picks;
  picks.reserve(indices.size());
  for (const int64_t index : indices) picks.push_back({.source = 0, .index = index});
  const Tensor* sources[] = {&source};
  return pick_elements(sources, extents, picks);
}

}  // namespace nacre::operators
