#include "nacre/nn/arithmetic.hpp"

#include <array>

namespace nacre {
namespace {

constexpr std::array<std::string_view, 2> kDevices = {"cpu", "cuda"};
constexpr std::array<std::string_view, 3> kArithmetics = {"fp32", "bf16", "fp64"};

template <class E, size_t N>
E from_name(const std::array<std::string_view, N>& names, std::string_view what, std::string_view name,
            const SourcePosition& position) {
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<E>(i);
  }
  const std::vector<std::string> accepted(names.begin(), names.end());
  throw UserError(position, unknown_name_message(what, name, accepted));
}

}  // namespace

std::string_view device_name(Device device) { return kDevices[static_cast<size_t>(device)]; }
std::string_view arithmetic_name(Arithmetic arithmetic) { return kArithmetics[static_cast<size_t>(arithmetic)]; }

Device device_from_name(std::string_view name, const SourcePosition& position) {
  return from_name<Device>(kDevices, "device", name, position);
}

Arithmetic arithmetic_from_name(std::string_view name, const SourcePosition& position) {
  return from_name<Arithmetic>(kArithmetics, "arithmetic", name, position);
}

Json to_json(const Numerics& numerics) {
  return {{"device", device_name(numerics.device)},
          {"arithmetic", arithmetic_name(numerics.arithmetic)},
          {"channels_last", numerics.channels_last},
          {"fused", numerics.fused},
          {"threads", numerics.threads}};
}

Numerics numerics_from_json(const Json& json) {
  Numerics numerics;
  try {
    numerics.device = device_from_name(json.at("device").get<std::string>());
    numerics.arithmetic = arithmetic_from_name(json.at("arithmetic").get<std::string>());
    numerics.channels_last = json.at("channels_last").get<bool>();
    numerics.fused = json.at("fused").get<bool>();
    numerics.threads = json.at("threads").get<int>();
  } catch (const Json::exception& error) {
    throw UserError("malformed numerics: " + std::string(error.what()));
  }
  return numerics;
}

std::string numerics_text(const Numerics& numerics) {
  std::string text =
      std::string(device_name(numerics.device)) + ", " + std::string(arithmetic_name(numerics.arithmetic)) +
      (numerics.channels_last ? ", channels-last" : ", channels-first") + (numerics.fused ? "" : ", unfused");
  if (numerics.device == Device::cpu)
    text += ", " + std::to_string(numerics.threads) + (numerics.threads == 1 ? " thread" : " threads");
  return text;
}

}  // namespace nacre
