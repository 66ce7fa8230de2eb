#include "nacre/hw/accelerator/accelerator_registry.hpp"

#include "nacre/base/config.hpp"
#include "nacre/hw/accelerator/description_file.hpp"

// Files of data/accelerators, built in by CMake: one namespace each.
namespace nacre::accelerator_presets {
namespace eyeriss {
extern const std::string_view yaml;
}
namespace nvdla_large {
extern const std::string_view yaml;
}
namespace nvdla_small {
extern const std::string_view yaml;
}
namespace shidiannao {
extern const std::string_view yaml;
}
namespace gemmini {
extern const std::string_view yaml;
}
namespace tpu_like {
extern const std::string_view yaml;
}
namespace edge_npu {
extern const std::string_view yaml;
}
}  // namespace nacre::accelerator_presets

namespace nacre {
namespace {

struct Preset {
  const char* name;
  const std::string_view& text;
  const char* summary;
  const char* source;
};

namespace presets = accelerator_presets;

// In the order of `nacre list accelerators`.
const Preset kPresets[] = {
    {"eyeriss", presets::eyeriss::yaml, "14x12 row-stationary array with three register files in every element",
     "Chen et al., JSSC 2017; energy ratios of ISCA 2016"},
    {"nvdla_large", presets::nvdla_large::yaml,
     "32 output channels by 64 input channels, weights kept at the multipliers",
     "nvdla/hw, nv_large.spec: 2,048 int8 multipliers, 512 KiB convolution buffer"},
    {"nvdla_small", presets::nvdla_small::yaml, "8 output channels by 8 input channels, 128 KiB buffer",
     "nvdla/hw, nv_small.spec: 64 int8 multipliers, 128 KiB convolution buffer"},
    {"shidiannao", presets::shidiannao::yaml, "8x8 output pixels, outputs kept, inputs handed on between neighbors",
     "Du et al., ISCA 2015"},
    {"gemmini", presets::gemmini::yaml, "16x16 systolic array, 256 KiB scratchpad, 64 KiB accumulator, 32 bit sums",
     "Genc et al., DAC 2021"},
    {"tpu_like", presets::tpu_like::yaml, "256x256 weight-stationary systolic array, 24 MiB of unified buffer",
     "Jouppi et al., ISCA 2017"},
    {"edge_npu", presets::edge_npu::yaml, "32x16 multipliers of four lanes, 1 MiB buffer, LPDDR4: no existing chip",
     "made up of published constants"}};

}  // namespace

const Registry<AcceleratorFactory>& accelerator_registry() {
  static const Registry<AcceleratorFactory> kRegistry = [] {
    Registry<AcceleratorFactory> registry("accelerator", "accelerators");
    for (const Preset& preset : kPresets) {
      registry.add({.name = preset.name,
                    .summary = preset.summary,
                    .source = preset.source,
                    .example = std::string(preset.text)},
                   [&preset] {
                     return accelerator_from_config(
                         parse_config(preset.text, std::string("accelerator ") + preset.name), {});
                   });
    }
    return registry;
  }();
  return kRegistry;
}

std::string_view accelerator_preset_text(std::string_view name) {
  accelerator_registry().get(name);
  for (const Preset& preset : kPresets)
    if (name == preset.name) return preset.text;
  throw InternalError("a registered accelerator without a text");
}

}  // namespace nacre
