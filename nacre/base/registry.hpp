// One explicit, ordered list per kind of alternative (spaces, strategies, targets, ...). No static self-registration:
// each module's register.cpp fills its list, in the order in which `nacre list` prints it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/error.hpp"
#include "nacre/base/options.hpp"

namespace nacre {

// What is said of every registered thing, whatever it makes. `nacre list`, `nacre describe`, the reference and a test
// that builds everything from its defaults are made from it.
struct RegistryRecord {
  std::string name;     // the word in YAML
  std::string summary;  // one line
  std::string source;   // paper, section or equation; "" where it is common knowledge
  std::vector<Parameter> parameters = {};
  std::string example = "";  // YAML that runs
};

template <class Factory>
class Registry {
 public:
  struct Entry : RegistryRecord {
    Factory make;
  };

  // `kind` is the word for messages and `nacre list KIND`: "strategy" / "strategies".
  Registry(std::string kind, std::string plural) : kind_(std::move(kind)), plural_(std::move(plural)) {}

  void add(RegistryRecord record, Factory make) {
    for (const Entry& entry : entries_) NACRE_CHECK(entry.name != record.name, "registered twice: " + record.name);
    entries_.push_back(Entry{std::move(record), std::move(make)});
  }

  const Entry* find(std::string_view name) const {
    for (const Entry& entry : entries_) {
      if (entry.name == name) return &entry;
    }
    return nullptr;
  }

  // Throws UserError at `position` with the nearest names when there is none.
  const Entry& get(std::string_view name, const SourcePosition& position = {}) const {
    if (const Entry* entry = find(name)) return *entry;
    throw UserError(position, unknown_name_message(kind_, name, names(), "nacre list " + plural_));
  }

  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const Entry& entry : entries_) result.push_back(entry.name);
    return result;
  }

  const std::vector<Entry>& entries() const { return entries_; }
  const std::string& kind() const { return kind_; }
  const std::string& plural() const { return plural_; }

 private:
  std::string kind_;
  std::string plural_;
  std::vector<Entry> entries_;
};

}  // namespace nacre
