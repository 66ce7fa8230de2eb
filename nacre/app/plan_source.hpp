// Where a verb takes its plan from: a configuration file, or the configuration that a study keeps.
#pragma once

#include <string>
#include <vector>

#include "nacre/run/plan.hpp"

namespace nacre {

struct PlanSource {
  std::string configuration;  // path of a YAML file; wins over the study's
  std::string study;          // output folder of a search
  std::vector<std::string> overrides;
};

// UserError when neither is named, or what is named cannot be read. Relative paths in a configuration are relative to the
// file, those of a study to where its search took them from.
Plan plan_from(const PlanSource& source);

}  // namespace nacre
