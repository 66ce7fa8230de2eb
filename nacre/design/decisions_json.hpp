// Decisions as a JSON map of keys to indices: in records of supernets and in what programs of users are handed.
#pragma once

#include "nacre/base/json.hpp"
#include "nacre/design/candidate.hpp"

namespace nacre {

Json decisions_json(const Decisions& decisions);
Decisions decisions_of(const Json& json);  // Json::exception for what is no such map

}  // namespace nacre
