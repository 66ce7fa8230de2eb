#include "nacre/study/event.hpp"

#include <array>
#include <string>
#include <utility>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr std::array<std::pair<EventKind, std::string_view>, 14> kNames{{
    {EventKind::study_created, "study_created"},
    {EventKind::sitting_started, "sitting_started"},
    {EventKind::sitting_ended, "sitting_ended"},
    {EventKind::asked, "asked"},
    {EventKind::leased, "leased"},
    {EventKind::heartbeat, "heartbeat"},
    {EventKind::expired, "expired"},
    {EventKind::released, "released"},
    {EventKind::result, "result"},
    {EventKind::artifact, "artifact"},
    {EventKind::followup, "followup"},
    {EventKind::device_leased, "device_leased"},
    {EventKind::device_heartbeat, "device_heartbeat"},
    {EventKind::device_released, "device_released"},
}};

}  // namespace

std::string_view event_kind_name(EventKind kind) {
  for (const auto& [known, name] : kNames) {
    if (known == kind) return name;
  }
  throw InternalError("event kind without a name");
}

EventKind event_kind_from_name(std::string_view name) {
  for (const auto& [kind, known] : kNames) {
    if (known == name) return kind;
  }
  throw UserError("the study holds an event of unknown kind '" + std::string(name) +
                  "'; it was written by a newer nacre, use that one");
}

}  // namespace nacre
