// The syntax of MAESTRO's mapping files as plain values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/error.hpp"

namespace nacre::maestro {

struct Directive {
  enum class Kind { temporal, spatial, cluster };
  Kind kind = Kind::temporal;
  int64_t size = 1;
  int64_t offset = 1;
  std::string dimension;  // "K", "Y", "Y'"
  SourcePosition position;
};

struct Layer {
  std::string name;
  std::string type;
  std::map<std::string, int64_t> dimensions;
  int64_t stride_y = 1, stride_x = 1;
  int64_t dilation_y = 1, dilation_x = 1;
  std::vector<Directive> dataflow;
  SourcePosition position;
};

// UserError with position. What is skipped is named in `warnings`.
std::vector<Layer> parse_layers(const std::string& text, const std::string& origin, std::vector<std::string>& warnings);

}  // namespace nacre::maestro
