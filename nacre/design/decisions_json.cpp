#include "nacre/design/decisions_json.hpp"

namespace nacre {

Json decisions_json(const Decisions& decisions) {
  Json json = Json::object();
  for (const Decision& decision : decisions.items()) json[decision.key] = decision.index;
  return json;
}

Decisions decisions_of(const Json& json) {
  Decisions decisions;
  for (const auto& [key, index] : json.items()) decisions.set(key, index.get<int64_t>());
  return decisions;
}

}  // namespace nacre
