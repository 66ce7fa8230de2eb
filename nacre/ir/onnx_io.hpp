// Reading and writing ONNX: the wire format and onnx.proto stay behind this file.
//
// The reader takes opsets 1 to 21 (older forms of operators are upgraded to the semantics of 21), takes apart the fused
// operators of runtimes (com.microsoft: attention, skip normalization, block-quantized products; onnx_decompose.hpp), keeps
// unknown operators as opaque nodes with their declared shapes, sorts nodes, makes the captures of nested graphs explicit, and refuses
// hostile files: declared sizes are checked against the bytes present before anything is allocated.
//
// The writer lowers to opset 17 where nothing is lost, else raises the opset and says which node asked for it. What ONNX
// has no place for (formats, states, which parameters are trained and how they are drawn, scope paths that names do not
// show) is written as JSON under the metadata key "nacre" and read back: a graph keeps its structure_hash across a file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "nacre/ir/graph.hpp"

namespace nacre {

inline constexpr int kOldestOpset = 1;
inline constexpr int kWrittenOpset = 17;  // unless a node needs more

struct OnnxReadOptions {
  std::filesystem::path folder;  // where external data lie; "" refuses external data
  bool infer = true;             // infer shapes while reading
  // Tensors declared without data (graphs published without weights) become absent parameters: such a model can be
  // inspected and costed. Otherwise they are refused.
  bool allow_absent_weights = false;
};

struct OnnxWriteReport {
  int opset = kWrittenOpset;
  std::string reason;  // which node needs more than 17; "" at 17
};

Graph read_onnx_bytes(std::string_view bytes, const std::string& origin, const OnnxReadOptions& options = {});
Graph read_onnx(const std::filesystem::path& path);
// As above; external data are looked for in the file's folder whatever `options.folder` says.
Graph read_onnx(const std::filesystem::path& path, OnnxReadOptions options);

// UserError when a parameter has no data: a file needs weights (materialize_parameters first).
std::string write_onnx_bytes(const Graph& graph, OnnxWriteReport* report = nullptr);
// Atomically. Past 1.5 GB, what a protocol buffer can hold, weights go to "<file name>.data" beside it.
OnnxWriteReport write_onnx(const Graph& graph, const std::filesystem::path& path);

}  // namespace nacre
