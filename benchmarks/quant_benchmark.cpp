// Number formats: rounding in place of 32-bit floats and encoding to packed bytes, beside memcpy of the same floats in the same run.
// Bytes per second are those of the floats read. The plain codec that judges the kernels stands below.
#include <benchmark/benchmark.h>

#include <cstring>

#include "nacre/base/random.hpp"
#include "nacre/quant/quantize.hpp"
#include "nacre/quant/reference_codec.hpp"

namespace nacre {
namespace {

const std::vector<float>& numbers(size_t count) {
  static std::vector<float> values;
  if (values.size() < count) {
    Random random(1);
    std::vector<float> some(1 << 16);
    for (float& value : some) value = static_cast<float>(random.normal());
    values.resize(count);
    for (size_t i = 0; i < count; ++i) values[i] = some[i & 0xffff];
  }
  return values;
}

void finish(benchmark::State& state) { state.SetBytesProcessed(state.iterations() * state.range(0)); }

void copy(benchmark::State& state) {
  const auto bytes = static_cast<size_t>(state.range(0));
  const std::vector<float>& values = numbers(bytes / 4);
  std::vector<float> out(bytes / 4);
  for (auto _ : state) {
    std::memcpy(out.data(), values.data(), bytes);
    benchmark::ClobberMemory();
  }
  finish(state);
}

void round_tensor(benchmark::State& state, const char* text) {
  const auto count = static_cast<size_t>(state.range(0)) / 4;
  const std::span<const float> values = std::span(numbers(count)).first(count);
  std::vector<float> out(count);
  const Format format = parse_format(text);
  const std::vector<int64_t> shape = {static_cast<int64_t>(count)};
  for (auto _ : state) {
    fake_quantize(values, out, shape, 0, format);
    benchmark::ClobberMemory();
  }
  finish(state);
}

void encode_tensor(benchmark::State& state, const char* text) {
  const auto count = static_cast<size_t>(state.range(0)) / 4;
  const std::span<const float> values = std::span(numbers(count)).first(count);
  const Format format = parse_format(text);
  const std::vector<int64_t> shape = {static_cast<int64_t>(count)};
  for (auto _ : state) benchmark::DoNotOptimize(quantize(values, shape, 0, format));
  finish(state);
}

void plain_codec(benchmark::State& state, const char* text) {
  const auto count = static_cast<size_t>(state.range(0)) / 4;
  const std::span<const float> values = std::span(numbers(count)).first(count);
  const Format format = parse_format(text);
  const ScaleUnits units(std::vector<int64_t>{static_cast<int64_t>(count)}, 0, format.scale);
  for (auto _ : state) benchmark::DoNotOptimize(reference_encode(values, units, format, 0));
  finish(state);
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  for (const int64_t bytes :
       {int64_t{1} << 10, int64_t{1} << 16, int64_t{1} << 20, int64_t{64} << 20, int64_t{1} << 30})
    benchmark->Arg(bytes);
}

BENCHMARK(copy)->Apply(sizes);
#define NACRE_FORMAT(name, text)                             \
  BENCHMARK_CAPTURE(round_tensor, name, text)->Apply(sizes); \
  BENCHMARK_CAPTURE(encode_tensor, name, text)->Apply(sizes)
NACRE_FORMAT(mxfp8, "mxfp8");
NACRE_FORMAT(mxint8, "mxint8");
NACRE_FORMAT(mxfp4, "mxfp4");
NACRE_FORMAT(nvfp4, "nvfp4");
NACRE_FORMAT(int4_g128, "int4:g128");
NACRE_FORMAT(int8, "int8");
BENCHMARK_CAPTURE(plain_codec, mxfp8, "mxfp8")->Arg(1 << 20);
BENCHMARK_CAPTURE(plain_codec, int4_g128, "int4:g128")->Arg(1 << 20);

}  // namespace
}  // namespace nacre
