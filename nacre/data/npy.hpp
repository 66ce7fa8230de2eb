// NumPy's .npy (versions 1.0 to 3.0) and .npz. C and Fortran order, little- and big-endian; booleans, integers and floats.
// Source: NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays".
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "nacre/data/byte_reader.hpp"
#include "nacre/ir/tensor.hpp"

namespace nacre {

// Always in C order and native byte order. UserError for pickled objects, records, text and complex numbers.
Tensor read_npy(ByteReader& reader);
Tensor read_npy(const std::filesystem::path& path);  // plain or gzip

// Version 1.0, C order, little-endian. UserError for element types that NumPy lacks (bfloat16, 4 bits, strings).
std::string npy_text(const Tensor& tensor);
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

// All arrays by name, without ".npy".
std::map<std::string, Tensor, std::less<>> read_npz(const std::filesystem::path& path);

}  // namespace nacre
