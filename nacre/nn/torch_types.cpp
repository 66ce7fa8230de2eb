#include "nacre/nn/torch_types.hpp"

namespace nacre {

at::ScalarType torch_type(ElementType type) {
  switch (type) {
    case ElementType::float32: return at::kFloat;
    case ElementType::float64: return at::kDouble;
    case ElementType::float16: return at::kHalf;
    case ElementType::bfloat16: return at::kBFloat16;
    case ElementType::int8: return at::kChar;
    case ElementType::uint8: return at::kByte;
    case ElementType::int16: return at::kShort;
    case ElementType::int32: return at::kInt;
    case ElementType::int64: return at::kLong;
    case ElementType::boolean: return at::kBool;
    case ElementType::uint16: return at::kInt;
    case ElementType::uint32: return at::kLong;
    default:
      throw UserError("tensors of type " + std::string(element_type_name(type)) +
                      " cannot be run by the torch executor");
  }
}

ElementType element_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat: return ElementType::float32;
    case at::kDouble: return ElementType::float64;
    case at::kHalf: return ElementType::float16;
    case at::kBFloat16: return ElementType::bfloat16;
    case at::kChar: return ElementType::int8;
    case at::kByte: return ElementType::uint8;
    case at::kShort: return ElementType::int16;
    case at::kInt: return ElementType::int32;
    case at::kLong: return ElementType::int64;
    case at::kBool: return ElementType::boolean;
    default: throw InternalError("libtorch type " + std::string(at::toString(type)) + " has no counterpart");
  }
}

at::Device torch_device(Device device) { return device == Device::cpu ? at::Device(at::kCPU) : at::Device(at::kCUDA); }

at::ScalarType storage_type(Arithmetic arithmetic) { return arithmetic == Arithmetic::fp64 ? at::kDouble : at::kFloat; }

at::Tensor share_with_torch(const Tensor& tensor) {
  const at::ScalarType type = torch_type(tensor.type());
  auto keeper = std::make_shared<Tensor>(tensor.cast(element_type(type)));
  // libtorch has no tensors of constant bytes; the contract above stands for it.
  void* bytes = const_cast<std::byte*>(keeper->data());
  const std::vector<int64_t> extents = tensor.extents();
  if (tensor.empty()) return at::empty(extents, at::TensorOptions(type));
  return at::from_blob(
      bytes, extents, [keeper](void*) {}, at::TensorOptions(type));
}

at::Tensor copy_to_torch(const Tensor& tensor) { return share_with_torch(tensor).clone(); }

Tensor from_torch(const at::Tensor& tensor) {
  auto keeper = std::make_shared<at::Tensor>(tensor.detach().to(at::kCPU).contiguous());
  const ElementType type = element_type(keeper->scalar_type());
  const std::vector<int64_t> extents = keeper->sizes().vec();
  const void* bytes = keeper->data_ptr();
  return Tensor(type, extents, std::shared_ptr<const void>(keeper, bytes), bytes);
}

at::Generator make_generator(Device device) {
  if (device == Device::cpu) return at::make_generator<at::CPUGeneratorImpl>();
  return at::globalContext().defaultGenerator(torch_device(device)).clone();
}

}  // namespace nacre
