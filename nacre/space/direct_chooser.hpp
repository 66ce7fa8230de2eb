// Choosers that build one network: control flow is followed as it is decided. RandomChooser draws each decision by itself
// (not uniform over networks; Trace::sample is), ReplayChooser follows given decisions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/design/candidate.hpp"
#include "nacre/space/chooser.hpp"

namespace nacre {

// Runs what `choose` says, alternative by alternative.
class DirectChooser : public Chooser {
 public:
  ValueId layer(std::string_view name, GraphBuilder& builder, ValueId x, const std::vector<Branch>& branches) override;
  ValueId repeat(std::string_view name, GraphBuilder& builder, ValueId x, std::span<const int64_t> counts,
                 const RepeatBody& body) override;
  using Chooser::repeat;
  std::vector<int64_t> subset(std::string_view name, std::span<const std::string> labels, int64_t k) override;
  ValueId block(std::string_view name, GraphBuilder& builder, ValueId x, const LayerBody& body) override;

  ElasticTable* elastic_table() override { return elastic_; }
  // Sizes that depend on decisions are noted in `table` from now on; null: no longer.
  void record_elastic(ElasticTable* table) { elastic_ = table; }

 protected:
  void mark_structural(const std::string&) override {}

 private:
  ElasticTable* elastic_ = nullptr;
};

class RandomChooser : public DirectChooser {
 public:
  explicit RandomChooser(Random& random) : random_(random) {}
  Decisions resolved() const;  // those asked so far

 protected:
  int64_t choose(const std::string& key, const Alternatives& alternatives) override;

 private:
  Random& random_;
  std::map<std::string, int64_t> drawn_;
};

// Missing keys are drawn (the first alternative without `random`), unused ones dropped. An index out of range is a
// UserError. `decisions` must outlive the chooser.
class ReplayChooser : public DirectChooser {
 public:
  explicit ReplayChooser(const Decisions& decisions, Random* random = nullptr);
  Decisions resolved() const;  // those asked so far

 protected:
  int64_t choose(const std::string& key, const Alternatives& alternatives) override;

 private:
  const Decisions& decisions_;
  Random* random_;
  std::vector<char> used_;                // of decisions_.items()
  std::map<std::string, int64_t> added_;  // keys that decisions_ lacks
};

}  // namespace nacre
