#include "nacre/hw/target_registry.hpp"

namespace nacre {

const TargetRegistry& target_registry() {
  static const TargetRegistry registry = [] {
    TargetRegistry list("target", "targets");
    register_macs(list);
    register_host(list);
    return list;
  }();
  return registry;
}

}  // namespace nacre
