#include "nacre/design/trial.hpp"

#include <array>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr std::array<std::string_view, 6> kStatuses = {"pending", "running", "ok", "infeasible", "failed", "pruned"};

Json request_to_json(const Request& request) {
  Json json = Json::object();
  json["want_cost"] = request.want_cost;
  json["want_metrics"] = request.want_metrics;
  json["epochs"] = request.fidelity.epochs;
  json["data_share"] = request.fidelity.data_share;
  json["resolution"] = request.fidelity.resolution;
  json["seed"] = request.seed;
  if (!request.parent_checkpoint.empty()) json["parent_checkpoint"] = request.parent_checkpoint;
  return json;
}

Request request_from_json(const Json& json) {
  Request request;
  request.want_cost = json.value("want_cost", true);
  request.want_metrics = json.value("want_metrics", true);
  request.fidelity = {json.value("epochs", 0.0), json.value("data_share", 1.0), json.value("resolution", 1.0)};
  request.seed = json.value("seed", uint64_t{0});
  request.parent_checkpoint = json.value("parent_checkpoint", "");
  return request;
}

}  // namespace

std::string_view trial_status_name(TrialStatus status) { return kStatuses[static_cast<size_t>(status)]; }

TrialStatus trial_status_from_name(std::string_view name) {
  for (size_t i = 0; i < kStatuses.size(); ++i) {
    if (kStatuses[i] == name) return static_cast<TrialStatus>(i);
  }
  throw InternalError("internal error: no trial status '" + std::string(name) + "'");
}

Json to_json(const Trial& trial) {
  Json json = Json::object();
  json["number"] = trial.number;
  json["candidate"] = to_json(trial.candidate);
  json["request"] = request_to_json(trial.request);
  json["status"] = trial_status_name(trial.status);
  if (!trial.reason.empty()) json["reason"] = trial.reason;
  json["metrics"] = to_json(trial.metrics);
  if (!trial.curve.empty()) {
    Json& curve = json["curve"] = Json::array();
    for (const CurvePoint& point : trial.curve) {
      curve.push_back(Json{{"epoch", point.epoch}, {"metrics", to_json(point.metrics)}});
    }
  }
  if (!trial.key.empty()) json["key"] = trial.key;
  if (trial.cached_from >= 0) json["cached_from"] = trial.cached_from;
  if (!trial.weights.empty()) json["weights"] = trial.weights;
  json["time_s"] = trial.time_s;
  return json;
}

Trial trial_from_json(const Json& json) {
  try {
    Trial trial;
    trial.number = json.at("number").get<int64_t>();
    trial.candidate = candidate_from_json(json.at("candidate"));
    trial.request = request_from_json(json.at("request"));
    trial.status = trial_status_from_name(json.at("status").get<std::string>());
    trial.reason = json.value("reason", "");
    trial.metrics = metrics_from_json(json.at("metrics"));
    if (json.contains("curve")) {
      for (const Json& point : json["curve"]) {
        trial.curve.push_back({point.at("epoch").get<double>(), metrics_from_json(point.at("metrics"))});
      }
    }
    trial.key = json.value("key", "");
    trial.cached_from = json.value("cached_from", int64_t{-1});
    trial.weights = json.value("weights", "");
    trial.time_s = json.value("time_s", 0.0);
    return trial;
  } catch (const Json::exception& error) {
    throw UserError("malformed trial: " + std::string(error.what()));
  }
}

}  // namespace nacre
