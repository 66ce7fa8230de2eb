// Powers of two and sums of powers of two: products become shifts (and additions).
//
// pow2: sign and n - 1 bits; code 0 is zero, code c is 2^(c - last): every bit more adds magnitudes near zero (n-BQ-NN,
// arXiv 2004.02396; INQ, arXiv 1702.03044). Halfway between two powers goes up: [0.75, 1.5) 2^k is 2^k, below half the least it is 0.
// apot: sign and t terms of k bits, the i-th (from 0) being 0 or one of 2^-i, 2^-(i+t), .., 2^-(i+(2^k-2)t) (additive powers of
// two, Li et al., ICLR 2020, arXiv 1909.13144).
#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/quant/element_grid.hpp"

namespace nacre {
namespace {

// Codes of sign and magnitude; a negative zero decodes and is never produced.
ElementGrid signed_grid(std::string name, int bits, const std::function<float(int)>& magnitude) {
  ElementGrid grid;
  grid.name = std::move(name);
  grid.bits = bits;
  grid.rounding = Rounding::half_away;
  const int magnitudes = 1 << (bits - 1);
  for (int code = 0; code < 2 * magnitudes; ++code)
    grid.values.push_back(code < magnitudes ? magnitude(code) : -magnitude(code - magnitudes));
  finish_grid(grid);
  return grid;
}

ElementGrid power_of_two_grid(const Options& options) {
  const int bits = static_cast<int>(options.integer("bits"));
  const int last = (1 << (bits - 1)) - 1;
  return signed_grid("pow2:" + std::to_string(bits), bits,
                     [&](int code) { return code == 0 ? 0.0f : std::ldexp(1.0f, code - last); });
}

ElementGrid additive_grid(const Options& options) {
  const int bits = static_cast<int>(options.integer("bits")), base = static_cast<int>(options.integer("base"));
  if ((bits - 1) % base != 0)
    throw UserError(options.position("bits"), "apot:" + std::to_string(bits) + ": " + std::to_string(bits - 1) +
                                                  " bits beside the sign are no multiple of base " +
                                                  std::to_string(base) + "; e.g. apot:5 with base=2");
  const int terms = (bits - 1) / base;
  const auto magnitude = [&](int code) {
    float sum = 0;
    for (int term = 0; term < terms; ++term) {
      const int digit = (code >> (base * (terms - 1 - term))) & ((1 << base) - 1);
      if (digit > 0) sum += std::ldexp(1.0f, -(term + (digit - 1) * terms));
    }
    return sum;
  };
  ElementGrid grid =
      signed_grid("apot:" + std::to_string(bits) + (base == 2 ? "" : ":base=" + std::to_string(base)), bits, magnitude);
  return grid;
}

}  // namespace

void register_power_of_two_grids(ElementGridRegistry& registry) {
  registry.add({.name = "pow2",
                .summary = "zero and powers of two: pow2:3 is 0, 1, 1/2, 1/4 with signs",
                .source = "n-BQ-NN, arXiv 2004.02396; INQ, arXiv 1702.03044",
                .parameters = {{.name = "bits",
                                .type = ParameterType::integer,
                                .description = "width, the sign included",
                                .default_value = 4,
                                .minimum = 2,
                                .maximum = 8}},
                .example = "nacre formats show pow2:3"},
               power_of_two_grid);
  registry.add({.name = "apot",
                .summary = "sums of powers of two: apot:5 has two terms of two bits and a sign",
                .source = "Li et al., ICLR 2020, arXiv 1909.13144",
                .parameters = {{.name = "bits",
                                .type = ParameterType::integer,
                                .description = "width, the sign included",
                                .default_value = 5,
                                .minimum = 2,
                                .maximum = 9},
                               {.name = "base",
                                .type = ParameterType::integer,
                                .description = "bits of one term",
                                .default_value = 2,
                                .minimum = 1,
                                .maximum = 4}},
                .example = "nacre formats show apot:5"},
               additive_grid);
}

}  // namespace nacre
