// Remembers what a strategy proposed, so that no network is proposed twice while unseen ones remain.
//
// Networks are told apart by their identity: that of the space where several decision sets are one network (Space::identity_of), else
// the decisions themselves. Where only some networks can be evaluated, a draw stands for the nearest of them that is unseen
// (StrategyContext::nearest).
//
// A strategy hands over its way of drawing (mutation, crossover, a uniform sample). A draw that is already known is drawn
// again a bounded number of times, then replaced by a uniform sample; when those are known too, which happens only in a
// nearly exhausted space, by the next unseen network after a random place of the enumeration. So the guarantee holds
// in a space of twelve networks, and costs one hash look-up in a large one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "nacre/base/hash.hpp"
#include "nacre/search/strategy.hpp"
#include "nacre/space/trace.hpp"

namespace nacre {

class Proposals {
 public:
  // How a candidate was made, for the report.
  struct Maker {
    std::string text;                   // "mutation of 12"
    std::vector<int64_t> parents = {};  // ask numbers
  };

  // The trace must outlive this.
  explicit Proposals(const Trace& trace) : trace_(trace) {}
  explicit Proposals(const StrategyContext& context)
      : trace_(context.trace), identify_(context.identify), nearest_(context.nearest) {}

  // An unseen candidate, remembered from now on; nothing when none is left. `draw` is called again while it repeats itself;
  // a sample in its place is marked "random" without parents.
  std::optional<Candidate> draw(const std::function<Decisions(Random&)>& draw, const Maker& maker, Random& random);
  std::optional<Candidate> sample(Random& random);

  // What networks are told apart by.
  Hash128 identity(const Decisions& decisions) const {
    if (!identify_) return decisions.hash();
    const std::optional<Hash128> own = identify_(decisions);
    return own ? *own : decisions.hash();
  }
  // For strategies with candidates of their own: what can be evaluated of a wish, the decisions themselves as a rule. Otherwise the
  // nearest network that was not proposed and is not in `also_taken`; when none is left, the nearest of all, which is known.
  Decisions placed(Decisions wanted, const std::unordered_set<Hash128>* also_taken = nullptr) const;

  // Remembers decisions that came from elsewhere. False when their network was known.
  bool remember(const Decisions& decisions) { return seen_.insert(identity(decisions)).second; }
  // Of a finished trial: remembered when it is a complete decision set of the space.
  void remember_told(const Candidate& candidate);
  bool known(const Decisions& decisions) const { return known(identity(decisions)); }
  bool known(const Hash128& identity) const { return seen_.contains(identity); }
  // No unseen network is left. Where a space has identities of its own, that is known only once a search for one was in vain.
  bool exhausted() const;
  // Draws that were thrown away because they were known.
  int64_t repeats_avoided() const { return repeats_avoided_; }

 private:
  std::optional<Decisions> next_unseen(Random& random);

  const Trace& trace_;
  const std::function<std::optional<Hash128>(const Decisions&)> identify_;
  const NearestNetwork nearest_;
  std::unordered_set<Hash128> seen_;
  bool found_nothing_ = false;
  int64_t repeats_avoided_ = 0;
};

}  // namespace nacre
