// The lossless one-line text form of a Graph: for people, tests, hashes of text, and language models.
//
//   graph net(x: float32[batch,3,8,8]) { w: float32[16,3,3,3] = param kaiming_normal_fan_out(1.0);
//     h: float32[batch,16,8,8] = Conv(x, w) {pads=[1,1,1,1]} @stage0/conv; y: float32[batch,16,8,8] = Relu(h); return y }
//
//   value        name: type[extents] ~format   extents are numbers, symbols ("batch", "past+1") or ?; no [..]: rank unknown
//   name         bare, "quoted" where it is no plain word, or %7 for a value without a name (%7 "x" where two share one)
//   parameter    = param | frozen, then the distribution, then its bytes: nothing, [1, 2, 3], or raw "base64"
//   node         results = domain::Operator(inputs) {attributes} with body[captures] graph ... @scope #name
//                _ is an omitted input; results of known operators may leave their type to shape inference
//   attribute    3, 0.5, "text", [1, 2], [0.5], ["a"], ints[], floats[], strings[], int64[2] [3, 4]
//   last         state in -> out grows 2 = float32[1] [0.0]; meta "key" = "value"; opset "domain" = 1; return y, z
//
// Weights are shown by type, shape and distribution; print and parse agree on everything but their bytes (which
// `inline_weights` adds). Constants that are structure (is_structural) are always written out: parse_graph(print_graph(g))
// has the structure_hash of g, and with inline_weights also its content_hash.
#pragma once

#include <string>
#include <string_view>

#include "nacre/ir/graph.hpp"

namespace nacre {

struct TextFormOptions {
  bool inline_weights = false;  // bytes of all tensors, so that nothing at all is lost
  bool multiline = false;       // one node per line, for people; parses equally
};

std::string print_graph(const Graph& graph, const TextFormOptions& options = {});
// UserError with line and column of the offending token.
Graph parse_graph(std::string_view text, const std::string& origin = "graph text");

}  // namespace nacre
