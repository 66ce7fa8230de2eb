// Everything that is registered, under one roof: what `nacre list` and `nacre describe` print and the reference is made of.
#pragma once

#include <string>
#include <vector>

#include "nacre/base/registry.hpp"

namespace nacre {

struct CatalogueKind {
  std::string kind;     // "space"
  std::string plural;   // "spaces"
  std::string section;  // where it stands in a configuration: "space.kind"; "" for none
  std::vector<RegistryRecord> records;
};

std::vector<CatalogueKind> catalogue();
// By singular or plural; UserError with the nearest names.
CatalogueKind catalogue_kind(std::string_view word);

}  // namespace nacre
