#include "nacre/quant/format.hpp"

#include <fmt/format.h>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// What the grid is called within a family: "int8" of int8:fraction=6, "fp4" of fp4_e2m1.
std::string element_text(const Format& format) {
  std::string name = format.grid->name;
  if (format.family.empty()) return name;
  if (format.family == "mx" && format.grid_kind == "int") {
    const std::string usual = fmt::format(":fraction={}", format.grid->bits - 2);
    const size_t at = name.find(usual);
    if (at != std::string::npos && at + usual.size() == name.size()) name.erase(at);
  }
  constexpr std::string_view kFp4 = "fp4_e2m1";
  if (name.starts_with(kFp4)) name.replace(0, kFp4.size(), "fp4");
  return name;
}

void append(std::string& text, const std::string& option) { text += ":" + option; }

void append_granularity(std::string& text, const Format& format, const Format& usual) {
  const ScaleScheme &scale = format.scale, &other = usual.scale;
  if (scale.granularity == other.granularity && scale.block == other.block) return;
  switch (scale.granularity) {
    case Granularity::none: return append(text, "direct");
    case Granularity::tensor: return append(text, "tensor");
    case Granularity::channel: return append(text, "channel");
    case Granularity::token: return append(text, "token");
    case Granularity::block: return append(text, fmt::format("g{}", scale.block));
  }
}

}  // namespace

std::string format_text(const Format& format) {
  std::string text = format.family + element_text(format);
  const Format usual = parse_format(text);
  append_granularity(text, format, usual);
  const ScaleScheme& scale = format.scale;
  // Without a scale nothing of it is said.
  if (scale.granularity != Granularity::none) {
    const bool scaled = usual.scale.granularity != Granularity::none;
    if (scale.codec != (scaled ? usual.scale.codec : ScaleCodec::fp32))
      append(text, "scales=" + scale_codec_name(scale.codec));
    const bool same_codec = scaled && scale.codec == usual.scale.codec;
    if (scale.codec == ScaleCodec::e8m0 && scale.rule != (same_codec ? usual.scale.rule : ScaleRule::ceil))
      append(text, "scale=" + scale_rule_name(scale.rule));
    if (scale.affine) append(text, "affine");
    if (format.range == "percentile")
      append(text, fmt::format("percentile={}", format.percentile));
    else if (format.range != usual.range)
      append(text, format.range);
  }
  if (format.rounding != usual.rounding) append(text, "round=" + rounding_name(format.rounding));
  if (format.rotation > 0) append(text, fmt::format("rotate=hadamard:{}", format.rotation));
  return text;
}

double bits_per_element(const Format& format) {
  double bits = format.grid->bits;
  if (format.scale.granularity != Granularity::block) return bits;
  const int shared = scale_bits(format.scale.codec) + (format.scale.affine ? format.grid->bits : 0);
  return bits + static_cast<double>(shared) / static_cast<double>(format.scale.block);
}

}  // namespace nacre
