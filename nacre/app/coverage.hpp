// The checklist of the survey of hardware-aware architecture search (Benmeziane et al., arXiv 2101.09336) against what is
// registered: C1 to C17, each a few slots, each slot with what fills it. Nothing hides that a slot is empty.
//
// Slots name registered things; a name that is not registered (yet, or in this build) fills nothing. A new strategy, space,
// benchmark, predictor or task shows up by being registered, in the slot of its name or in that for all others of its kind.
#pragma once

#include <string>
#include <vector>

#include "nacre/app/catalogue.hpp"

namespace nacre {

struct CoverageEntry {
  std::string kind;  // "strategy", "target", "verb", "key", ...
  std::string name;
  std::string summary;
  std::string source;
};

struct CoverageSlot {
  std::string name;
  std::vector<CoverageEntry> entries;
};

struct CoverageCell {
  std::string number;  // "C6"
  std::string title;
  std::string where;  // modules
  std::vector<CoverageSlot> slots;

  size_t empty_slots() const;
};

// Of the catalogue given (app/catalogue.hpp: catalogue()).
std::vector<CoverageCell> coverage(const std::vector<CatalogueKind>& kinds);

}  // namespace nacre
