#include "nacre/search/proposals.hpp"

namespace nacre {
namespace {

constexpr int kDraws = 16;
constexpr int kSamples = 64;  // all known by chance in a space that is half unseen: 2^-64
constexpr int64_t kEnumerated = 1 << 20;

Candidate made(Decisions decisions, const Proposals::Maker& maker) {
  Candidate candidate;
  candidate.decisions = std::move(decisions);
  candidate.parents = maker.parents;
  candidate.made_by = maker.text;
  return candidate;
}

}  // namespace

bool Proposals::exhausted() const { return found_nothing_ || trace_.count() <= seen_.size(); }

void Proposals::remember_told(const Candidate& candidate) {
  if (!candidate.graph_text.empty() || known(candidate.decisions)) return;
  if (trace_.is_complete(candidate.decisions)) remember(candidate.decisions);
}

Decisions Proposals::placed(Decisions wanted, const std::unordered_set<Hash128>* also_taken) const {
  if (!nearest_) return wanted;
  std::optional<Decisions> found = nearest_(wanted, [&](const Hash128& identity) {
    return known(identity) || (also_taken != nullptr && also_taken->contains(identity));
  });
  if (!found) found = nearest_(wanted, [](const Hash128&) { return false; });
  return found ? *std::move(found) : std::move(wanted);
}

std::optional<Candidate> Proposals::draw(const std::function<Decisions(Random&)>& draw, const Maker& maker,
                                         Random& random) {
  if (exhausted()) return std::nullopt;
  for (int i = 0; i < kDraws; ++i) {
    Decisions decisions = placed(draw(random));
    if (remember(decisions)) return made(std::move(decisions), maker);
    ++repeats_avoided_;
  }
  return sample(random);
}

std::optional<Candidate> Proposals::sample(Random& random) {
  if (exhausted()) return std::nullopt;
  for (int i = 0; i < kSamples; ++i) {
    Decisions decisions = placed(trace_.sample(random));
    if (remember(decisions)) return made(std::move(decisions), {"random"});
    ++repeats_avoided_;
  }
  std::optional<Decisions> decisions = next_unseen(random);
  if (!decisions) return std::nullopt;
  return made(*std::move(decisions), {"random"});
}

// Looks at the whole enumeration of a space that is not large.
std::optional<Decisions> Proposals::next_unseen(Random& random) {
  Count index = random_below(trace_.count(), random);
  for (int64_t tried = 0; tried < kEnumerated && trace_.count() > tried; ++tried) {
    Decisions decisions = placed(trace_.at(index));
    if (remember(decisions)) return decisions;
    if (nearest_) break;  // the nearest that is left is as far from everywhere
    if (++index == trace_.count()) index = 0;
  }
  found_nothing_ = true;
  return std::nullopt;
}

}  // namespace nacre
