// Where a design runs: answers its cost.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

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
  // Cost of one run of the design's graph (parameters need not have data). UserError when it cannot be costed at all.
  virtual Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile& activity) = 0;
};

}  // namespace nacre
