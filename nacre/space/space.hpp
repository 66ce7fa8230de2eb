// A search space: one build function, and everything that follows from tracing it once.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/registry.hpp"
#include "nacre/design/design.hpp"
#include "nacre/design/task.hpp"
#include "nacre/ir/entropy.hpp"
#include "nacre/space/chooser.hpp"
#include "nacre/space/trace.hpp"

namespace nacre {

// What a space may know of a network without building it.
struct NetworkSummary {
  std::vector<EntropyScale> scales;  // as entropy_scales of the built graph (ir/entropy.hpp)
  std::vector<int64_t> depths;       // blocks per stage
  std::vector<int64_t> widths;       // channels that each stage puts out
  int64_t params = 0;                // as count_graph of the built graph
  int64_t macs = 0;
};

class CellGraph;

class Space {
 public:
  virtual ~Space() = default;
  virtual const std::string& name() const = 0;
  // Pure: the same decisions give the same design. Parameters are absent (drawn at training).
  virtual Design build(Chooser& choose) const = 0;

  // The same numbers as from the built network, a thousand times faster; nothing where the space has no closed form.
  virtual std::optional<NetworkSummary> summarize(const Decisions& /*complete*/) const { return std::nullopt; }

  // Decisions with one identity are one network by the rule of the space (the key under which a benchmark publishes cells up to
  // the order of their vertices), so that evaluating both is evaluating one twice; nothing: each decision set is its own.
  virtual std::optional<Hash128> identity_of(const Decisions& complete) const;
  // The cell that the network repeats (cell_graph.hpp), where all decisions together are one labeled graph; nothing in other spaces.
  virtual std::optional<CellGraph> cell_of(const Decisions& complete) const;

  // Traced at the first call (threads wait for it); UserError when the definition breaks the rules of Chooser.
  const Trace& trace() const;
  // Replays decisions; missing keys are drawn from `random` (the first alternative when it is null), unused ones are
  // dropped. `resolved` receives the complete decisions when not null.
  Design build(const Decisions& decisions, Random* random = nullptr, Decisions* resolved = nullptr) const;

 private:
  mutable std::mutex trace_mutex_;
  mutable std::unique_ptr<const Trace> trace_;
};

// What a space is made for: the network's inputs and outputs, and the recipe that decisions may alter.
struct SpaceContext {
  std::string task_name = "task";
  TaskSignature signature;
  Recipe recipe;
  std::filesystem::path base_folder = {};  // relative files of a space's options start here
};

using SpaceFactory = std::function<std::unique_ptr<Space>(const Options& options, const SpaceContext& context)>;
const Registry<SpaceFactory>& space_registry();

}  // namespace nacre
