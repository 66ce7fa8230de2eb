#include "nacre/hw/target_registry.hpp"

namespace nacre {

const TargetRegistry& target_registry() {
  static const TargetRegistry registry = [] {
    TargetRegistry list("target", "targets");
    register_macs(list);
    register_host(list);
    register_host_table(list);
    register_command(list);
    register_onnxruntime(list);
    register_heterogeneous(list);
    register_accelerator(list);
    return list;
  }();
  return registry;
}

std::unique_ptr<Target> make_target(const Json& section, const std::filesystem::path& base_folder) {
  const auto& entry = target_registry().get(section.at("kind").get<std::string>());
  Json own = section;
  own.erase("kind");
  return entry.make(options_from_json(own, entry.parameters, "target " + entry.name), {base_folder});
}

}  // namespace nacre
