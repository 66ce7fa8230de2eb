#include "nacre/hw/loopnest/axis_sets.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace nacre {

bool as_progression(std::span<SumTerm> terms, Progression& result) {
  // By insertion: there are two or three.
  for (std::size_t i = 1; i < terms.size(); ++i)
    for (std::size_t j = i; j > 0 && terms[j].coefficient < terms[j - 1].coefficient; --j)
      std::swap(terms[j], terms[j - 1]);
  result = {1, 1};
  for (const SumTerm& term : terms) {
    if (term.count == 1) continue;
    if (result.count == 1) {
      result = {term.count, term.coefficient};
      continue;
    }
    const int64_t ratio = term.coefficient / result.step;
    if (ratio * result.step != term.coefficient || ratio > result.count) return false;
    result.count += (term.count - 1) * ratio;
  }
  return true;
}

int64_t sum_count(std::span<SumTerm> terms) {
  Progression progression;
  if (as_progression(terms, progression)) return progression.count;
  std::size_t used = 0;
  std::array<SumTerm, 2> pair;
  int64_t high = 0;
  for (const SumTerm& term : terms) {
    high += term.coefficient * (term.count - 1);
    if (term.count == 1) continue;
    if (used < 2) pair[used] = term;
    ++used;
  }
  if (used == 2) {
    // Equal sums are (i + k c2, j - k c1): each chain of them counts once.
    const int64_t divisor = std::gcd(pair[0].coefficient, pair[1].coefficient);
    const int64_t c1 = pair[0].coefficient / divisor, c2 = pair[1].coefficient / divisor;
    return pair[0].count * pair[1].count -
           std::max<int64_t>(0, pair[0].count - c2) * std::max<int64_t>(0, pair[1].count - c1);
  }
  thread_local IntegerSet set;
  set.clear(0, high);
  set.add_sums(terms, 0);
  return set.size();
}

void IntegerSet::clear(int64_t low, int64_t high) {
  low_ = low;
  words_.assign(static_cast<std::size_t>((high - low) / 64 + 1), 0);
}

void IntegerSet::add_sums(std::span<const SumTerm> terms, int64_t offset) {
  if (terms.empty()) {
    add_run(offset, 1);
    return;
  }
  const SumTerm& first = terms[0];
  if (terms.size() == 1 && first.coefficient == 1) {
    add_run(offset, first.count);
    return;
  }
  for (int64_t i = 0; i < first.count; ++i) add_sums(terms.subspan(1), offset + i * first.coefficient);
}

void IntegerSet::add_run(int64_t first, int64_t count) {
  auto bit = static_cast<uint64_t>(first - low_);
  const uint64_t end = bit + static_cast<uint64_t>(count);
  while (bit < end) {
    const uint64_t in_word = bit % 64, width = std::min<uint64_t>(64 - in_word, end - bit);
    const uint64_t ones = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
    words_[bit / 64] |= ones << in_word;
    bit += width;
  }
}

void IntegerSet::add(const IntegerSet& other) {
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
}

void IntegerSet::remove(const IntegerSet& other) {
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
}

int64_t IntegerSet::size() const {
  int64_t result = 0;
  for (const uint64_t word : words_) result += std::popcount(word);
  return result;
}

}  // namespace nacre
