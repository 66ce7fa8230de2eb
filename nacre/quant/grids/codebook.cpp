// Grids that are lists: ternary, binary, the quantiles of a normal distribution, and a codebook that the user writes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"
#include "nacre/quant/element_grid.hpp"

namespace nacre {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

ElementGrid listed(std::string name, int bits, std::vector<float> values) {
  ElementGrid grid;
  grid.name = std::move(name);
  grid.bits = bits;
  values.resize(size_t{1} << bits, kNone);
  grid.values = std::move(values);
  finish_grid(grid);
  return grid;
}

// Inverse of the normal distribution's function, by bisection: exact to a float's rounding.
double normal_quantile(double probability) {
  double low = -10, high = 10;
  for (int step = 0; step < 200 && low < high; ++step) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < probability ? low : high) = middle;
  }
  return (low + high) / 2;
}

// QLoRA (Dettmers et al., 2023, arXiv 2305.14314), appendix E: quantiles on both sides of an exact zero, one more above, the last
// probability half way between those of the last codes of 2^b and 2^b - 1 even steps.
ElementGrid normal_float(const Options& options) {
  const int bits = static_cast<int>(options.integer("bits"));
  const int codes = 1 << bits, below = codes / 2 - 1, above = codes / 2;
  const double offset = 0.5 * ((1 - 1.0 / (2 * (codes - 1))) + (1 - 1.0 / (2 * codes)));
  std::vector<double> quantiles;
  for (int i = 0; i < below; ++i)
    quantiles.push_back(-normal_quantile(offset + (0.5 - offset) * static_cast<double>(i) / below));
  quantiles.push_back(0);
  for (int i = above - 1; i >= 0; --i)
    quantiles.push_back(normal_quantile(offset + (0.5 - offset) * static_cast<double>(i) / above));
  std::vector<float> values;
  for (const double quantile : quantiles) values.push_back(static_cast<float>(quantile / quantiles.back()));
  return listed("nf" + std::to_string(bits), bits, std::move(values));
}

ElementGrid codebook(const Options& options) {
  std::vector<float> values;
  std::string name = "codebook:values=";
  for (const double value : options.reals("values")) {
    if (!std::isfinite(value) || std::fabs(value) > std::numeric_limits<float>::max())
      throw UserError(options.position("values"), "a codebook holds numbers that 32-bit floats have");
    values.push_back(static_cast<float>(value));
    name += fmt::format("{}{}", values.size() == 1 ? "" : "/", values.back());
  }
  std::vector<float> sorted = values;
  std::ranges::sort(sorted);
  if (values.size() < 2 || values.size() > 256 || std::ranges::adjacent_find(sorted) != sorted.end())
    throw UserError(options.position("values"),
                    "a codebook has 2 to 256 different numbers, e.g. codebook:values=-1/0/0.5/1");
  int bits = 1;
  while ((size_t{1} << bits) < values.size()) ++bits;
  return listed(name, bits, std::move(values));
}

}  // namespace

void register_codebook_grids(ElementGridRegistry& registry) {
  registry.add({.name = "ternary",
                .summary = "-1, 0, 1 in two bits; the code left over is no number",
                .source = "TWN, arXiv 1605.04711; BitNet b1.58, arXiv 2402.17764",
                .example = "nacre formats show ternary"},
               [](const Options&) {
                 return listed("ternary", 2, {0, 1, kNone, -1});
               });
  registry.add({.name = "binary",
                .summary = "1 and -1 in one bit; zero becomes 1",
                .source = "XNOR-Net, arXiv 1603.05279",
                .example = "nacre formats show binary"},
               [](const Options&) {
                 ElementGrid grid = listed("binary", 1, {1, -1});
                 grid.rounding = Rounding::half_away;
                 return grid;
               });
  registry.add({.name = "nf",
                .summary = "quantiles of a normal distribution around an exact zero: nf4",
                .source = "QLoRA, arXiv 2305.14314, appendix E",
                .parameters = {{.name = "bits",
                                .type = ParameterType::integer,
                                .description = "width",
                                .default_value = 4,
                                .minimum = 2,
                                .maximum = 8}},
                .example = "nacre formats show nf4"},
               normal_float);
  registry.add({.name = "codebook",
                .summary = "the numbers that are given, in their order",
                .source = "Deep Compression, arXiv 1510.00149",
                .parameters = {{.name = "values",
                                .type = ParameterType::real_list,
                                .description = "2 to 256 different numbers",
                                .default_value = Json::array({-1.0, -0.5, 0.0, 0.5})}},
                .example = "nacre formats show codebook:values=-1/-0.25/0/0.5"},
               codebook);
}

}  // namespace nacre
