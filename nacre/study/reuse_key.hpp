// The key under which a result may be reused: equal keys mean that evaluating again would give the same numbers.
//
//   structure hash x recipe (design_identity)  x  formats  x  task and split  x  fidelity  x  seed  x  checkpoint it
//   continues from  x  evaluator and numerics class  x  targets that answer costs
//
// Names, scope paths and decisions are not part of it: two candidates that build one network share their result. An evaluator
// whose answers depend on more (a benchmark table has a row for every cell, also for cells of one function) says so by
// Evaluator::identity_of.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nacre/design/design.hpp"
#include "nacre/design/trial.hpp"

namespace nacre {

// What is the same for all trials of a study.
struct ReuseContext {
  std::string task_identity;       // Task::identity(): data, preprocessing, split
  std::string evaluator_identity;  // Evaluator::identity(): with its numerics class and library versions
  std::vector<std::string> target_identities;
  std::function<std::string(const Design&)> identity_of = {};  // Evaluator::identity_of; empty: design_identity
};

// 32 hexadecimal digits.
std::string reuse_key(const Design& design, const Request& request, const ReuseContext& context);

// The number formats of a design as text, "" when all values have their element type. Equal texts are equal formats; a
// renamed network may differ in text, which costs an evaluation but never gives a wrong answer.
std::string formats_text(const Design& design);

}  // namespace nacre
