// From events to tables: the only place where rows change, for commands and for rebuild() alike.
#include <fmt/format.h>

#include <utility>

#include "nacre/base/error.hpp"
#include "nacre/study/store.hpp"

namespace nacre {

void Store::apply(const Event& event) {
  try {
    apply_event(event);
  } catch (const Json::exception& error) {
    throw UserError(fmt::format("the study is damaged: event {} ({}) is malformed: {}", event.sequence,
                                event_kind_name(event.kind), error.what()));
  }
}

void Store::apply_event(const Event& event) {
  const Json& payload = event.payload;
  switch (event.kind) {
    case EventKind::study_created:
      write_study(
          {payload.at("config"), payload.at("machine"), payload.at("version").get<std::string>(), event.time_s});
      return;
    case EventKind::sitting_started:
    case EventKind::sitting_ended: apply_sitting_event(event); return;
    case EventKind::asked:
    case EventKind::leased:
    case EventKind::heartbeat:
    case EventKind::expired:
    case EventKind::released: apply_trial_event(event); return;
    case EventKind::result: apply_result(event); return;
    case EventKind::artifact:
      insert_artifact({payload.at("name").get<std::string>(), payload.at("kind").get<std::string>(), event.trial,
                       payload.at("bytes").get<uint64_t>()});
      return;
    case EventKind::followup:
      write_followup({payload.at("name").get<std::string>(), event.trial, payload.at("body")});
      return;
    case EventKind::device_leased:
    case EventKind::device_heartbeat:
    case EventKind::device_released: apply_device_event(event); return;
  }
}

void Store::apply_sitting_event(const Event& event) {
  std::vector<Sitting> sittings = read_sittings();
  if (event.kind == EventKind::sitting_started) {
    // The one before was killed when it has no end: it lasted until the log's last word.
    if (!sittings.empty() && !sittings.back().ended_s) {
      sittings.back().ended_s = event.payload.at("previous_last_s").get<double>();
      sittings.back().reason = "killed";
      write_sitting(sittings.back());
    }
    write_sitting(
        {static_cast<int64_t>(sittings.size()) + 1, event.time_s, std::nullopt, "", event.payload.at("machine")});
    return;
  }
  const size_t number = event.payload.at("sitting").get<size_t>();
  NACRE_CHECK(number >= 1 && number <= sittings.size());
  Sitting& ended = sittings[number - 1];
  ended.ended_s = event.time_s;
  ended.reason = event.payload.at("reason").get<std::string>();
  write_sitting(ended);
}

void Store::apply_trial_event(const Event& event) {
  const Json& payload = event.payload;
  if (event.kind == EventKind::asked) {
    TrialRow row;
    row.trial = trial_from_json(payload.at("trial"));
    row.asked_s = event.time_s;
    insert_trial(row);
    return;
  }
  LeaseState state = lease_state(event.trial);
  if (event.kind == EventKind::leased) {
    state.status = TrialStatus::running;
    state.attempt = payload.at("attempt").get<int64_t>();
    state.worker = payload.at("worker").get<std::string>();
    state.token = event.sequence;
    state.deadline_s = payload.at("deadline_s").get<double>();
  } else if (event.kind == EventKind::heartbeat) {
    state.deadline_s = payload.at("deadline_s").get<double>();
  } else {  // expired or released
    state.status = TrialStatus::pending;
    state.token = 0;
    state.deadline_s = 0;
    if (event.kind == EventKind::released && !payload.at("counted").get<bool>()) --state.attempt;
  }
  update_lease(event.trial, state);
}

void Store::apply_result(const Event& event) {
  std::optional<TrialRow> row = read_trial(event.trial);
  NACRE_CHECK(row.has_value(), "a result follows its ask");
  Json merged = to_json(row->trial);
  merged.update(event.payload.at("result"));
  row->trial = trial_from_json(merged);
  row->lease.status = row->trial.status;
  row->lease.told_token = event.payload.at("token").get<int64_t>();
  row->lease.token = 0;
  row->lease.deadline_s = 0;
  row->completed_s = event.time_s;
  update_result(*row);
}

void Store::apply_device_event(const Event& event) {
  const Json& payload = event.payload;
  const std::string device = payload.at("device").get<std::string>();
  if (event.kind == EventKind::device_leased) {
    write_device(
        {device, payload.at("holder").get<std::string>(), event.sequence, payload.at("deadline_s").get<double>()});
    return;
  }
  std::optional<DeviceLease> held = read_device(device);
  NACRE_CHECK(held.has_value(), "a device is leased before it is released");
  if (event.kind == EventKind::device_heartbeat) {
    held->deadline_s = payload.at("deadline_s").get<double>();
  } else {
    held->token = 0;
    held->deadline_s = 0;
  }
  write_device(*held);
}

void Store::rebuild() {
  transaction([&] {
    clear_tables();
    visit_events(0, [&](const Event& event) {
      try {
        apply(event);
      } catch (const InternalError& error) {
        throw UserError(fmt::format("the study is damaged: event {} ({}) does not follow from those before: {}",
                                    event.sequence, event_kind_name(event.kind), error.what()));
      }
    });
  });
}

std::string Store::tables_text() {
  const std::lock_guard lock(mutex_);
  std::string text;
  const auto line = [&text](std::string row) { text += std::move(row) + "\n"; };
  if (const std::optional<StudyRecord> record = read_study()) {
    line(fmt::format("study {} {} {} {}", record->config.dump(-1, ' ', false, Json::error_handler_t::replace),
                     record->machine.dump(-1, ' ', false, Json::error_handler_t::replace), record->version,
                     record->created_s));
  }
  for (const Sitting& sitting : read_sittings()) {
    line(fmt::format("sitting {} {} {} {} {}", sitting.number, sitting.started_s,
                     sitting.ended_s ? fmt::format("{}", *sitting.ended_s) : "open", sitting.reason,
                     sitting.machine.dump(-1, ' ', false, Json::error_handler_t::replace)));
  }
  visit_trials(0, [&](const TrialRow& row) {
    const LeaseState& lease = row.lease;
    line(fmt::format("trial {} {} attempt {} worker '{}' token {} deadline {} told {} asked {} completed {}",
                     to_json(row.trial).dump(-1, ' ', false, Json::error_handler_t::replace),
                     trial_status_name(lease.status), lease.attempt, lease.worker, lease.token, lease.deadline_s,
                     lease.told_token, row.asked_s, row.completed_s));
  });
  for (const DeviceLease& device : read_devices()) {
    line(fmt::format("device {} {} {} {}", device.device, device.holder, device.token, device.deadline_s));
  }
  for (const Followup& followup : read_followups()) {
    line(fmt::format("followup {} {} {}", followup.name, followup.trial,
                     followup.body.dump(-1, ' ', false, Json::error_handler_t::replace)));
  }
  for (const Artifact& artifact : read_artifacts()) {
    line(fmt::format("artifact {} {} {} {}", artifact.name, artifact.kind, artifact.trial, artifact.bytes));
  }
  return text;
}

}  // namespace nacre
