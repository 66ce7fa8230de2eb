// Decisions of one space as one whole number: what tables of networks are looked up by.
//
// Each decision of the space's trace is a digit, 0 where it is not decided and else one more than its index, of a number in
// mixed radix; the decisions are taken in the order of their keys, in which Decisions keeps them too, so that no key is looked
// up. Two sets of decisions have one number exactly when they are equal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "nacre/design/candidate.hpp"
#include "nacre/space/trace.hpp"

namespace nacre {

class DecisionCode {
 public:
  __extension__ using Code = unsigned __int128;

  // UserError when the space has more than 2^128 sets of decisions, undecided ones counted too.
  explicit DecisionCode(const Trace& trace);

  // Nothing when a key is not one of the space's or an index is out of range.
  std::optional<Code> code_of(const Decisions& decisions) const;
  Decisions decisions_of(Code code) const;
  // Codes are less than this.
  Code limit() const { return limit_; }

 private:
  struct Digit {
    std::string key;
    uint64_t radix = 0;
  };

  template <class Number>
  std::optional<Code> read(const Decisions& decisions) const;

  std::vector<Digit> digits_;  // sorted by key
  Code limit_ = 1;
  bool short_ = true;  // codes fit 64 bits
};

// From codes to rows: an array where the codes are few, else a hash table.
class CodeIndex {
 public:
  explicit CodeIndex(DecisionCode::Code limit);

  // False when the code has a row already, which stays.
  bool add(DecisionCode::Code code, int64_t row);
  std::optional<int64_t> find(DecisionCode::Code code) const;

 private:
  struct Hash {
    size_t operator()(DecisionCode::Code code) const noexcept;
  };

  std::vector<int32_t> dense_;  // -1: no row
  std::unordered_map<DecisionCode::Code, int32_t, Hash> sparse_;
};

}  // namespace nacre
