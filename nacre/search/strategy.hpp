// A search strategy: proposes candidates and learns from finished trials. It sees decisions and metrics; no network runs
// in it. Its whole state follows from the sequence of calls, so a study is resumed by replaying its history.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nacre/base/json.hpp"
#include "nacre/base/random.hpp"
#include "nacre/base/registry.hpp"
#include "nacre/design/design.hpp"
#include "nacre/design/trial.hpp"
#include "nacre/search/objective.hpp"
#include "nacre/space/cell_graph.hpp"
#include "nacre/space/nearest_network.hpp"
#include "nacre/space/space.hpp"
#include "nacre/space/trace.hpp"

namespace nacre {

struct StrategyContext {
  const Trace& trace;                      // must outlive the strategy
  ObjectiveSet objectives;                 // what is optimized and the limits
  int64_t trials = 0;                      // planned, 0: until time is up
  std::filesystem::path base_folder = {};  // of the configuration: programs and files of a strategy start here
  std::function<bool()> interrupted = {};  // asked while a strategy waits for others; true: it throws Interrupted
  // The design of complete decisions, for strategies that look at networks; empty where no space is at hand.
  std::function<Design(const Decisions&)> build = {};
  // What the space knows of it by formula; empty, or answers nothing, where it knows nothing.
  std::function<std::optional<NetworkSummary>(const Decisions&)> summarize = {};
  // What is known of a design's costs without evaluating or measuring it: counts, and what the target looks up or models.
  std::function<Metrics(const Design&)> costs = {};
  double epochs = 0;  // of a trial at full fidelity; 0: the study has no such thing
  // As in Space: which decisions are one network, and the cell that they describe. Empty, or answers nothing: not known.
  std::function<std::optional<Hash128>(const Decisions&)> identify = {};
  std::function<std::optional<CellGraph>(const Decisions&)> cell = {};
  // Where only some networks of the space can be evaluated (a table of a sample): which one to ask for instead.
  NearestNetwork nearest = {};
};

// What a strategy asks for.
struct Proposal {
  Candidate candidate;
  std::optional<Fidelity> fidelity;  // nothing: the study's
  int64_t continues = -1;            // the trial whose trained weights training goes on from; -1: from fresh ones

  Proposal(Candidate proposed) : candidate(std::move(proposed)) {}  // implicit: most strategies ask for no more
  Proposal(Candidate proposed, Fidelity exactness, int64_t continued = -1)
      : candidate(std::move(proposed)), fidelity(exactness), continues(continued) {}
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  // The next candidate, or nothing when every decision set of the space was proposed. `number` counts asks from 0; all
  // randomness comes from `random`, the stream of that number. May be called several times before the matching tells.
  // No decision set is proposed twice at one fidelity (nor one that was told without being asked) while others remain.
  virtual std::optional<Proposal> ask(int64_t number, Random& random) = 0;
  // A finished trial (any status). Called once per ask, in the order of ask numbers.
  virtual void tell(const Trial& trial) = 0;
  // True: a resumed study does not ask again for what is recorded but hands it over by replay(), in the place of ask().
  virtual bool takes_record() const { return false; }
  virtual void replay(int64_t /*number*/, Random& /*random*/, const Proposal& /*proposal*/) {}
  // Counters for the report and progress lines: proposals drawn again because they were known ("repeats_avoided"),
  // restarts, generations.
  virtual Json statistics() const { return Json::object(); }
};

using StrategyFactory =
    std::function<std::unique_ptr<Strategy>(const Options& options, const StrategyContext& context)>;
const Registry<StrategyFactory>& strategy_registry();

}  // namespace nacre
