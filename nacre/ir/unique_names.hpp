// Names that are taken, and new ones that are not.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>

namespace nacre {

class UniqueNames {
 public:
  // False when the name was taken before.
  bool take(std::string name) { return taken_.insert(std::move(name)).second; }
  bool has(const std::string& name) const { return taken_.contains(name); }

  // `wish`, or "wish_1", "wish_2", ...; taken from now on. Remembers where it stopped counting: a file that wishes the
  // same name a hundred thousand times costs no more than one with different names.
  std::string make(const std::string& wish) {
    if (taken_.insert(wish).second) return wish;
    for (int& next = next_[wish];;) {
      std::string name = wish + "_" + std::to_string(++next);
      if (taken_.insert(name).second) return name;
    }
  }

 private:
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, int> next_;
};

}  // namespace nacre
