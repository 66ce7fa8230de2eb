// Reading and writing ONNX. protobuf and onnx headers stay behind this file.
//
// The reader takes opsets 7 to 21 for the operators nacre has (older forms are upgraded to the semantics of 21), keeps
// unknown operators as opaque nodes, and refuses hostile files: declared sizes are checked against the bytes present
// before anything is allocated. The writer lowers to opset 17 where nothing is lost, else raises the opset and says which
// node asked for it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "nacre/ir/graph.hpp"

namespace nacre {

struct OnnxReadOptions {
  std::filesystem::path folder;  // where external data lie; "" refuses external data
  bool infer = true;             // infer shapes after reading
};

struct OnnxWriteReport {
  int opset = 17;
  std::string reason;  // which node needs more than 17; "" at 17
};

Graph read_onnx_bytes(std::string_view bytes, const std::string& origin, const OnnxReadOptions& options = {});
Graph read_onnx(const std::filesystem::path& path);
// UserError when a parameter has no data: a file needs weights (materialise first).
std::string write_onnx_bytes(const Graph& graph, OnnxWriteReport* report = nullptr);
OnnxWriteReport write_onnx(const Graph& graph, const std::filesystem::path& path);  // atomically

}  // namespace nacre
