// Candidates for a model to choose from: the surroundings of the best that is known, and some of everything.
//
// The neighbors of a center (one decision changed) are made once, when it becomes one; what is two steps away, children of
// two centers and uniform samples are drawn anew each time. Nothing that was proposed is in it, and nothing twice.
#pragma once

#include <map>
#include <unordered_set>
#include <vector>

#include "nacre/search/decision_encoding.hpp"
#include "nacre/search/proposals.hpp"

namespace nacre {

class CandidatePool {
 public:
  struct Member {
    Decisions decisions;
    Hash128 hash;  // its identity
    DecisionRow row;
    Proposals::Maker maker;
  };
  struct Center {
    int64_t number;  // of the trial
    const Decisions* decisions;
  };
  struct Sizes {
    size_t neighbors = 64;  // of each center at most
    size_t two_steps = 150;
    size_t children = 50;
    size_t samples = 150;
  };

  CandidatePool(const Trace& trace, const DecisionEncoding& encoding, const Proposals& proposals, Sizes sizes)
      : trace_(trace), encoding_(encoding), proposals_(proposals), sizes_(sizes) {}

  // Both valid until the next call of either.
  const std::vector<const Member*>& around(const std::vector<Center>& centers, Random& random);
  const std::vector<const Member*>& of(std::vector<Decisions> decisions, const Proposals::Maker& maker);

 private:
  Member member(Decisions decisions, Proposals::Maker maker) const;
  std::vector<Member> neighbors(const Center& center, Random& random) const;
  void add(const Member& member);

  const Trace& trace_;
  const DecisionEncoding& encoding_;
  const Proposals& proposals_;
  const Sizes sizes_;
  std::map<int64_t, std::vector<Member>> near_;  // by the center's number
  std::vector<Member> drawn_;
  std::unordered_set<Hash128> distinct_;
  std::vector<const Member*> members_;
};

}  // namespace nacre
