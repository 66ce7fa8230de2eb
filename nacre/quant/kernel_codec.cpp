#include "nacre/quant/kernel_codec.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "nacre/quant/bit_packing.hpp"
#include "nacre/quant/block_kernel.hpp"
#include "nacre/quant/kept_scale.hpp"

namespace nacre {
namespace {

constexpr int64_t kShortestRun = 16;  // of a channel: below, gathering is no slower
constexpr int64_t kTile = 1 << 13;    // elements encoded before they are packed; a multiple of 8

bool has_finite_magnitude(uint32_t bits) { return std::isfinite(std::bit_cast<float>(bits)); }

bool is_blocked(const Format& format) {
  return format.scale.granularity == Granularity::block || format.scale.granularity == Granularity::token;
}

// How a tensor goes through the kernels.
struct Plan {
  KernelGrid grid;
  int64_t rows = 1, extent = 0;  // blocked: rows of blocks
  int64_t block = 0;
  float tensor_scale = 1;
  std::vector<KeptScale> scales = {};  // not blocked: of the tensor, or of channels
};

// The scales of a tensor or of its channels; nothing when one is left to the reference.
bool find_scales(Plan& plan, std::span<const float> values, const ScaleUnits& units, const Format& format) {
  for (int64_t i = 0; i < units.count(); ++i) {
    const ScaleUnit unit = units.unit(i);
    uint32_t bits = 0;
    for (int64_t row = 0; row < unit.rows; ++row)
      bits = std::max(bits, magnitude_bits(values.subspan(static_cast<size_t>(unit.offset + row * unit.row_stride),
                                                          static_cast<size_t>(unit.columns))));
    if (!has_finite_magnitude(bits)) return false;
    const float amax = std::bit_cast<float>(bits);
    plan.scales.push_back(format.scale.granularity == Granularity::none ? KeptScale{.scale = 1}
                                                                        : unit_scale(format, {&amax, 1}, 1));
    if (!(plan.scales.back().scale > 0)) return false;  // zeros
  }
  return true;
}

std::optional<Plan> plan_for(std::span<const float> values, const ScaleUnits& units, const Format& format) {
  const std::optional<KernelGrid> grid = kernel_grid(format);
  if (!grid || values.empty() || format.range != "minmax") return std::nullopt;
  Plan plan{.grid = *grid};
  if (is_blocked(format)) {
    if (units.inner() != 1) return std::nullopt;
    plan.rows = units.outer();
    plan.extent = units.extent();
    plan.block = units.block();
    if (plan.extent % plan.block == 0) {  // blocks do not know of rows
      plan.extent *= plan.rows;
      plan.rows = 1;
    }
    if (format.scale.codec == ScaleCodec::nv) {
      const uint32_t bits = magnitude_bits(values);
      if (!has_finite_magnitude(bits)) return std::nullopt;
      plan.tensor_scale = nv_tensor_scale(std::bit_cast<float>(bits), format.grid->largest);
    }
    return plan;
  }
  if (format.scale.granularity == Granularity::channel && units.inner() < kShortestRun) return std::nullopt;
  return find_scales(plan, values, units, format) ? std::optional(plan) : std::nullopt;
}

// Every run of one scale: begin, count, scale.
template <class Work>
void for_each_run(const Plan& plan, const ScaleUnits& units, Work work) {
  for (int64_t i = 0; i < units.count(); ++i) {
    const ScaleUnit unit = units.unit(i);
    for (int64_t row = 0; row < unit.rows; ++row)
      work(static_cast<size_t>(unit.offset + row * unit.row_stride), static_cast<size_t>(unit.columns),
           plan.scales[static_cast<size_t>(i)].scale);
  }
}

// Packs codes that come in order, tile by tile.
class Packer {
 public:
  Packer(int bits, size_t count) : bits_(bits) {
    bytes_.resize(static_cast<size_t>(packed_code_bytes(bits, static_cast<int64_t>(count))));
  }

  // A tile but for the last has a multiple of 8 codes.
  void add(std::span<const uint8_t> codes) {
    const auto size = static_cast<size_t>(packed_code_bytes(bits_, static_cast<int64_t>(codes.size())));
    const std::span<uint8_t> out = std::span(bytes_).subspan(next_, size);
    next_ += size;
    if (bits_ == 8) {
      std::ranges::copy(codes, out.begin());
    } else if (bits_ == 4 && codes.size() % 2 == 0) {
      pack_nibbles(codes, out);
    } else {
      const std::vector<uint16_t> wide(codes.begin(), codes.end());
      std::ranges::copy(pack_codes(wide, bits_), out.begin());
    }
  }

  std::span<uint8_t> all() { return bytes_; }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  int bits_;
  size_t next_ = 0;
  std::vector<uint8_t> bytes_;
};

// Blocks of rows without tails, in tiles of whole blocks.
void encode_blocked(const Plan& plan, std::span<const float> values, const Format& format, KernelEncoded& result) {
  const BlockScales scales{format, plan.block, plan.tensor_scale};
  const auto blocks = static_cast<size_t>(plan.extent / plan.block);
  result.scale_codes.resize(blocks);
  Packer packer(plan.grid.bits, values.size());
  const size_t per_tile = std::max<size_t>(8, static_cast<size_t>(kTile / plan.block) / 8 * 8);
  std::vector<uint8_t> codes(per_tile * static_cast<size_t>(plan.block));
  for (size_t first = 0; first < blocks; first += per_tile) {
    const size_t count = std::min(per_tile, blocks - first), elements = count * static_cast<size_t>(plan.block);
    const std::span<const float> tile = values.subspan(first * static_cast<size_t>(plan.block), elements);
    encode_blocks(plan.grid, scales, tile, std::span(codes).first(elements),
                  std::span(result.scale_codes).subspan(first, count));
    packer.add(std::span(codes).first(elements));
  }
  result.codes = packer.take();
}

}  // namespace

bool kernel_round(std::span<const float> values, std::span<float> out, const ScaleUnits& units, const Format& format) {
  const std::optional<Plan> plan = plan_for(values, units, format);
  if (!plan) return false;
  if (plan->block == 0) {
    for_each_run(*plan, units, [&](size_t begin, size_t count, float scale) {
      round_run(plan->grid, values.subspan(begin, count), out.subspan(begin, count), scale);
    });
    return true;
  }
  const BlockScales scales{format, plan->block, plan->tensor_scale};
  const auto extent = static_cast<size_t>(plan->extent);
  for (size_t begin = 0; begin < values.size(); begin += extent)
    round_blocks(plan->grid, scales, values.subspan(begin, extent), out.subspan(begin, extent));
  return true;
}

std::optional<KernelEncoded> kernel_encode(std::span<const float> values, const ScaleUnits& units,
                                           const Format& format) {
  if (format.grid->bits > 8) return std::nullopt;
  const std::optional<Plan> plan = plan_for(values, units, format);
  if (!plan) return std::nullopt;
  KernelEncoded result{.codes = {}, .scale_codes = {}, .tensor_scale = plan->tensor_scale};
  if (plan->block > 0) {
    if (plan->rows > 1 || plan->extent % plan->block != 0) return std::nullopt;  // rows with tails
    encode_blocked(*plan, values, format, result);
    return result;
  }
  for (const KeptScale& kept : plan->scales)
    if (format.scale.granularity != Granularity::none) result.scale_codes.push_back(kept.code);
  std::vector<uint8_t> codes(values.size());
  for_each_run(*plan, units, [&](size_t begin, size_t count, float scale) {
    encode_run(plan->grid, values.subspan(begin, count), std::span(codes).subspan(begin, count), scale);
  });
  Packer packer(plan->grid.bits, values.size());
  packer.add(codes);
  result.codes = packer.take();
  return result;
}

}  // namespace nacre
