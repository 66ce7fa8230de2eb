// What of a shared budget is taken over time, and when the rest is enough.
#pragma once

#include <algorithm>
#include <vector>

namespace nacre {

class BandwidthProfile {
 public:
  explicit BandwidthProfile(double budget) : budget_(budget) {}

  // The first time from `from` on when `share` of the budget stays free for so many cycles. `share` is at most the budget.
  double earliest(double from, double cycles, double share) const {
    if (share <= 0) return from;
    double start = from;
    for (bool moved = true; moved;) {
      moved = false;
      // Use grows only where some interval begins: look at the start and at every beginning inside.
      const auto check = [&](double at) {
        double used = share, next = 0;
        bool some = false;
        for (const Interval& one : taken_) {
          if (one.start > at || one.finish <= at) continue;
          used += one.share;
          next = some ? std::min(next, one.finish) : one.finish;
          some = true;
        }
        if (used <= budget_ * (1 + 1e-12)) return false;
        start = std::max(start, next);
        return true;
      };
      if (check(start)) {
        moved = true;
        continue;
      }
      for (const Interval& one : taken_) {
        if (one.start <= start || one.start >= start + cycles) continue;
        if (check(one.start)) {
          moved = true;
          break;
        }
      }
    }
    return start;
  }

  void take(double start, double finish, double share) {
    if (share > 0 && finish > start) taken_.push_back({start, finish, share});
  }
  // Takes back the last interval of that share, for searches that go back.
  void give_back(double start, double finish, double share) {
    if (share > 0 && finish > start) taken_.pop_back();
  }

 private:
  struct Interval {
    double start, finish, share;
  };

  double budget_;
  std::vector<Interval> taken_;
};

}  // namespace nacre
