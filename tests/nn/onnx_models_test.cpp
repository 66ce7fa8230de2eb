// The models of the collection of real data by the torch executor: the classification networks give the outputs that came
// with them, and what is read back from a file written here gives the same.
#include <gtest/gtest.h>

#include <cstdlib>

#include "executor_check.hpp"
#include "nacre/base/file.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/onnx_test_data.hpp"
#include "nacre/ir/schema.hpp"
#include "nacre/nn/torch_compat.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

fs::path collection() {
  const char* data = std::getenv("NACRE_DATA");
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  return (data != nullptr ? fs::path(data) : fs::path(source == nullptr ? "." : source) / ".." / "shared" / "data") /
         "onnx";
}

Graph bound(const fs::path& path) {
  Graph graph = read_onnx(path);
  SymbolBindings bindings;
  for (const std::string& symbol : graph.symbols()) bindings[symbol] = 1;
  graph.bind_symbols(bindings);
  infer_shapes(graph);
  return graph;
}

// x[i] = i / n, the input that the expected outputs belong to.
Tensor ramp(const Value& value) {
  std::vector<int64_t> extents;
  for (const Dim dim : *value.shape) extents.push_back(dim.is_fixed() && dim.extent() > 0 ? dim.extent() : 1);
  Tensor x(ElementType::float32, extents);
  for (int64_t i = 0; i < x.elements(); ++i)
    x.set_number_at(i, static_cast<double>(i) / static_cast<double>(x.elements()));
  return x;
}

Tensor run(const Graph& graph) {
  const Numerics numerics = test::numerics_under_test();
  NamedTensors inputs;
  for (const ValueId id : graph.inputs) inputs.emplace(value_text(graph, id), ramp(graph.value(id)));
  PlainStore store(graph, 1, numerics);
  const at::NoGradGuard no_grad;
  return from_torch(test::run_torch(graph, inputs, store, numerics).at(0));
}

TEST(OnnxModelsOnTorch, LightNetworksGiveTheOutputsThatCameWithThem) {
  if (!fs::is_directory(collection())) GTEST_SKIP() << "no ONNX collection at " << collection() << " (set NACRE_DATA)";
  // Their weights are constants, so all logits are equal, at some 1e10: a last bit that differs between two threads' shares of
  // the channels would decide the softmax.
  const int threads = thread_count();
  set_thread_count(1);
  int compared = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(collection() / "light")) {
    if (entry.path().extension() != ".onnx") continue;
    const std::string stem = entry.path().stem().string();
    SCOPED_TRACE(stem);
    const fs::path expected = entry.path().parent_path() / (stem + "_output_0.pb");
    const Tensor found = run(bound(entry.path()));
    const Tensor wanted = read_onnx_tensor(read_file(expected), stem);
    const TensorDifference difference = compare_tensors(found, wanted, {.relative = 1e-3, .absolute = 1e-6});
    EXPECT_TRUE(difference.equal()) << difference.problem;
    ++compared;
  }
  EXPECT_EQ(compared, 7);
  set_thread_count(threads);
}

TEST(OnnxModelsOnTorch, TrainedNetworksAreTheSameAfterWriting) {
  if (!fs::is_directory(collection())) GTEST_SKIP() << "no ONNX collection at " << collection() << " (set NACRE_DATA)";
  for (const fs::directory_entry& entry : fs::directory_iterator(collection() / "trained")) {
    SCOPED_TRACE(entry.path().filename().string());
    const Graph graph = bound(entry.path());
    const Graph again = read_onnx_bytes(write_onnx_bytes(graph), "again.onnx");
    EXPECT_EQ(run(again), run(graph));
  }
}

}  // namespace
}  // namespace nacre
