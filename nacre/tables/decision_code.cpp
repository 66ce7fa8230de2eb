#include "nacre/tables/decision_code.hpp"

#include <algorithm>
#include <limits>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr DecisionCode::Code kDenseLimit = 1 << 20;  // 4 MB

}  // namespace

DecisionCode::DecisionCode(const Trace& trace) {
  for (const TraceDecision& decision : trace.decisions())
    digits_.push_back({decision.key, decision.alternatives.size() + 1});
  std::ranges::sort(digits_, {}, &Digit::key);
  for (const Digit& digit : digits_) {
    if (limit_ > std::numeric_limits<Code>::max() / digit.radix)
      throw UserError("the space has too many decisions for a table: their numbers pass 2^128");
    limit_ *= digit.radix;
  }
  short_ = limit_ <= std::numeric_limits<uint64_t>::max();
}

std::optional<DecisionCode::Code> DecisionCode::code_of(const Decisions& decisions) const {
  return short_ ? read<uint64_t>(decisions) : read<Code>(decisions);
}

template <class Number>
std::optional<DecisionCode::Code> DecisionCode::read(const Decisions& decisions) const {
  Number code = 0;
  size_t next = 0;
  for (const Decision& decision : decisions.items()) {
    while (next < digits_.size() && digits_[next].key != decision.key) code *= digits_[next++].radix;
    if (next == digits_.size()) return std::nullopt;
    const Digit& digit = digits_[next++];
    const auto value = static_cast<uint64_t>(decision.index) + 1;  // of a negative index: too large, or 0
    if (value == 0 || value >= digit.radix) return std::nullopt;
    code = code * digit.radix + value;
  }
  while (next < digits_.size()) code *= digits_[next++].radix;
  return code;
}

Decisions DecisionCode::decisions_of(Code code) const {
  NACRE_CHECK(code < limit_, "a code of the space");
  std::vector<Decision> items;
  for (size_t i = digits_.size(); i-- > 0;) {
    const auto value = static_cast<int64_t>(code % digits_[i].radix);
    code /= digits_[i].radix;
    if (value > 0) items.push_back({digits_[i].key, value - 1});
  }
  std::ranges::reverse(items);
  return Decisions(std::move(items));
}

CodeIndex::CodeIndex(DecisionCode::Code limit) {
  if (limit <= kDenseLimit) dense_.assign(static_cast<size_t>(limit), -1);
}

size_t CodeIndex::Hash::operator()(DecisionCode::Code code) const noexcept {
  const auto low = static_cast<uint64_t>(code), high = static_cast<uint64_t>(code >> 64);
  uint64_t mixed = (low ^ (high * 0x9e3779b97f4a7c15ULL)) * 0xbf58476d1ce4e5b9ULL;
  mixed ^= mixed >> 31;
  return static_cast<size_t>(mixed * 0x94d049bb133111ebULL);
}

bool CodeIndex::add(DecisionCode::Code code, int64_t row) {
  const auto kept = static_cast<int32_t>(row);
  if (dense_.empty()) return sparse_.emplace(code, kept).second;
  int32_t& place = dense_[static_cast<size_t>(code)];
  if (place >= 0) return false;
  place = kept;
  return true;
}

std::optional<int64_t> CodeIndex::find(DecisionCode::Code code) const {
  if (!dense_.empty()) {
    const int32_t row = dense_[static_cast<size_t>(code)];
    return row < 0 ? std::nullopt : std::optional<int64_t>(row);
  }
  const auto found = sparse_.find(code);
  return found == sparse_.end() ? std::nullopt : std::optional<int64_t>(found->second);
}

}  // namespace nacre
