#include "nacre/data/idx.hpp"

#include <algorithm>
#include <cstddef>

#include "nacre/data/dataset.hpp"

namespace nacre {
namespace {

ElementType element_type_of_code(uint64_t code) {
  switch (code) {
    case 0x08: return ElementType::uint8;
    case 0x09: return ElementType::int8;
    case 0x0b: return ElementType::int16;
    case 0x0c: return ElementType::int32;
    case 0x0d: return ElementType::float32;
    case 0x0e: return ElementType::float64;
    default: return ElementType::undefined;
  }
}

}  // namespace

Tensor read_idx(ByteReader& reader) {
  const uint64_t magic = reader.read_unsigned(4, true, "header");
  const ElementType type = element_type_of_code((magic >> 8) & 0xff);
  const int rank = static_cast<int>(magic & 0xff);
  if ((magic >> 16) != 0 || type == ElementType::undefined)
    reader.fail("not an IDX file: the first four bytes are wrong");
  if (rank < 1 || rank > kMaximumRank) reader.fail("declares " + std::to_string(rank) + " dimensions, expected 1 to 8");
  std::vector<int64_t> extents;
  for (int axis = 0; axis < rank; ++axis) {
    extents.push_back(static_cast<int64_t>(reader.read_unsigned(4, true, "header")));
  }
  const std::optional<int64_t> elements = Shape::fixed(extents).elements();
  const int64_t width = element_bits(type) / 8;
  if (!elements || *elements > kDatasetLimitBytes) reader.fail("declares more elements than can be held");
  const auto bytes = static_cast<uint64_t>(*elements * width);
  reader.check_declared(bytes, "elements");
  UnsetTensor result = make_unset_tensor(type, extents);
  reader.read(result.bytes, bytes, "elements");
  reader.expect_end();
  if (width > 1) {  // to little-endian
    for (uint64_t at = 0; at < bytes; at += static_cast<uint64_t>(width)) {
      std::reverse(result.bytes + at, result.bytes + at + width);
    }
  }
  return std::move(result.tensor);
}

Tensor read_idx(const std::filesystem::path& path) { return read_idx(*open_file_reader(path)); }

}  // namespace nacre
