// The lossless one-line text form of a Graph: for people, tests, hashes of text, and language models. Weights are shown by
// shape and distribution; print and parse agree on everything but weight bytes (which may be inlined on request).
#pragma once

#include <string>
#include <string_view>

#include "nacre/ir/graph.hpp"

namespace nacre {

struct TextFormOptions {
  bool inline_weights = false;    // all constants in full (base64 of raw bytes), so that nothing at all is lost
  int64_t inline_elements = 64;   // integer constants up to this size are written out always: they are structure
  bool multiline = false;         // one node per line, for people; parses equally
};

std::string print_graph(const Graph& graph, const TextFormOptions& options = {});
// UserError with line and column of the offending token.
Graph parse_graph(std::string_view text, const std::string& origin = "graph text");

}  // namespace nacre
