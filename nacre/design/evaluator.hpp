// How good a design is: fills a trial's metrics.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "nacre/design/design.hpp"
#include "nacre/design/task.hpp"
#include "nacre/design/trial.hpp"

namespace nacre {

// What an evaluation may use while it runs.
struct EvaluationContext {
  std::filesystem::path artifacts;                           // where weights may be left; content-named files
  std::function<bool()> interrupted = [] { return false; };  // asked often; true: throw Interrupted
  std::function<bool(const CurvePoint&)> report = [](const CurvePoint&) { return true; };  // false: prune
};

class Evaluator {
 public:
  virtual ~Evaluator() = default;

  virtual const std::string& name() const = 0;
  // Names what would make the same request give another result: numerics class, library versions.
  virtual std::string identity() const = 0;
  // Names of a design all that its result depends on: two designs of one text have one result, which is not paid twice.
  virtual std::string identity_of(const Design& design) const { return design_identity(design); }
  // Fills metrics, curve, status, weights and time_s of `trial` (candidate and request are given). Deterministic in
  // (design, request) on one machine with one thread count. Throws Interrupted; anything wrong with the network itself is
  // a failed trial with a reason, not an exception.
  virtual void evaluate(const Design& design, Trial& trial, const EvaluationContext& context) = 0;
};

}  // namespace nacre
