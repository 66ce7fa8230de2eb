// Elements of tensors for the reference kernels: numbers in working precision, positions under broadcasting, and moving
// elements of any type (strings and packed 4-bit ones too).
//
// Kernels compute floating-point types in double and round once, integer types in 128 bits and wrap once: the result of a
// kernel is the right one, against which faster executors are judged.
#pragma once

#include <span>
#include <type_traits>
#include <vector>

#include "nacre/ir/schema.hpp"

namespace nacre::operators {

using Inputs = std::span<const Tensor* const>;
using Extents = std::vector<int64_t>;
__extension__ typedef __int128 Wide;  // holds the products of any two 64-bit integers of either sign

// The input at `index`, or null when it was omitted.
inline const Tensor* optional_input(Inputs inputs, size_t index) {
  return index < inputs.size() ? inputs[index] : nullptr;
}
// The same; InternalError when it is not there.
const Tensor& input_at(Inputs inputs, size_t index);

// Elements of a tensor of those extents. UserError past 2^62.
int64_t count_of(std::span<const int64_t> extents);

// The one element of a tensor. UserError when there are more or none.
int64_t single_integer(const Tensor& tensor);

// --- numbers ------------------------------------------------------------------------------------------------------

// T is double or Wide.
template <class T>
std::vector<T> load(const Tensor& tensor);
template <class T>
Tensor store(ElementType type, std::span<const int64_t> extents, std::span<const T> numbers);

template <>
std::vector<double> load<double>(const Tensor& tensor);
template <>
std::vector<Wide> load<Wide>(const Tensor& tensor);
template <>
Tensor store<double>(ElementType type, std::span<const int64_t> extents, std::span<const double> numbers);
template <>
Tensor store<Wide>(ElementType type, std::span<const int64_t> extents, std::span<const Wide> numbers);

template <class T>
Tensor store(ElementType type, std::span<const int64_t> extents, const std::vector<T>& numbers) {
  return store<T>(type, extents, std::span<const T>(numbers));
}

// Calls `function` with double{} for floating-point element types and Wide{} for integers and truth values.
template <class Function>
auto with_number_type(ElementType type, Function&& function) {
  return is_floating(type) ? function(double{}) : function(Wide{});
}

// One result: `function` of every element, in working precision.
template <class T, class Function>
std::vector<Tensor> map_elements(const Tensor& x, Function function) {
  std::vector<T> numbers = load<T>(x);
  for (T& number : numbers) number = static_cast<T>(function(number));
  return {store<T>(x.type(), x.extents(), numbers)};
}

// --- positions ----------------------------------------------------------------------------------------------------

// Extents of the broadcast of both. UserError when they do not broadcast.
Extents broadcast_extents(std::span<const int64_t> a, std::span<const int64_t> b);
// For each element of a tensor of extents `to`, the flat index of the element of a tensor of extents `from` that is broadcast to it.
std::vector<int64_t> broadcast_positions(std::span<const int64_t> from, std::span<const int64_t> to);
// Flat distance between neighbours along each axis, row-major.
Extents strides_of(std::span<const int64_t> extents);

// Advances `index` in row-major order; false after the last. For loops over all positions of `extents`.
bool next_position(std::span<int64_t> index, std::span<const int64_t> extents);

// A tensor seen along one axis: [outer, extent, inner].
struct AxisView {
  int64_t outer = 1;
  int64_t extent = 1;
  int64_t inner = 1;

  int64_t at(int64_t o, int64_t e, int64_t i) const { return (o * extent + e) * inner + i; }
};
AxisView view_axis(std::span<const int64_t> extents, int axis);

// --- moving -------------------------------------------------------------------------------------------------------

// Where an element comes from.
struct Pick {
  int32_t source = 0;
  int64_t index = 0;
};

// The tensor whose elements are picked from the sources, which have one type.
Tensor pick_elements(std::span<const Tensor* const> sources, std::span<const int64_t> extents,
                     std::span<const Pick> picks);
// From one source.
Tensor pick_elements(const Tensor& source, std::span<const int64_t> extents, std::span<const int64_t> indices);

// --- combining ----------------------------------------------------------------------------------------------------

// function(a, b) with broadcasting, in working precision T; the result has type `type`.
template <class T, class Function>
Tensor combine(const Tensor& a, const Tensor& b, ElementType type, Function function) {
  const Extents extents = broadcast_extents(a.extents(), b.extents());
  const std::vector<int64_t> at_a = broadcast_positions(a.extents(), extents);
  const std::vector<int64_t> at_b = broadcast_positions(b.extents(), extents);
  const std::vector<T> x = load<T>(a);
  const std::vector<T> y = load<T>(b);
  using Result = std::conditional_t<std::is_same_v<decltype(function(T{}, T{})), bool>, Wide, T>;
  std::vector<Result> result(at_a.size());
  for (size_t i = 0; i < result.size(); ++i) {
    result[i] = static_cast<Result>(function(x[static_cast<size_t>(at_a[i])], y[static_cast<size_t>(at_b[i])]));
  }
  return store<Result>(type, extents, result);
}

}  // namespace nacre::operators
