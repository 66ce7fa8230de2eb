#include "nacre/hw/accelerator/accelerator_registry.hpp"

#include <span>
#include <utility>

#include "nacre/base/config.hpp"
#include "nacre/hw/accelerator/description_file.hpp"

// Files of data/accelerators, built in by CMake.
namespace nacre::accelerator_presets {
extern const std::span<const std::pair<std::string_view, std::string_view>> files;
}

namespace nacre {

const Registry<AcceleratorFactory>& accelerator_registry() {
  static const Registry<AcceleratorFactory> kRegistry = [] {
    Registry<AcceleratorFactory> registry("accelerator", "accelerators");
    for (const auto& [name, text] : accelerator_presets::files) {
      const AcceleratorDescription accelerator =
          accelerator_from_config(parse_config(text, "accelerator " + std::string(name)), {});
      registry.add({.name = std::string(name),
                    .summary = accelerator.summary,
                    .source = accelerator.source,
                    .example = std::string(text)},
                   [accelerator] { return accelerator; });
    }
    return registry;
  }();
  return kRegistry;
}

}  // namespace nacre
