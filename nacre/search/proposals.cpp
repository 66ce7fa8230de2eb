#include "nacre/search/proposals.hpp"

namespace nacre {
namespace {

constexpr int kDraws = 16;
constexpr int kSamples = 64;  // all known by chance in a space that is half unseen: 2^-64

Candidate made(Decisions decisions, const Proposals::Maker& maker) {
  Candidate candidate;
  candidate.decisions = std::move(decisions);
  candidate.parents = maker.parents;
  candidate.made_by = maker.text;
  return candidate;
}

}  // namespace

bool Proposals::exhausted() const { return trace_.count() <= seen_.size(); }

void Proposals::remember_told(const Candidate& candidate) {
  if (!candidate.graph_text.empty() || known(candidate.decisions)) return;
  if (trace_.is_complete(candidate.decisions)) remember(candidate.decisions);
}

std::optional<Candidate> Proposals::draw(const std::function<Decisions(Random&)>& draw, const Maker& maker,
                                         Random& random) {
  if (exhausted()) return std::nullopt;
  for (int i = 0; i < kDraws; ++i) {
    Decisions decisions = draw(random);
    if (remember(decisions)) return made(std::move(decisions), maker);
    ++repeats_avoided_;
  }
  return sample(random);
}

std::optional<Candidate> Proposals::sample(Random& random) {
  if (exhausted()) return std::nullopt;
  for (int i = 0; i < kSamples; ++i) {
    Decisions decisions = trace_.sample(random);
    if (remember(decisions)) return made(std::move(decisions), {"random"});
    ++repeats_avoided_;
  }
  return made(next_unseen(random), {"random"});
}

Decisions Proposals::next_unseen(Random& random) {
  Count index = random_below(trace_.count(), random);
  for (;;) {
    Decisions decisions = trace_.at(index);
    if (remember(decisions)) return decisions;
    if (++index == trace_.count()) index = 0;
  }
}

}  // namespace nacre
