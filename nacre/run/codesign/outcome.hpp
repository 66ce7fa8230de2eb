// What a co-design leaves in its output folder, so that it can be used elsewhere.
//
//   models/TASK.onnx    the network of each task, with its trained weights (fresh ones where it came from a table)
//   accelerator.yaml    the accelerator as a target: nacre measure MODEL --target accelerator.yaml
//   schedule.json       every layer: sub-accelerator, start and end
//   front.csv           designs within the limits that nothing beats in quality and all costs
//   pruned.csv          designs that were not evaluated, with what they cost
//   codesign.json       all methods: networks, accelerator, metrics, evaluations
#pragma once

#include <string>
#include <vector>

#include "nacre/run/codesign/run.hpp"

namespace nacre {

// Of one network of a method that was exported.
struct CodesignModel {
  std::string task;
  std::string file;  // relative to the output folder
  bool trained = false;
  std::optional<double> searched;  // quality in the search
  std::optional<double> exported;  // of the file, read back, on the validation split; nothing without data
  std::optional<double> test;      // on the test split
};

struct CodesignFiles {
  std::vector<CodesignModel> models;
  CodesignCosts::Scheduled schedule;  // of the design that was found
};

// Writes everything but the report. InternalError when the schedule breaks a rule (hw/scheduling/schedule.hpp).
CodesignFiles write_codesign(const CodesignPlan& plan, const CodesignResult& result, CodesignRun& run);

Json to_json(const CodesignPlan& plan, const CodesignResult& result, const CodesignFiles& files);

}  // namespace nacre
