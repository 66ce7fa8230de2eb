#include "nacre/search/candidate_pool.hpp"

#include <algorithm>

namespace nacre {

CandidatePool::Member CandidatePool::member(Decisions decisions, Proposals::Maker maker) const {
  decisions = proposals_.placed(std::move(decisions));
  const Hash128 hash = proposals_.identity(decisions);
  DecisionRow row = encoding_.row(decisions);
  return {std::move(decisions), hash, std::move(row), std::move(maker)};
}

std::vector<CandidatePool::Member> CandidatePool::neighbors(const Center& center, Random& random) const {
  std::vector<Decisions> all = trace_.neighbors(*center.decisions, random);
  random.shuffle(std::span(all));
  if (all.size() > sizes_.neighbors) all.resize(sizes_.neighbors);
  std::vector<Member> result;
  for (Decisions& decisions : all) {
    result.push_back(member(std::move(decisions), {"neighbor of " + std::to_string(center.number), {center.number}}));
  }
  return result;
}

void CandidatePool::add(const Member& member) {
  if (!proposals_.known(member.hash) && distinct_.insert(member.hash).second) members_.push_back(&member);
}

const std::vector<const CandidatePool::Member*>& CandidatePool::around(const std::vector<Center>& centers,
                                                                       Random& random) {
  members_.clear();
  distinct_.clear();
  std::map<int64_t, std::vector<Member>> near;
  for (const Center& center : centers) {
    const auto known = near_.find(center.number);
    near[center.number] = known == near_.end() ? neighbors(center, random) : std::move(known->second);
  }
  near_ = std::move(near);
  drawn_.clear();
  drawn_.reserve(sizes_.two_steps + sizes_.children + sizes_.samples);  // members_ points into it
  if (!centers.empty()) {
    for (size_t i = 0; i < sizes_.two_steps; ++i) {
      const Center& center = centers[i % centers.size()];
      drawn_.push_back(member(trace_.mutate(trace_.mutate(*center.decisions, random), random),
                              {"mutation of " + std::to_string(center.number), {center.number}}));
    }
    for (size_t i = 0; i < sizes_.children && centers.size() > 1; ++i) {
      const Center& a = centers[random.below(centers.size())];
      const Center& b = centers[random.below(centers.size())];
      drawn_.push_back(
          member(trace_.cross_over(*a.decisions, *b.decisions, random),
                 {"child of " + std::to_string(a.number) + " and " + std::to_string(b.number), {a.number, b.number}}));
    }
  }
  for (size_t i = 0; i < sizes_.samples; ++i) drawn_.push_back(member(trace_.sample(random), {"random"}));
  for (const auto& [number, members] : near_) {
    for (const Member& neighbor : members) add(neighbor);
  }
  for (const Member& drawn : drawn_) add(drawn);
  return members_;
}

const std::vector<const CandidatePool::Member*>& CandidatePool::of(std::vector<Decisions> decisions,
                                                                   const Proposals::Maker& maker) {
  members_.clear();
  distinct_.clear();
  drawn_.clear();
  for (Decisions& one : decisions) drawn_.push_back(member(std::move(one), maker));
  for (const Member& drawn : drawn_) add(drawn);
  return members_;
}

}  // namespace nacre
