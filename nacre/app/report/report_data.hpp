// Everything a report shows, as plain values: whoever has a study fills this in, render_report() turns it into a page.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/app/report/network_drawing.hpp"
#include "nacre/base/json.hpp"
#include "nacre/design/cost.hpp"
#include "nacre/design/trial.hpp"
#include "nacre/search/objective.hpp"

namespace nacre {

struct ReportFact {
  std::string name;
  std::string value;
};

struct ReportTrial {
  Trial trial;
  std::string text;             // the candidate for people: decisions with labels
  NetworkDrawing drawing = {};  // empty where none is wanted: of a large study only some have one
};

// A network of the front, or one of the nearest when no candidate keeps the limits.
struct ReportNetwork {
  int64_t trial = -1;                   // ask number; its metrics as searched are those of that trial
  std::string model_file;               // relative to the report; "" when it was not exported
  Metrics final_metrics;                // after final training, e.g. on the test split; may be empty
  std::vector<CurvePoint> final_curve;  // of the final training; may be empty
  Cost cost;                            // totals and the share of each layer; items may be empty
  std::vector<ReportFact> facts;        // structure hash, number of nodes, ...
};

struct ReportData {
  std::string study;                          // name
  std::string made_at;                        // date and time of the report as text, "" to leave it out
  std::string task, space, target, strategy;  // one line each, "" to leave it out

  MetricSpec quality;               // the main objective
  std::vector<MetricSpec> costs;    // one plot each, the main cost first
  std::vector<MetricSpec> metrics;  // all that are known, for units and descriptions
  ObjectiveSet objectives;          // with the limits

  std::vector<ReportTrial> trials;   // by number
  std::vector<ReportNetwork> front;  // best first
  bool limits_met = true;
  std::string binding;  // when not met: which limit the nearest candidate breaks, and by how much

  std::string stop_reason;  // a sentence: why the search ended
  double spent_s = 0;       // wall clock of all sittings
  Json strategy_statistics = Json::object();
  std::vector<ReportTrial> random;  // uniform samples evaluated beside the search for comparison; empty: none were

  Json supernet;  // its record (run/supernet_stage.hpp), null where none was trained

  Json configuration;  // resolved, every key
  std::vector<ReportFact> machine;
  std::vector<ReportFact> versions;
};

}  // namespace nacre
