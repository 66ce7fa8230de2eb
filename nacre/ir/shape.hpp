// Shapes whose dimensions are numbers or symbols.
//
// A Dim is one word: an extent >= 0, or a symbol of the Graph's symbol table ("batch", "past"), or unknown. A symbol's
// name may be an expression over other symbols ("past+1", "2*batch"): shape inference writes such names, binding
// evaluates them (Graph::bind_symbols).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "nacre/base/error.hpp"

namespace nacre {

class Dim {
 public:
  constexpr Dim() = default;                        // unknown
  constexpr Dim(int64_t extent) : code_(extent) {}  // NOLINT: an extent is a Dim
  static constexpr Dim symbol(int32_t index) { return Dim(-2 - static_cast<int64_t>(index), Raw{}); }

  constexpr bool is_fixed() const { return code_ >= 0; }
  constexpr bool is_symbol() const { return code_ <= -2; }
  constexpr bool is_unknown() const { return code_ == -1; }
  // Precondition: is_fixed().
  constexpr int64_t extent() const { return code_; }
  // Index into Graph::symbols(). Precondition: is_symbol().
  constexpr int32_t symbol_index() const { return static_cast<int32_t>(-2 - code_); }
  constexpr bool operator==(const Dim&) const = default;

 private:
  struct Raw {};
  constexpr Dim(int64_t code, Raw) : code_(code) {}
  int64_t code_ = -1;
};

inline constexpr int kMaximumRank = 8;

// Up to eight dimensions, stored inline: a Graph holds hundreds of shapes and is built tens of thousands of times a second.
class Shape {
 public:
  Shape() = default;  // rank 0: a scalar
  Shape(std::initializer_list<Dim> dims) : Shape(std::span<const Dim>(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const Dim> dims) {
    for (const Dim dim : dims) push_back(dim);
  }
  static Shape fixed(std::span<const int64_t> extents) {
    Shape shape;
    for (const int64_t extent : extents) shape.push_back(Dim(extent));
    return shape;
  }

  int rank() const { return rank_; }
  size_t size() const { return static_cast<size_t>(rank_); }
  Dim operator[](int axis) const { return dims_[static_cast<size_t>(axis)]; }
  Dim& operator[](int axis) { return dims_[static_cast<size_t>(axis)]; }
  Dim* begin() { return dims_.data(); }
  Dim* end() { return dims_.data() + rank_; }
  const Dim* begin() const { return dims_.data(); }
  const Dim* end() const { return dims_.data() + rank_; }
  // Throws UserError past kMaximumRank: it is the model that is too deep.
  void push_back(Dim dim) {
    if (rank_ == kMaximumRank) throw UserError("tensors of more than 8 dimensions are not supported");
    dims_[static_cast<size_t>(rank_++)] = dim;
  }
  bool operator==(const Shape& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

  bool is_fixed() const {
    return std::all_of(begin(), end(), [](Dim dim) { return dim.is_fixed(); });
  }
  // Product of the extents; nothing when a dimension is not fixed or the product passes 2^62.
  std::optional<int64_t> elements() const {
    int64_t product = 1;
    for (const Dim dim : *this) {
      if (!dim.is_fixed()) return std::nullopt;
      if (__builtin_mul_overflow(product, dim.extent(), &product) || product > (int64_t{1} << 62)) return std::nullopt;
    }
    return product;
  }
  // Extents of a fixed shape.
  std::vector<int64_t> extents() const {
    NACRE_CHECK(is_fixed());
    std::vector<int64_t> result;
    for (const Dim dim : *this) result.push_back(dim.extent());
    return result;
  }

 private:
  std::array<Dim, kMaximumRank> dims_;
  int rank_ = 0;
};

}  // namespace nacre
