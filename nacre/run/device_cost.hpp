// A target asked with its device in hand: measurements of all nacre processes on one machine take turns.
#pragma once

#include <functional>

#include "nacre/design/target.hpp"

namespace nacre {

// Waits for the device when the target measures. Throws Interrupted.
Cost cost_on_device(
    Target& target, const Design& design, const Deployment& deployment,
    const std::function<bool()>& interrupted = [] { return false; });

}  // namespace nacre
