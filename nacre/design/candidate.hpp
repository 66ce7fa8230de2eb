// What a search proposes: decisions of a space, or a graph text; with its parents and, where weights are inherited, the
// artefact they come from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/hash.hpp"
#include "nacre/base/json.hpp"

namespace nacre {

struct Decision {
  std::string key;    // scope path and name: "stage2/1/op"
  int64_t index = 0;  // of the alternative chosen; of a subset: its rank among all subsets of that size

  bool operator==(const Decision&) const = default;
};

// A set of decisions, sorted by key.
class Decisions {
 public:
  Decisions() = default;
  explicit Decisions(std::vector<Decision> items);  // sorts; InternalError when a key stands twice

  const int64_t* find(std::string_view key) const;
  void set(std::string_view key, int64_t index);
  const std::vector<Decision>& items() const { return items_; }
  bool empty() const { return items_.empty(); }
  size_t size() const { return items_.size(); }
  Hash128 hash() const;
  bool operator==(const Decisions&) const = default;

 private:
  std::vector<Decision> items_;
};

struct Candidate {
  Decisions decisions;
  std::string graph_text;         // instead of decisions: a network in text form; "" otherwise
  std::vector<int64_t> parents;   // ask numbers of the trials it was made from
  std::string inherited_weights;  // artefact name, "" for fresh weights
  std::string made_by;            // "random", "mutation of 12", ...: for the report

  Hash128 hash() const;  // of what it proposes; not of parents or maker
};

Json to_json(const Candidate& candidate);
Candidate candidate_from_json(const Json& json);  // UserError when malformed

}  // namespace nacre
