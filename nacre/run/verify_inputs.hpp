// The inputs on which a model is verified: stored ones checked against the model's signature, or drawn ones.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nacre/ir/onnx_test_data.hpp"

namespace nacre {

struct VerifySet {
  std::string name;
  NamedTensors inputs = {};
  NamedTensors outputs = {};  // stored; empty for drawn inputs
};

// By position. UserError that names set and input for a file that cannot be read, too many or missing inputs, another
// element type, rank or extent, and for a symbol with two extents.
VerifySet stored_set(const Graph& graph, const OnnxTestSet& stored);

struct InputShapes {
  SymbolBindings bindings;                             // of symbols; 1 unless named here
  std::map<std::string, std::vector<int64_t>> shapes;  // of inputs, by name
};
// Set number `sample`: floating inputs are normal with deviation 1, whole numbers 0 or 1, so that they are valid indices.
// UserError for a name that the model does not have, a shape that does not fit, or an input of unknown rank.
VerifySet drawn_set(const Graph& graph, const InputShapes& shapes, uint64_t seed, int64_t sample);

}  // namespace nacre
