#include "nacre/quant/quantize.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/quant/bit_packing.hpp"
#include "nacre/quant/hadamard.hpp"
#include "nacre/quant/kernel_codec.hpp"
#include "nacre/quant/reference_codec.hpp"

namespace nacre {
namespace {

ScaleUnits checked_units(size_t values, std::span<const int64_t> shape, int axis, const Format& format) {
  if (!format.grid->coded())
    throw UserError(fmt::format("format {} has {} bits; only formats of up to {} bits are encoded", format_text(format),
                                format.grid->bits, kMostCodedBits));
  const ScaleUnits units(shape, axis, format.scale);
  if (units.elements() != static_cast<int64_t>(values))
    throw UserError(fmt::format("{} numbers for a shape of {} elements", values, units.elements()));
  return units;
}

// Every line along the axis.
template <class Work>
void for_each_line(std::span<float> values, const ScaleUnits& units, Work work) {
  const int64_t extent = units.extent(), inner = units.inner();
  std::vector<float> line(static_cast<size_t>(extent));
  for (int64_t outer = 0; outer < units.outer(); ++outer)
    for (int64_t within = 0; within < inner; ++within) {
      float* first = values.data() + outer * extent * inner + within;
      if (inner == 1) {
        work(std::span<float>(first, static_cast<size_t>(extent)));
        continue;
      }
      for (int64_t i = 0; i < extent; ++i) line[static_cast<size_t>(i)] = first[i * inner];
      work(std::span<float>(line));
      for (int64_t i = 0; i < extent; ++i) first[i * inner] = line[static_cast<size_t>(i)];
    }
}

void rotate(std::span<float> values, const ScaleUnits& units, const Format& format, uint64_t seed, bool back) {
  if (format.rotation == 0) return;
  const HadamardRotation rotation(format.rotation, seed);
  for_each_line(values, units, [&](std::span<float> line) { back ? rotation.undo(line) : rotation.apply(line); });
}

std::vector<uint8_t> scale_bytes(const std::vector<uint32_t>& codes, ScaleCodec codec) {
  const size_t width = static_cast<size_t>(scale_bits(codec)) / 8;
  std::vector<uint8_t> bytes(codes.size() * width);
  for (size_t i = 0; i < codes.size(); ++i)
    for (size_t byte = 0; byte < width; ++byte) bytes[i * width + byte] = static_cast<uint8_t>(codes[i] >> (8 * byte));
  return bytes;
}

std::vector<uint32_t> scale_codes(const std::vector<uint8_t>& bytes, ScaleCodec codec) {
  const size_t width = static_cast<size_t>(scale_bits(codec)) / 8;
  std::vector<uint32_t> codes(bytes.size() / width);
  for (size_t i = 0; i < codes.size() * width; ++i)
    codes[i / width] |= static_cast<uint32_t>(bytes[i]) << (8 * (i % width));
  return codes;
}

}  // namespace

QuantizedTensor quantize(std::span<const float> values, std::span<const int64_t> shape, int axis, const Format& format,
                         uint64_t seed) {
  const ScaleUnits units = checked_units(values.size(), shape, axis, format);
  QuantizedTensor result{.format = format, .shape = {shape.begin(), shape.end()}, .axis = axis, .seed = seed};
  std::vector<float> rotated;
  if (format.rotation > 0) {
    rotated.assign(values.begin(), values.end());
    rotate(rotated, units, format, seed, false);
    values = rotated;
  }
  if (std::optional<KernelEncoded> fast = kernel_encode(values, units, format)) {
    result.codes = std::move(fast->codes);
    result.scales = scale_bytes(fast->scale_codes, format.scale.codec);
    result.tensor_scale = fast->tensor_scale;
    return result;
  }
  UnpackedTensor encoded = reference_encode(values, units, format, seed);
  result.codes = pack_codes(encoded.codes, format.grid->bits);
  result.scales = scale_bytes(encoded.scale_codes, format.scale.codec);
  result.zero_points = std::move(encoded.zero_points);
  result.tensor_scale = encoded.tensor_scale;
  return result;
}

std::vector<float> dequantize(const QuantizedTensor& tensor) {
  const ScaleUnits units(tensor.shape, tensor.axis, tensor.format.scale);
  const UnpackedTensor encoded{.codes = unpack_codes(tensor.codes, tensor.format.grid->bits, units.elements()),
                               .scale_codes = scale_codes(tensor.scales, tensor.format.scale.codec),
                               .zero_points = tensor.zero_points,
                               .tensor_scale = tensor.tensor_scale};
  std::vector<float> values(static_cast<size_t>(units.elements()));
  reference_decode(encoded, units, tensor.format, values);
  rotate(values, units, tensor.format, tensor.seed, true);
  return values;
}

void fake_quantize(std::span<const float> values, std::span<float> out, std::span<const int64_t> shape, int axis,
                   const Format& format, uint64_t seed) {
  const ScaleUnits units = checked_units(values.size(), shape, axis, format);
  NACRE_CHECK(out.size() == values.size());
  if (format.rotation > 0) {
    if (out.data() != values.data()) std::ranges::copy(values, out.begin());
    rotate(out, units, format, seed, false);
    values = out;
  }
  if (!kernel_round(values, out, units, format))
    reference_decode(reference_encode(values, units, format, seed), units, format, out);
  rotate(out, units, format, seed, true);
}

int64_t storage_bits(std::span<const int64_t> shape, int axis, const Format& format) {
  const ScaleUnits units(shape, axis, format.scale);
  if (units.elements() == 0) return 0;
  int64_t bits = units.elements() * format.grid->bits;
  if (format.scale.granularity == Granularity::none) return bits;
  bits += units.count() * (scale_bits(format.scale.codec) + (format.scale.affine ? format.grid->bits : 0));
  return bits + (format.scale.codec == ScaleCodec::nv ? 32 : 0);
}

}  // namespace nacre
