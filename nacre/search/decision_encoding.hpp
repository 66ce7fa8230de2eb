// Decision sets as short rows of integers, and how far two of them are apart: what models over decisions compare.
//
// A row holds the alternative taken by every decision of the trace (-1 where the decision is not active), and for every
// vocabulary how many decisions take each of its words. A vocabulary is a list of alternatives that several decisions
// share, such as the operators of every edge of a cell: how often an operator is used is known of a cell whatever its place.
//
//   edge1=conv3x3 edge2=skip edge3=conv3x3   taken 3 1 3   uses none 0, skip 1, conv1x1 0, conv3x3 2
#pragma once

#include <cstdint>
#include <vector>

#include "nacre/space/trace.hpp"

namespace nacre {

struct DecisionRow {
  std::vector<int16_t> taken;
  std::vector<int16_t> uses;
};

class DecisionEncoding {
 public:
  explicit DecisionEncoding(const Trace& trace);  // which must outlive this

  DecisionRow row(const Decisions& decisions) const;
  size_t decisions() const { return trace_.decisions().size(); }
  size_t words() const { return uses_; }  // length of DecisionRow::uses; 0 where no decisions share their alternatives
  // Share of the weight of a difference in decision `d` that counts as soon as the alternatives differ; the rest grows with
  // their distance in the order of the alternatives. 1 where they have no order.
  double unordered_share(size_t d) const { return ordered_[d] ? 0.5 : 1; }
  int64_t alternatives(size_t d) const { return static_cast<int64_t>(trace_.decisions()[d].alternatives.size()); }
  // Squared difference of the uses per decision of the vocabulary, summed over vocabularies: 0 for equal uses.
  double use_distance(const DecisionRow& a, const DecisionRow& b) const {
    double sum = 0;
    for (size_t i = 0; i < uses_; ++i) {
      const double difference = a.uses[i] - b.uses[i];
      sum += use_weights_[i] * difference * difference;
    }
    return sum;
  }

 private:
  const Trace& trace_;
  std::vector<char> ordered_;
  std::vector<int32_t> use_offset_;  // per decision, -1: no vocabulary
  std::vector<double> use_weights_;  // 1 / decisions of the vocabulary
  size_t uses_ = 0;
};

}  // namespace nacre
