#include "nacre/run/network_file.hpp"

#include "nacre/base/file.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/text_form.hpp"

namespace nacre {

bool begins_like_network_text(std::string_view content) {
  const size_t first = content.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && content.substr(first).starts_with("graph");
}

Graph read_network_file(const std::filesystem::path& path, bool* was_text) {
  std::error_code ignored;
  if (was_text != nullptr) *was_text = false;
  if (path.extension() != ".onnx" && std::filesystem::is_regular_file(path, ignored)) {
    const std::string content = read_file(path);
    if (begins_like_network_text(content)) {
      if (was_text != nullptr) *was_text = true;
      return parse_graph(content, path.string());
    }
  }
  OnnxReadOptions options;
  options.allow_absent_weights = true;
  return read_onnx(path, options);
}

}  // namespace nacre
