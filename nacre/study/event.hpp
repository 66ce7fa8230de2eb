// One line of a study's append-only log: the truth of which every table is derived.
//
//   study_created    {config, machine, version}         once, first
//   sitting_started  {machine, previous_last_s}         a process begins to drive the study
//   sitting_ended    {sitting, reason}                  absent when it was killed
//   asked            {trial}                            number, candidate, request and reuse key of a pending trial
//   leased           {worker, attempt, deadline_s}      the event's sequence is the lease's fencing token
//   heartbeat        {token, deadline_s}
//   expired          {token, reason}                    the deadline passed; the trial is pending again
//   released         {token, reason, counted}           given back without a result
//   result           {token, result}                    token 0: decided without a lease (infeasible, cached, given up)
//   artifact         {name, kind, bytes}
//   followup         {name, body}                       done with a trial's network after the search
//   device_leased    {device, holder, deadline_s}       the event's sequence is the fencing token
//   device_heartbeat {device, token, deadline_s}
//   device_released  {device, token}
//
// The order of `asked` and `result` events is the order of asks and tells, which the fast mode replays.
#pragma once

#include <cstdint>
#include <string_view>

#include "nacre/base/json.hpp"

namespace nacre {

enum class EventKind {
  study_created,
  sitting_started,
  sitting_ended,
  asked,
  leased,
  heartbeat,
  expired,
  released,
  result,
  artifact,
  followup,
  device_leased,
  device_heartbeat,
  device_released,
};

std::string_view event_kind_name(EventKind kind);
// UserError for an unknown word: the study was written by a newer nacre.
EventKind event_kind_from_name(std::string_view name);

struct Event {
  int64_t sequence = 0;  // 1, 2, 3, ...: given by the store
  double time_s = 0;     // since 1970
  EventKind kind = EventKind::asked;
  int64_t trial = -1;  // its number, -1 when the event is of no trial
  Json payload;
};

}  // namespace nacre
