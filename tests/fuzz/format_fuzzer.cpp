// Any text, read as a number format: a format that prints to itself, or a UserError, nothing else. What has codes rounds a few
// numbers, and bytes decode to what was rounded.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "nacre/base/error.hpp"
#include "nacre/quant/quantize.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nacre;
  try {
    const Format format = parse_format({reinterpret_cast<const char*>(data), size});
    const std::string printed = format_text(format);
    if (format_text(parse_format(printed)) != printed) std::abort();
    if (!format.grid->coded()) return 0;
    const std::vector<float> values = {0, -0.0f, 1, -3.7f, 1e30f, 1e-42f, -448, 0.1f, 7.5f};
    const std::vector<int64_t> shape = {9};
    std::vector<float> out(values.size());
    fake_quantize(values, out, shape, 0, format);
    const std::vector<float> decoded = dequantize(quantize(values, shape, 0, format));
    for (size_t i = 0; i < out.size(); ++i)
      if (!std::isfinite(out[i]) || out[i] != decoded[i]) std::abort();
  } catch (const UserError&) {
  }
  return 0;
}
