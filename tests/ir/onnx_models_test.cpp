// Every model of the collection of real data: read, counted, written, read again; a file of a file is the same file.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "nacre/ir/hash.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/schema.hpp"
#include "nacre/ir/statistics.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostElements = 30'000'000;  // of parameters that are drawn for this test

fs::path collection() {
  const char* data = std::getenv("NACRE_DATA");
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  return (data != nullptr ? fs::path(data) : fs::path(source == nullptr ? "." : source) / ".." / "shared" / "data") /
         "onnx";
}

std::vector<fs::path> models() {
  std::vector<fs::path> paths;
  for (const char* folder : {"light", "trained", "workload_graphs"}) {
    for (const fs::directory_entry& entry : fs::directory_iterator(collection() / folder)) {
      if (entry.path().extension() == ".onnx") paths.push_back(entry.path());
    }
  }
  std::ranges::sort(paths);
  return paths;
}

TEST(OnnxModels, AreReadCountedAndWrittenBack) {
  if (!fs::is_directory(collection())) GTEST_SKIP() << "no ONNX collection at " << collection() << " (set NACRE_DATA)";
  int written = 0;
  for (const fs::path& path : models()) {
    SCOPED_TRACE(path.filename().string());
    OnnxReadOptions options;
    options.allow_absent_weights = true;
    Graph graph = read_onnx(path, options);
    for (const Node& node : graph.nodes()) EXPECT_FALSE(node.is_opaque()) << node.domain << " " << node.op;
    SymbolBindings bindings;
    for (const std::string& symbol : graph.symbols()) bindings[symbol] = 1;
    graph.bind_symbols(bindings);
    infer_shapes(graph);
    const GraphStatistics statistics = count_graph(graph);
    EXPECT_TRUE(statistics.opaque.empty());
    EXPECT_GT(statistics.macs, 0);
    int64_t elements = 0;
    for (const Initializer& initializer : graph.initializers()) {
      if (initializer.data == nullptr) elements += graph.value(initializer.value).shape->elements().value_or(0);
    }
    if (elements > kMostElements) continue;  // as large as a language model's layer: not worth drawing
    materialize_parameters(graph, 1);
    OnnxWriteReport report;
    const std::string file = write_onnx_bytes(graph, &report);
    EXPECT_EQ(report.opset, 17) << report.reason;
    const Graph again = read_onnx_bytes(file, "again.onnx");
    EXPECT_EQ(structure_hash(again), structure_hash(graph));
    EXPECT_EQ(count_graph(again).macs, statistics.macs);
    const std::string second = write_onnx_bytes(again);
    const Graph third = read_onnx_bytes(second, "third.onnx");
    EXPECT_EQ(content_hash(third), content_hash(again));
    EXPECT_TRUE(write_onnx_bytes(third) == second);
    ++written;
  }
  EXPECT_GE(written, 14);
}

}  // namespace
}  // namespace nacre
