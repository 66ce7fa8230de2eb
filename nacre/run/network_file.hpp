// Networks in files: ONNX models and nacre's text form.
#pragma once

#include <filesystem>
#include <string_view>

#include "nacre/ir/graph.hpp"

namespace nacre {

// True for the text of a network ("graph ...").
bool begins_like_network_text(std::string_view content);
// By content, whatever the name; weights may be absent. `was_text` says which form it was, where it is not null. UserError with
// the place for what is neither.
Graph read_network_file(const std::filesystem::path& path, bool* was_text = nullptr);

}  // namespace nacre
