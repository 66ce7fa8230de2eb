// IDX, the format of MNIST and its successors: 0 0 type rank, big-endian extents, big-endian elements. Plain or gzip.
// Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits" (file formats).
#pragma once

#include <filesystem>

#include "nacre/data/byte_reader.hpp"
#include "nacre/ir/tensor.hpp"

namespace nacre {

// UserError when the file is not IDX, ends early, or goes on after its last element.
Tensor read_idx(ByteReader& reader);
Tensor read_idx(const std::filesystem::path& path);

}  // namespace nacre
