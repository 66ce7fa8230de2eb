// Where a design runs: answers its cost.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nacre/base/error.hpp"
#include "nacre/design/cost.hpp"
#include "nacre/design/design.hpp"

namespace nacre {

// How the design is run there.
struct Deployment {
  int64_t batch = 1;
  int64_t threads = 1;
  SymbolBindings symbols = {};  // e.g. past=1024; "batch" is bound from `batch`
};

// Rates per node that a cost may depend on (sparsity, exits taken, spikes), by scope path; absent: dense and always run.
using ActivityProfile = std::map<std::string, double, std::less<>>;

// The device, or what leads to it, does not answer: nothing is said about the design. A search stops with this message, keeps
// what it has, and goes on by the same command when the device is mended.
class DeviceError : public UserError {
 public:
  using UserError::UserError;
};

class Target {
 public:
  virtual ~Target() = default;

  virtual const std::string& name() const = 0;
  // The metrics it fills, with unit; a limit on anything else is an error.
  virtual const std::vector<MetricSpec>& metrics() const = 0;
  // Names device, versions and settings: part of the reuse key of costs.
  virtual std::string identity() const = 0;
  // True when the answer is a measurement, which takes an exclusive lease on `device()`.
  virtual bool measures() const = 0;
  virtual std::string device() const { return ""; }
  // False when the measuring happens elsewhere (a phone, a board): evaluations on this machine need not pause for it.
  virtual bool uses_this_machine() const { return measures(); }
  // Asked while a measurement takes long; true: it throws Interrupted.
  virtual void set_interruption(std::function<bool()>) {}
  // What measures the costs that this target looks up or predicts; null when there is none. The front is measured on it.
  virtual std::shared_ptr<Target> measured() { return nullptr; }
  // Cost of one run of the design's graph (parameters need not have data). UserError when it cannot be costed at all,
  // DeviceError when that is not the design's fault.
  virtual Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile& activity) = 0;
};

}  // namespace nacre
