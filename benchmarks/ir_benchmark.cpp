// How fast candidates become numbers: building a graph of about 60 nodes, counting it, hashing it. A search does this for
// every candidate it looks at, so that it must cost nothing beside the search itself. And how fast models of users do:
// reading, counting and writing ResNet-50 with its weights, shapes and statistics of a graph of 2,000 nodes.
//
//   build/release/benchmarks/ir_benchmark
#include <benchmark/benchmark.h>

#include "nacre/base/random.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/schema.hpp"
#include "nacre/ir/statistics.hpp"

namespace nacre {
namespace {

// Six inverted residual blocks (Sandler et al., arXiv 1801.04381) of random kernel, expansion and width: 59 to 62 nodes.
Graph mbconv_network(Random& random) {
  static const std::string kBlockNames[] = {"block0", "block1", "block2", "block3", "block4", "block5"};
  GraphBuilder builder("mbconv");
  ValueId x = builder.input("image", ElementType::float32, {1, 3, 32, 32});
  x = builder.convolution_norm_activation("stem", x, 16, {.kernel = 3}, Activation::relu);
  for (int block = 0; block < 6; ++block) {
    const auto scope = builder.scope(kBlockNames[block]);
    const int64_t stride = block % 2 == 1 ? 2 : 1;
    const int64_t width = stride == 2 ? 16 * random.integer(1, 4) : builder.channels(x);
    const int64_t expanded = builder.channels(x) * (random.bernoulli(0.5) ? 3 : 6);
    const int64_t kernel = random.bernoulli(0.5) ? 3 : 5;
    ValueId y = builder.convolution_norm_activation("expand", x, expanded, {.kernel = 1}, Activation::relu);
    y = builder.convolution_norm_activation("depthwise", y, expanded,
                                            {.kernel = kernel, .stride = stride, .groups = expanded}, Activation::relu);
    y = builder.convolution_norm_activation("project", y, width, {.kernel = 1}, Activation::none);
    x = stride == 1 ? builder.add(x, y) : y;
  }
  x = builder.convolution_norm_activation("last", x, 128, {.kernel = 1}, Activation::relu);
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(x)), 10), "logits");
  return builder.take();
}

void build_graph(benchmark::State& state) {
  Random random(1);
  int64_t nodes = 0;
  for ([[maybe_unused]] auto _ : state) nodes += static_cast<int64_t>(mbconv_network(random).nodes().size());
  state.counters["nodes"] = static_cast<double>(nodes) / static_cast<double>(state.iterations());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(build_graph)->Unit(benchmark::kMicrosecond);

void count_built_graph(benchmark::State& state) {
  Random random(1);
  const Graph graph = mbconv_network(random);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(count_graph(graph).macs);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(count_built_graph)->Unit(benchmark::kMicrosecond);

void hash_built_graph(benchmark::State& state) {
  Random random(1);
  const Graph graph = mbconv_network(random);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(structure_hash(graph));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(hash_built_graph)->Unit(benchmark::kMicrosecond);

void copy_graph(benchmark::State& state) {
  Random random(1);
  const Graph graph = mbconv_network(random);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(Graph(graph).nodes().size());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(copy_graph)->Unit(benchmark::kMicrosecond);

void infer_built_graph(benchmark::State& state) {
  Random random(1);
  Graph graph = mbconv_network(random);
  for ([[maybe_unused]] auto _ : state) infer_shapes(graph);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(infer_built_graph)->Unit(benchmark::kMicrosecond);

// The figure: graphs per second of all three together.
void build_count_hash(benchmark::State& state) {
  Random random(1);
  for ([[maybe_unused]] auto _ : state) {
    const Graph graph = mbconv_network(random);
    benchmark::DoNotOptimize(count_graph(graph).macs);
    benchmark::DoNotOptimize(structure_hash(graph));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(build_count_hash)->Unit(benchmark::kMicrosecond);

// ResNet-50 (He et al., arXiv 1512.03385): 25.6 million parameters, 4.1 GMACs at 224x224.
Graph resnet50() {
  GraphBuilder builder("resnet50");
  ValueId x = builder.input("image", ElementType::float32, {1, 3, 224, 224});
  x = builder.convolution_norm_activation("stem", x, 64, {.kernel = 7, .stride = 2}, Activation::relu);
  x = builder.max_pool(x, 3, 2, 1);
  const int64_t depths[] = {3, 4, 6, 3};
  for (int64_t stage = 0; stage < 4; ++stage) {
    const int64_t width = int64_t{64} << stage;
    for (int64_t block = 0; block < depths[stage]; ++block) {
      const auto scope = builder.scope("stage" + std::to_string(stage) + "/" + std::to_string(block));
      const int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      ValueId y = builder.convolution_norm_activation("reduce", x, width, {.kernel = 1}, Activation::relu);
      y = builder.convolution_norm_activation("conv", y, width, {.kernel = 3, .stride = stride}, Activation::relu);
      y = builder.convolution_norm_activation("expand", y, 4 * width, {.kernel = 1}, Activation::none);
      if (block == 0)
        x = builder.convolution_norm_activation("shortcut", x, 4 * width, {.kernel = 1, .stride = stride},
                                                Activation::none);
      x = builder.activation(builder.add(x, y), Activation::relu);
    }
  }
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(x)), 1000), "logits");
  return builder.take();
}

// The figure to reach: under 1 s.
void read_count_write_resnet50(benchmark::State& state) {
  Graph graph = resnet50();
  materialize_parameters(graph, 1);
  const std::string file = write_onnx_bytes(graph);
  for ([[maybe_unused]] auto _ : state) {
    const Graph read = read_onnx_bytes(file, "resnet50.onnx");
    const GraphStatistics counts = count_graph(read);
    state.counters["MACs"] = static_cast<double>(counts.macs);
    state.counters["params"] = static_cast<double>(counts.parameters);
    benchmark::DoNotOptimize(write_onnx_bytes(read).size());
  }
  state.counters["bytes"] = static_cast<double>(file.size());
}
BENCHMARK(read_count_write_resnet50)->Unit(benchmark::kMillisecond);

// A chain of inverted residual blocks until there are 2,000 nodes.
Graph long_network() {
  GraphBuilder builder("long");
  ValueId x = builder.input("image", ElementType::float32, {1, 16, 32, 32});
  for (int block = 0; builder.graph().nodes().size() < 2000; ++block) {
    const auto scope = builder.scope("block" + std::to_string(block));
    ValueId y = builder.convolution_norm_activation("expand", x, 64, {.kernel = 1}, Activation::relu);
    y = builder.convolution_norm_activation("depthwise", y, 64, {.kernel = 3, .groups = 64}, Activation::relu);
    y = builder.convolution_norm_activation("project", y, 16, {.kernel = 1}, Activation::none);
    x = builder.add(x, y);
  }
  builder.output(x, "y");
  return builder.take();
}

// The figure to reach: under 5 ms.
void infer_and_count_2000_nodes(benchmark::State& state) {
  Graph graph = long_network();
  for ([[maybe_unused]] auto _ : state) {
    infer_shapes(graph);
    benchmark::DoNotOptimize(count_graph(graph).macs);
  }
  state.counters["nodes"] = static_cast<double>(graph.nodes().size());
}
BENCHMARK(infer_and_count_2000_nodes)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace nacre
