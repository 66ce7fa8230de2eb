// Remembers what a strategy proposed, so that nothing is proposed twice while unseen decision sets remain.
//
// A strategy hands over its way of drawing (mutation, crossover, a uniform sample). A draw that is already known is drawn
// again a bounded number of times, then replaced by a uniform sample; when those are known too, which happens only in a
// nearly exhausted space, by the next unseen decision set after a random place of the enumeration. So the guarantee holds
// in a space of twelve networks, and costs one hash look-up in a large one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "nacre/base/hash.hpp"
#include "nacre/space/trace.hpp"

namespace nacre {

class Proposals {
 public:
  // How a candidate was made, for the report.
  struct Maker {
    std::string text;                   // "mutation of 12"
    std::vector<int64_t> parents = {};  // ask numbers
  };

  // `trace` must outlive this.
  explicit Proposals(const Trace& trace) : trace_(trace) {}

  // An unseen candidate, remembered from now on; nothing when none is left. `draw` is called again while it repeats itself;
  // a sample in its place is marked "random" without parents.
  std::optional<Candidate> draw(const std::function<Decisions(Random&)>& draw, const Maker& maker, Random& random);
  std::optional<Candidate> sample(Random& random);

  // Remembers decisions that came from elsewhere. False when they were known.
  bool remember(const Decisions& decisions) { return seen_.insert(decisions.hash()).second; }
  // Of a finished trial: remembered when it is a complete decision set of the space.
  void remember_told(const Candidate& candidate);
  bool known(const Decisions& decisions) const { return known(decisions.hash()); }
  bool known(const Hash128& hash) const { return seen_.contains(hash); }
  bool exhausted() const;
  // Draws that were thrown away because they were known.
  int64_t repeats_avoided() const { return repeats_avoided_; }

 private:
  Decisions next_unseen(Random& random);

  const Trace& trace_;
  std::unordered_set<Hash128> seen_;
  int64_t repeats_avoided_ = 0;
};

}  // namespace nacre
