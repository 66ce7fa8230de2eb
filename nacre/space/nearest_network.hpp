// Where only some networks of a space can be evaluated: the one nearest to what a search would like to ask for.
#pragma once

#include <functional>
#include <optional>

#include "nacre/base/hash.hpp"
#include "nacre/design/candidate.hpp"

namespace nacre {

// By identity (Space::identity_of, else the hash of the decisions): true for networks that are not wanted.
using TakenNetwork = std::function<bool(const Hash128& identity)>;
// The network that can be evaluated, is not taken, and differs least from the given complete decisions; nothing when all are taken.
using NearestNetwork = std::function<std::optional<Decisions>(const Decisions& wanted, const TakenNetwork& taken)>;

}  // namespace nacre
