// What a Graph knows and ONNX has no place for, as JSON under one metadata key. Only what the reader would not find out by
// itself is written, so that most files carry little. Internal to the ONNX sources.
//
//   {"parameters": {"w": [true, "kaiming_normal_fan_out", 1.0]},     where the reader would guess otherwise
//    "formats": {"h": "int8"}, "scopes": {"node": "stage1/0"},
//    "states": [{"input": "past", "output": "present", "grows": 2, "initial": {"type": .., "extents": .., "data": base64}}],
//    "bodies": {"node/then_branch": {..the same for a nested graph..}}}
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/json.hpp"
#include "nacre/ir/graph.hpp"

namespace nacre {

inline constexpr std::string_view kAnnotationKey = "nacre";

// The path of blocks that a node's name shows: "/layer1/0/conv1/Conv_3" lies in "layer1/0/conv1".
std::string_view scope_of_name(std::string_view node_name);

// Without nested graphs. `value_names` and `node_names` are those written to the file, by id. Null when there is nothing.
Json make_annotation(const Graph& graph, const std::vector<std::string>& value_names,
                     const std::vector<std::string>& node_names);

// Names that the graph does not have are passed over: another tool may have changed the model. UserError naming `origin`
// when the text is no annotation.
void apply_annotation(Graph& graph, const std::string& text, const std::string& origin);

}  // namespace nacre
