// Where and with which numbers a network is run for training: plain values without libtorch.
#pragma once

#include <string>
#include <string_view>

#include "nacre/base/error.hpp"
#include "nacre/base/json.hpp"

namespace nacre {

enum class Device { cpu, cuda };

// fp32 and bf16 are for training (bf16: convolutions and matrix products on bfloat16 inputs with fp32 parameters and
// statistics, the rest on what it is given); fp64 judges gradients.
enum class Arithmetic { fp32, bf16, fp64 };

std::string_view device_name(Device device);
Device device_from_name(std::string_view name, const SourcePosition& position = {});  // UserError for what is none
std::string_view arithmetic_name(Arithmetic arithmetic);
Arithmetic arithmetic_from_name(std::string_view name, const SourcePosition& position = {});

// How the kernels compute. Decided once by measurement (nn/throughput_probe.hpp), kept with the study, equal for all its
// trials: another choice gives other roundings.
struct Numerics {
  Device device = Device::cpu;
  Arithmetic arithmetic = Arithmetic::fp32;
  bool channels_last = true;  // memory order of images: NHWC
  bool fused = true;          // batch norm, residual sum and activation in one pass
  int threads = 1;            // of one trial

  bool operator==(const Numerics&) const = default;
};

Json to_json(const Numerics& numerics);
Numerics numerics_from_json(const Json& json);
// "bf16, channels-last, 1 thread"; part of the key under which results are reused.
std::string numerics_text(const Numerics& numerics);

}  // namespace nacre
