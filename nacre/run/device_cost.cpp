#include "nacre/run/device_cost.hpp"

#include "nacre/study/file_lock.hpp"

namespace nacre {

Cost cost_on_device(Target& target, const Design& design, const Deployment& deployment,
                    const std::function<bool()>& interrupted) {
  if (!target.measures()) return target.cost(design, deployment, {});
  target.set_interruption(interrupted);
  const DeviceLock alone(target.device(), FileLock::Mode::exclusive, interrupted);
  return target.cost(design, deployment, {});
}

}  // namespace nacre
