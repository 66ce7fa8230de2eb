// Built instead of runtime/torch when nacre has no libtorch.
#include "nacre/hw/host_runtime.hpp"
#include "nacre/base/error.hpp"

namespace nacre {

std::string host_runtime_missing() {
  return "this nacre was built without libtorch (NACRE_TORCH=OFF); use target macs, or build with libtorch";
}

std::string host_runtime_text() { return "none"; }

std::unique_ptr<HostModel> make_host_model(const Graph&, const HostModelOptions&) {
  throw UserError(host_runtime_missing());
}

NamedTensors run_on_host(const Graph&, const NamedTensors&, uint64_t) { throw UserError(host_runtime_missing()); }

}  // namespace nacre
