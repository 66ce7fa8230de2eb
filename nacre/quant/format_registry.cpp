// The formats that `nacre list formats` names: those of the papers and of devices. The grammar of format.hpp has many more.
#include "nacre/quant/format.hpp"

namespace nacre {
namespace {

struct Known {
  const char* name;
  const char* summary;
  const char* source;
};

constexpr const char* kMx = "OCP Microscaling v1.0";
constexpr const char* kStudy = "arXiv 2510.25602";
constexpr const char* kWhitepaper = "arXiv 2303.17951";

constexpr Known kFormats[] = {
    {"int8", "8-bit integers, one scale for the tensor", "arXiv 2205.07877"},
    {"int8:channel", "8-bit integers, a scale for each channel", "arXiv 2205.07877"},
    {"int8:token", "8-bit integers, a scale for each row", "arXiv 2402.17764"},
    {"uint8:affine", "8-bit integers with a zero point", "ONNX QuantizeLinear"},
    {"int6", "6-bit integers, one scale for the tensor", ""},
    {"int4", "4-bit integers, one scale for the tensor", ""},
    {"int4:channel:mse", "4-bit integers, each channel's scale of least error", "arXiv 2303.17951"},
    {"int4:g128", "4-bit integers in groups of 128", "GPTQ, arXiv 2210.17323"},
    {"int2", "2-bit integers", ""},
    {"fp8_e4m3", "8-bit floats of OCP, to 448", "arXiv 2209.05433"},
    {"fp8_e5m2", "8-bit floats of OCP, to 57344", "arXiv 2209.05433"},
    {"fp8_e3m4", "8-bit floats, all codes numbers", kWhitepaper},
    {"fp8_e2m5", "8-bit floats, all codes numbers", kWhitepaper},
    {"fp8_e4m3fnuz", "8-bit floats without negative zero, bias 8, to 240", "arXiv 2206.02915"},
    {"fp8_e5m2fnuz", "8-bit floats without negative zero, bias 16", "arXiv 2206.02915"},
    {"fp8_e4m3b11fnuz", "8-bit floats without negative zero, bias 11, to 30", "ml_dtypes"},
    {"fp6_e2m3", "6-bit floats of OCP, to 7.5", kMx},
    {"fp6_e3m2", "6-bit floats of OCP, to 28", kMx},
    {"fp4", "4-bit floats of OCP: 0, 0.5, 1, 1.5, 2, 3, 4, 6", kMx},
    {"fp16", "IEEE half", "IEEE 754"},
    {"bf16", "the upper half of fp32", ""},
    {"tf32", "19 bits in 32; for accumulators", ""},
    {"fp32", "IEEE single; for accumulators", "IEEE 754"},
    {"int32", "for accumulators", ""},
    {"mxint8", "blocks of 32: 8-bit integers, a power of two", kMx},
    {"mxint6", "blocks of 32: 6-bit integers, a power of two", kStudy},
    {"mxint4", "blocks of 32: 4-bit integers, a power of two", kStudy},
    {"mxfp8", "blocks of 32: E4M3, a power of two", kMx},
    {"mxfp8_e5m2", "blocks of 32: E5M2, a power of two", kMx},
    {"mxfp6", "blocks of 32: E2M3, a power of two", kMx},
    {"mxfp6_e3m2", "blocks of 32: E3M2, a power of two", kMx},
    {"mxfp4", "blocks of 32: E2M1, a power of two", kMx},
    {"nvfp4", "blocks of 16: E2M1, an E4M3 scale, one fp32", kStudy},
    {"nvint4", "blocks of 16: 4-bit integers, an E4M3 scale, one fp32", kStudy},
    {"nvint4:rotate=hadamard:16", "NVINT4 behind a random Hadamard rotation", kStudy},
    {"pow2:2", "zero and one magnitude: ternary with a power of two", "arXiv 2004.02396"},
    {"pow2:3", "zero and three powers of two", "arXiv 2004.02396"},
    {"pow2:4", "zero and seven powers of two", "arXiv 2004.02396"},
    {"apot:5", "sums of two powers of two", "arXiv 1909.13144"},
    {"ternary", "-1, 0, 1 times the mean magnitude", "arXiv 2402.17764"},
    {"ternary:channel", "-1, 0, 1 times each channel's mean magnitude", "arXiv 2402.17764"},
    {"binary:channel", "signs times each channel's mean magnitude", "arXiv 1603.05279"},
    {"nf4", "quantiles of a normal distribution, groups of 64", "arXiv 2305.14314"},
};

}  // namespace

const FormatRegistry& format_registry() {
  static const FormatRegistry registry = [] {
    FormatRegistry list("format", "formats");
    for (const Known& known : kFormats) {
      const std::string name = known.name;
      const bool accumulator = std::string_view(known.summary).find("accumulators") != std::string_view::npos;
      const std::string example = accumulator ? "nacre formats list" : "nacre formats show " + name;
      list.add({.name = name, .summary = known.summary, .source = known.source, .example = example}, name);
    }
    return list;
  }();
  return registry;
}

}  // namespace nacre
