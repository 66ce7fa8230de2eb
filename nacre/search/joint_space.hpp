// Several spaces and a hardware space as one: the decisions of each under a name of its own, one after the other, so that any
// strategy searches networks for several tasks and the accelerator that they share (co-design).
//
//   cifar10/cell/1<-0 ... | nuclei/height ... | hardware/0/dataflow, hardware/0/pe ...
//
// It is joined from the spaces' traces and not from their definitions: a decision that a space shares between its layers
// (Chooser::shared_scope) would otherwise be shared between tasks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nacre/search/hardware_decisions.hpp"
#include "nacre/space/space.hpp"
#include "nacre/space/trace.hpp"

namespace nacre {

class JointSpace {
 public:
  struct Part {
    std::string name;  // of the task: what its keys begin with
    std::shared_ptr<const Space> space;
  };

  // UserError for no part, two of one name, a name that is "hardware" or holds a slash.
  JointSpace(std::vector<Part> parts, HardwareBudget budget);

  static constexpr const char* kHardwareScope = "hardware";

  const std::vector<Part>& parts() const { return parts_; }
  const HardwareDecisions& hardware() const { return hardware_; }
  const Trace& trace() const { return trace_; }

  // The decisions of one part, with the keys of its own space.
  Decisions network(const Decisions& joint, size_t part) const;
  HeterogeneousAccelerator accelerator(const Decisions& joint) const { return hardware_.accelerator(joint); }
  Decisions join(const std::vector<Decisions>& networks, const HeterogeneousAccelerator& accelerator) const;

  // Equal for joint decisions that are the same networks on the same accelerator.
  Hash128 identity(const Decisions& joint) const;
  Hash128 network_identity(const Decisions& network, size_t part) const;

 private:
  std::vector<Part> parts_;
  HardwareDecisions hardware_;
  Trace trace_;
};

}  // namespace nacre
