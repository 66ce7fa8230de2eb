// From nacre's values to libtorch's and back. Internal to modules that run networks: includes libtorch.
#pragma once

#include "nacre/ir/tensor.hpp"
#include "nacre/nn/arithmetic.hpp"
#include "nacre/nn/torch_headers.hpp"

namespace nacre {

// uint16 and uint32 are carried in int32 and int64. UserError for what libtorch cannot hold (int4, uint64, 8-bit floats, text).
at::ScalarType torch_type(ElementType type);
ElementType element_type(at::ScalarType type);
at::Device torch_device(Device device);
// Of random numbers on that device, with a state of its own.
at::Generator make_generator(Device device);
// float, double of a Numerics: what parameters and inputs are kept in (bf16 keeps fp32).
at::ScalarType storage_type(Arithmetic arithmetic);

// Shares the bytes of `tensor` (which the result keeps alive) unless carried, and must only be read.
at::Tensor share_with_torch(const Tensor& tensor);
// A copy that libtorch owns.
at::Tensor copy_to_torch(const Tensor& tensor);
// Row-major copy on the host; shares the bytes when `tensor` is contiguous and on the host.
Tensor from_torch(const at::Tensor& tensor);

}  // namespace nacre
