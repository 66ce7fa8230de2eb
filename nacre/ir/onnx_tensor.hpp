// TensorProto <-> Tensor. Internal to the ONNX sources.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "nacre/base/mapped_file.hpp"
#include "nacre/ir/element_type.hpp"
#include "nacre/ir/onnx_proto.hpp"
#include "nacre/ir/protobuf_wire.hpp"
#include "nacre/ir/tensor.hpp"

namespace nacre::onnx {

// Reads the tensors of one file; external data are mapped once per location.
class TensorReader {
 public:
  TensorReader(std::string origin, std::filesystem::path folder, bool allow_absent)
      : origin_(std::move(origin)), folder_(std::move(folder)), allow_absent_(allow_absent) {}

  // Type and extents, checked: a known type, no negative or huge extents.
  ElementType type_of(const Tensor& tensor) const;
  Shape shape_of(const Tensor& tensor) const;
  // The data; nothing when the file carries none and `allow_absent` is set. What is declared is compared with the bytes
  // present before memory is taken.
  std::optional<nacre::Tensor> read(const Tensor& tensor);

 private:
  [[noreturn]] void fail(const Tensor& tensor, const std::string& message) const;
  std::string declared(const Tensor& tensor) const;
  std::optional<nacre::Tensor> read_external(const Tensor& tensor, ElementType type, size_t bytes);
  nacre::Tensor read_listed(const Tensor& tensor, ElementType type, size_t bytes) const;
  nacre::Tensor read_strings(const Tensor& tensor) const;
  std::shared_ptr<const MappedFile> map(const Tensor& tensor, std::string_view location);

  std::string origin_;
  std::filesystem::path folder_;
  bool allow_absent_;
  std::map<std::string, std::shared_ptr<const MappedFile>, std::less<>> mapped_;
};

// Where a tensor's bytes lie when they are kept beside the model.
struct ExternalLocation {
  std::string file;
  uint64_t offset = 0;
};

WireWriter encode_tensor(const nacre::Tensor& tensor, std::string_view name,
                         const std::optional<ExternalLocation>& external = std::nullopt);

}  // namespace nacre::onnx
