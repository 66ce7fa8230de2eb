// Floats of one sign bit, E exponent and M mantissa bits, with subnormals: value = (-1)^s 2^(e - bias) 1.m, and 2^(1 - bias) 0.m for
// e = 0. What the top codes are:
//
//   none  numbers, all of them (FP8 versus INT8, arXiv 2303.17951; FP6 and FP4 of OCP MX v1.0)
//   ocp   the last one of each sign is not-a-number, no infinity (OCP E4M3, arXiv 2209.05433)
//   ieee  the top exponent is infinity and not-a-number (IEEE 754; OCP E5M2)
//   fnuz  numbers, and the code of -0 is the one not-a-number (arXiv 2206.02915)
//
// The wide ones that hold accumulators (fp32, tf32) have a width and no table.
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"
#include "nacre/quant/element_grid.hpp"

namespace nacre {
namespace {

struct FloatParts {
  int exponent_bits = 0, mantissa_bits = 0, bias = 0;
  std::string specials;
};

std::string default_specials(int exponent_bits, int mantissa_bits) {
  if (exponent_bits == 4 && mantissa_bits == 3) return "ocp";
  return exponent_bits + mantissa_bits > 7 || (exponent_bits == 5 && mantissa_bits == 2) ? "ieee" : "none";
}

int default_bias(int exponent_bits, const std::string& specials) {
  return (1 << (exponent_bits - 1)) - (specials == "fnuz" ? 0 : 1);
}

FloatParts parts_from(const Options& options) {
  FloatParts parts;
  parts.exponent_bits = static_cast<int>(options.integer("exponent"));
  parts.mantissa_bits = static_cast<int>(options.integer("mantissa"));
  const std::string usual = default_specials(parts.exponent_bits, parts.mantissa_bits);
  parts.specials = options.has("specials") ? options.text("specials") : usual;
  const int bias = default_bias(parts.exponent_bits, parts.specials);
  parts.bias = options.has("bias") ? static_cast<int>(options.integer("bias")) : bias;
  return parts;
}

// The field's short names.
std::string_view float_name(int exponent_bits, int mantissa_bits) {
  if (exponent_bits == 5 && mantissa_bits == 10) return "fp16";
  if (exponent_bits == 8 && mantissa_bits == 7) return "bf16";
  if (exponent_bits == 8 && mantissa_bits == 10) return "tf32";
  return exponent_bits == 8 && mantissa_bits == 23 ? "fp32" : "";
}

std::string name_of(const FloatParts& parts) {
  std::string name = std::string(float_name(parts.exponent_bits, parts.mantissa_bits));
  if (name.empty())
    name = "fp" + std::to_string(1 + parts.exponent_bits + parts.mantissa_bits) + "_e" +
           std::to_string(parts.exponent_bits) + "m" + std::to_string(parts.mantissa_bits);
  if (parts.bias != default_bias(parts.exponent_bits, parts.specials)) name += ":bias=" + std::to_string(parts.bias);
  if (parts.specials != default_specials(parts.exponent_bits, parts.mantissa_bits))
    name += ":specials=" + parts.specials;
  return name;
}

float magnitude(const FloatParts& parts, int code) {
  const int exponent = code >> parts.mantissa_bits, mantissa = code & ((1 << parts.mantissa_bits) - 1);
  const int significand = exponent == 0 ? mantissa : mantissa + (1 << parts.mantissa_bits);
  return std::ldexp(static_cast<float>(significand), std::max(exponent, 1) - parts.bias - parts.mantissa_bits);
}

// Of a magnitude code, the sign apart.
float value_of(const FloatParts& parts, int code, int magnitudes) {
  const int per_exponent = 1 << parts.mantissa_bits;
  if (parts.specials == "ocp" && code == magnitudes - 1) return std::numeric_limits<float>::quiet_NaN();
  if (parts.specials == "ieee" && code >= magnitudes - per_exponent)
    return code == magnitudes - per_exponent ? std::numeric_limits<float>::infinity()
                                             : std::numeric_limits<float>::quiet_NaN();
  return magnitude(parts, code);
}

void check_range(const FloatParts& parts, const std::string& name, int magnitudes) {
  if (parts.specials == "ieee" && parts.mantissa_bits == 0)
    throw UserError(name + ": infinity and not-a-number need a bit of mantissa to be told apart; take specials=none");
  const int reserved = parts.specials == "ieee" ? 1 << parts.mantissa_bits : parts.specials == "ocp" ? 1 : 0;
  if (std::isinf(magnitude(parts, magnitudes - 1 - reserved)))
    throw UserError(name + ": its largest number is beyond that of 32-bit floats; take a larger bias");
}

ElementGrid float_grid(const Options& options) {
  const FloatParts parts = parts_from(options);
  ElementGrid grid;
  grid.name = name_of(parts);
  grid.bits = 1 + parts.exponent_bits + parts.mantissa_bits;
  if (grid.name.starts_with("tf32")) grid.bits = 32;  // kept in 32 bits, 13 of which are zero
  grid.arithmetic = GridArithmetic::floating;
  grid.mantissa_bits = parts.mantissa_bits;
  grid.minimum_exponent = 1 - parts.bias;
  grid.step_exponent = 1 - parts.bias - parts.mantissa_bits;
  if (grid.bits > kMostCodedBits) return grid;
  const int magnitudes = 1 << (grid.bits - 1);
  check_range(parts, grid.name, magnitudes);
  for (int code = 0; code < 2 * magnitudes; ++code) {
    const float size = value_of(parts, code % magnitudes, magnitudes);
    grid.values.push_back(code < magnitudes ? size : -size);
  }
  if (parts.specials == "fnuz") {
    grid.not_a_number = static_cast<uint16_t>(magnitudes);
    grid.values[*grid.not_a_number] = std::numeric_limits<float>::quiet_NaN();
  } else {
    grid.negative_zero = static_cast<uint16_t>(magnitudes);
    if (parts.specials != "none") grid.not_a_number = static_cast<uint16_t>(magnitudes - 1);
  }
  finish_grid(grid);
  return grid;
}

}  // namespace

void register_float_grid(ElementGridRegistry& registry) {
  registry.add({.name = "fp",
                .summary = "floats: fp8_e4m3, fp6_e2m3, fp4_e2m1, fp16, bf16, ...",
                .source = "IEEE 754, OCP OFP8 and MX v1.0, arXiv 2209.05433, 2206.02915, 2303.17951",
                .parameters = {{.name = "exponent",
                                .type = ParameterType::integer,
                                .description = "bits of the exponent",
                                .default_value = 4,
                                .minimum = 1,
                                .maximum = 8},
                               {.name = "mantissa",
                                .type = ParameterType::integer,
                                .description = "bits of the mantissa",
                                .default_value = 3,
                                .minimum = 0,
                                .maximum = 23},
                               {.name = "bias",
                                .type = ParameterType::integer,
                                .description = "of the exponent; 2^(exponent-1) - 1, with fnuz 2^(exponent-1)",
                                .minimum = -64,
                                .maximum = 128},
                               {.name = "specials",
                                .type = ParameterType::text,
                                .description = "top codes: none are numbers, ocp one is no number, ieee infinity and "
                                               "no numbers, fnuz -0 is no number; as the name is known for",
                                .choices = {"none", "ocp", "ieee", "fnuz"}}},
                .example = "nacre formats show fp4_e2m1"},
               float_grid);
}

}  // namespace nacre
