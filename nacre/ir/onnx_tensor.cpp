#include "nacre/ir/onnx_tensor.hpp"

#include <charconv>
#include <cstring>

namespace nacre::onnx {
namespace {

constexpr int64_t kMaximumExtent = int64_t{1} << 40;

std::string grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

template <class T, class From>
void store(std::byte* bytes, const std::vector<From>& list) {
  for (size_t i = 0; i < list.size(); ++i) {
    const T value = static_cast<T>(list[i]);
    std::memcpy(bytes + i * sizeof(T), &value, sizeof(T));
  }
}

}  // namespace

void TensorReader::fail(const Tensor& tensor, const std::string& message) const {
  throw UserError(origin_ + ": tensor '" + std::string(tensor.name) + "' " + message);
}

std::string TensorReader::declared(const Tensor& tensor) const {
  std::string result = "declares " + std::string(element_type_name(static_cast<ElementType>(tensor.data_type))) + "[";
  for (size_t i = 0; i < tensor.dims.size(); ++i) result += (i == 0 ? "" : ",") + std::to_string(tensor.dims[i]);
  return result + "]";
}

ElementType TensorReader::type_of(const Tensor& tensor) const {
  const bool in_range = tensor.data_type > 0 && tensor.data_type < 256;
  const ElementType type = in_range ? static_cast<ElementType>(tensor.data_type) : ElementType::undefined;
  if (!in_range || (element_bits(type) == 0 && type != ElementType::string)) {
    fail(tensor, "has element type " + std::to_string(tensor.data_type) + ", which is not supported");
  }
  return type;
}

Shape TensorReader::shape_of(const Tensor& tensor) const {
  for (const int64_t extent : tensor.dims) {
    if (extent < 0) fail(tensor, "has a negative extent, " + std::to_string(extent));
    if (extent > kMaximumExtent) fail(tensor, "has an extent of more than 2^40, " + std::to_string(extent));
  }
  if (tensor.dims.size() > kMaximumRank)
    fail(tensor, "has " + std::to_string(tensor.dims.size()) + " dimensions; at most 8 are supported");
  const Shape shape = Shape::fixed(tensor.dims);
  if (shape.elements().value_or(kMaximumExtent + 1) > kMaximumExtent)
    fail(tensor, declared(tensor) + ", more than 2^40 elements");
  return shape;
}

std::optional<nacre::Tensor> TensorReader::read(const Tensor& tensor) {
  const ElementType type = type_of(tensor);
  const int64_t elements = *shape_of(tensor).elements();
  if (type == ElementType::string) {
    if (tensor.raw_data.has_value() || tensor.external) fail(tensor, "holds strings as raw bytes");
    return read_strings(tensor);
  }
  const auto bytes = static_cast<size_t>(packed_bytes(type, elements));
  if (tensor.external) return read_external(tensor, type, bytes);
  if (!tensor.has_data() || (tensor.raw_data.has_value() && tensor.raw_data->empty())) {
    if (elements == 0) return nacre::Tensor(type, tensor.dims);
    if (allow_absent_) return std::nullopt;
    fail(tensor, declared(tensor) + " (" + grouped(bytes) +
                     " bytes) but the file carries no data for it; it can only be inspected, not run");
  }
  if (!tensor.raw_data.has_value()) return read_listed(tensor, type, bytes);
  if (tensor.raw_data->size() != bytes) {
    fail(tensor, declared(tensor) + " (" + grouped(bytes) + " bytes) but the file carries " +
                     grouped(tensor.raw_data->size()) + " bytes for it");
  }
  nacre::Tensor result(type, tensor.dims);
  std::memcpy(result.mutable_data(), tensor.raw_data->data(), bytes);
  return result;
}

nacre::Tensor TensorReader::read_listed(const Tensor& tensor, ElementType type, size_t bytes) const {
  const auto expect = [&](size_t found, size_t expected) {
    if (found != expected)
      fail(tensor, declared(tensor) + ", " + grouped(expected) + " numbers, but the file carries " + grouped(found));
  };
  const size_t elements = static_cast<size_t>(*shape_of(tensor).elements());
  const auto make = [&]<class T, class From>(T, const std::vector<From>& list, size_t expected) {
    expect(list.size(), expected);
    nacre::Tensor result(type, tensor.dims);
    store<T>(result.mutable_data(), list);
    return result;
  };
  switch (type) {
    case ElementType::float32: return make(float{}, tensor.float_data, elements);
    case ElementType::float64: return make(double{}, tensor.double_data, elements);
    case ElementType::int64: return make(int64_t{}, tensor.int64_data, elements);
    case ElementType::uint64: return make(uint64_t{}, tensor.uint64_data, elements);
    case ElementType::uint32: return make(uint32_t{}, tensor.uint64_data, elements);
    case ElementType::int32: return make(int32_t{}, tensor.int32_data, elements);
    case ElementType::int16:
    case ElementType::uint16:
    case ElementType::float16:
    case ElementType::bfloat16: return make(uint16_t{}, tensor.int32_data, elements);
    default: return make(uint8_t{}, tensor.int32_data, bytes);  // one byte each, or packed nibbles
  }
}

nacre::Tensor TensorReader::read_strings(const Tensor& tensor) const {
  const size_t elements = static_cast<size_t>(*shape_of(tensor).elements());
  if (tensor.string_data.size() != elements) {
    fail(tensor, declared(tensor) + ", " + grouped(elements) + " strings, but the file carries " +
                     grouped(tensor.string_data.size()));
  }
  return nacre::Tensor::of_strings(tensor.dims, {tensor.string_data.begin(), tensor.string_data.end()});
}

// --- external data ------------------------------------------------------------------------------------------------

std::shared_ptr<const MappedFile> TensorReader::map(const Tensor& tensor, std::string_view location) {
  const auto known = mapped_.find(location);
  if (known != mapped_.end()) return known->second;
  namespace fs = std::filesystem;
  const fs::path relative(location);
  if (folder_.empty())
    fail(tensor, "keeps its data in file '" + std::string(location) + "', but the model was not read from a folder");
  if (location.empty() || relative.is_absolute())
    fail(tensor, "keeps its data at '" + std::string(location) + "', expected a path relative to the model");
  std::error_code error;
  const fs::path folder = fs::weakly_canonical(folder_, error);
  const fs::path path = fs::weakly_canonical(folder_ / relative, error);
  const fs::path inside = path.lexically_relative(folder);
  if (error || inside.empty() || *inside.begin() == "..") {
    fail(tensor, "keeps its data at '" + std::string(location) + "', outside the model's folder");
  }
  if (!fs::exists(path, error)) {
    if (allow_absent_) return nullptr;
    fail(tensor, "keeps its data in '" + path.string() + "', which does not exist");
  }
  return mapped_[std::string(location)] = MappedFile::open(path);
}

std::optional<nacre::Tensor> TensorReader::read_external(const Tensor& tensor, ElementType type, size_t bytes) {
  std::string_view location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  for (const auto& [key, value] : tensor.external_data) {
    if (key == "location") location = value;
    if (key != "offset" && key != "length") continue;
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size()) {
      fail(tensor, "has external " + std::string(key) + " '" + std::string(value) + "', expected a number of bytes");
    }
    if (key == "offset") offset = number;
    if (key == "length") length = number;
  }
  const std::shared_ptr<const MappedFile> file = map(tensor, location);
  if (file == nullptr) return std::nullopt;
  const uint64_t size = file->bytes().size();
  if (length.has_value() && *length != bytes) {
    fail(tensor,
         declared(tensor) + " (" + grouped(bytes) + " bytes) but its external data has " + grouped(*length) + " bytes");
  }
  if (offset > size || bytes > size - offset) {
    fail(tensor, declared(tensor) + " (" + grouped(bytes) + " bytes at " + grouped(offset) + ") but '" +
                     std::string(location) + "' has " + grouped(size) + " bytes");
  }
  const char* data = file->bytes().data() + offset;
  // Mapped where the bytes are aligned for their type, copied where they are not.
  if (reinterpret_cast<uintptr_t>(data) % 8 == 0) return nacre::Tensor(type, tensor.dims, file, data);
  nacre::Tensor result(type, tensor.dims);
  if (bytes > 0) std::memcpy(result.mutable_data(), data, bytes);
  return result;
}

// --- writing ------------------------------------------------------------------------------------------------------

WireWriter encode_tensor(const nacre::Tensor& tensor, std::string_view name,
                         const std::optional<ExternalLocation>& external) {
  WireWriter writer;
  for (const int64_t extent : tensor.extents()) writer.integer(field::tensor::dims, extent);
  writer.integer(field::tensor::data_type, static_cast<int64_t>(tensor.type()));
  if (!name.empty()) writer.bytes(field::tensor::name, name);
  if (tensor.type() == ElementType::string) {
    for (const std::string& text : tensor.strings()) writer.bytes(field::tensor::string_data, text);
    return writer;
  }
  if (!external.has_value()) {
    writer.bytes(field::tensor::raw_data,
                 {reinterpret_cast<const char*>(tensor.data()), static_cast<size_t>(tensor.bytes())});
    return writer;
  }
  const auto entry = [&](std::string_view key, const std::string& value) {
    WireWriter pair;
    pair.bytes(field::entry::key, key);
    pair.bytes(field::entry::value, value);
    writer.message(field::tensor::external_data, pair);
  };
  entry("location", external->file);
  entry("offset", std::to_string(external->offset));
  entry("length", std::to_string(tensor.bytes()));
  writer.integer(field::tensor::data_location, 1);
  return writer;
}

}  // namespace nacre::onnx
