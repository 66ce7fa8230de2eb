#include "nacre/quant/scale_scheme.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

const std::array<std::string, 5> kCodecs = {"fp32", "fp16", "bf16", "e8m0", "nv"};
const std::array<std::string, 3> kRules = {"ceil", "floor", "round"};

Parameter rule_parameter() {
  return {.name = "scale",
          .type = ParameterType::text,
          .description = "rule of power-of-two scales: ceil never clips, floor is OCP's, round the nearest",
          .default_value = "ceil",
          .choices = {kRules.begin(), kRules.end()}};
}

Parameter codec_parameter() {
  return {.name = "scales",
          .type = ParameterType::text,
          .description = "how scales are kept: fp32, fp16, bf16, or e8m0 (powers of two)",
          .default_value = "fp32",
          .choices = {"fp32", "fp16", "bf16", "e8m0"}};
}

Parameter block_parameter(int64_t size) {
  return {.name = "block",
          .type = ParameterType::integer,
          .description = "elements that share a scale",
          .default_value = size,
          .minimum = 2,
          .maximum = 1 << 20,
          .unit = "elements"};
}

Parameter affine_parameter() {
  return {.name = "affine",
          .type = ParameterType::boolean,
          .description = "with a zero point, for ranges that are not symmetric; integers only",
          .default_value = false};
}

template <class Name>
size_t place(const Name& names, const std::string& word) {
  return static_cast<size_t>(std::ranges::find(names, word) - names.begin());
}

ScaleScheme scheme_from(const Options& options, Granularity granularity) {
  ScaleScheme scheme{.granularity = granularity};
  if (granularity == Granularity::block) scheme.block = options.integer("block");
  scheme.codec = static_cast<ScaleCodec>(place(kCodecs, options.text("scales")));
  scheme.rule = static_cast<ScaleRule>(place(kRules, options.text("scale")));
  scheme.affine = options.boolean("affine");
  if (scheme.affine && scheme.codec == ScaleCodec::e8m0)
    throw UserError(options.position("affine"), "a zero point goes with scales=fp32, fp16 or bf16, not with e8m0");
  return scheme;
}

}  // namespace

int scale_bits(ScaleCodec codec) {
  switch (codec) {
    case ScaleCodec::fp32: return 32;
    case ScaleCodec::fp16:
    case ScaleCodec::bf16: return 16;
    case ScaleCodec::e8m0:
    case ScaleCodec::nv: return 8;
  }
  throw InternalError("a codec of scales without a width");
}

const std::string& scale_codec_name(ScaleCodec codec) { return kCodecs.at(static_cast<size_t>(codec)); }
const std::string& scale_rule_name(ScaleRule rule) { return kRules.at(static_cast<size_t>(rule)); }

int scale_exponent(float amax, float largest, ScaleRule rule) {
  int amax_exponent = 0, largest_exponent = 0;
  const float a = std::frexp(amax, &amax_exponent), q = std::frexp(largest, &largest_exponent);  // in [0.5, 1)
  int exponent = amax_exponent - largest_exponent;
  if (rule == ScaleRule::ceil && a > q) ++exponent;
  if (rule == ScaleRule::round) {
    if (a >= q && a >= 1.5f * q) ++exponent;
    if (a < q && 2 * a < 1.5f * q) --exponent;
  }
  return std::clamp(exponent, -kE8m0Bias, kE8m0Bias);
}

void register_scale_schemes(ScaleSchemeRegistry& registry) {
  const std::vector<Parameter> real = {codec_parameter(), rule_parameter(), affine_parameter()};
  registry.add({.name = "direct", .summary = "no scale: the numbers of the grid as they are", .source = ""},
               [](const Options&) { return ScaleScheme{.granularity = Granularity::none}; });
  const auto add = [&](const char* name, const char* summary, Granularity granularity, const char* example) {
    registry.add({.name = name, .summary = summary, .source = "", .parameters = real, .example = example},
                 [=](const Options& options) { return scheme_from(options, granularity); });
  };
  add("tensor", "one scale for the tensor", Granularity::tensor, "nacre formats sqnr int8:tensor");
  add("channel", "one scale for each channel (the output channels of weights)", Granularity::channel,
      "nacre formats sqnr int8:channel");
  add("token", "one scale for each row", Granularity::token, "nacre formats sqnr int8:token");
  std::vector<Parameter> grouped = real;
  grouped.insert(grouped.begin(), block_parameter(128));
  registry.add({.name = "group",
                .summary = "one scale for each group of neighbors: g128",
                .source = "",
                .parameters = grouped,
                .example = "nacre formats sqnr int4:g128"},
               [](const Options& options) { return scheme_from(options, Granularity::block); });
  registry.add({.name = "mx",
                .summary = "blocks of 32 with a power of two (E8M0)",
                .source = "OCP Microscaling v1.0; arXiv 2510.25602",
                .parameters = {block_parameter(32), rule_parameter()},
                .example = "nacre formats sqnr mxfp4:scale=floor"},
               [](const Options& options) {
                 return ScaleScheme{.granularity = Granularity::block,
                                    .block = options.integer("block"),
                                    .codec = ScaleCodec::e8m0,
                                    .rule = static_cast<ScaleRule>(place(kRules, options.text("scale")))};
               });
  registry.add({.name = "nv",
                .summary = "blocks of 16 with an E4M3 scale, and one fp32 for the tensor",
                .source = "NVFP4; arXiv 2510.25602",
                .parameters = {block_parameter(16)},
                .example = "nacre formats sqnr nvfp4"},
               [](const Options& options) {
                 return ScaleScheme{
                     .granularity = Granularity::block, .block = options.integer("block"), .codec = ScaleCodec::nv};
               });
}

}  // namespace nacre
