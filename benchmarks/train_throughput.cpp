// Training throughput of one of the networks of training_networks.json on random data, as one JSON line: the nacre side of
// benchmarks/train_vs_pytorch, whose other side is training_benchmark.py.
//
//   train_throughput training_networks.json NETWORK fp32|bf16|auto THREADS SECONDS
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>

#include "nacre/base/file.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/nn/throughput_probe.hpp"
#include "nacre/nn/trainer.hpp"

namespace {

using namespace nacre;

ValueId add_layer(GraphBuilder& builder, ValueId x, const Json& layer, int number) {
  const auto scope = builder.scope("layer" + std::to_string(number));
  const int64_t out = layer[1].get<int64_t>();
  if (layer[0] == "conv") {
    return builder.convolution_norm_activation(
        "conv", x, out, {.kernel = layer[2].get<int64_t>(), .stride = layer[3].get<int64_t>()}, Activation::relu);
  }
  const int64_t hidden = builder.channels(x) * layer[2].get<int64_t>(), kernel = layer[3].get<int64_t>(),
                stride = layer[4].get<int64_t>();
  ValueId y = builder.convolution_norm_activation("expand", x, hidden, {.kernel = 1}, Activation::relu);
  y = builder.activation(
      builder.batch_norm("norm", builder.depthwise("depthwise", y, {.kernel = kernel, .stride = stride})),
      Activation::relu);
  y = builder.convolution_norm_activation("project", y, out, {.kernel = 1}, Activation::none);
  return stride == 1 && builder.channels(x) == out ? builder.add(x, y) : y;
}

Graph build(const Json& network, TaskSignature& signature) {
  GraphBuilder builder("network");
  const auto input = network["input"].get<std::vector<int64_t>>();
  const int64_t classes = network["classes"].get<int64_t>();
  signature.inputs = {{"image", ElementType::float32, input}};
  signature.outputs = {{"logits", ElementType::float32, {classes}}};
  ValueId x =
      builder.input("image", ElementType::float32, {builder.graph().symbol("batch"), input[0], input[1], input[2]});
  int number = 0;
  for (const Json& layer : network["layers"]) x = add_layer(builder, x, layer, number++);
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(x)), classes), "logits");
  return builder.take();
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

int run(int argc, char** argv) {
  if (argc != 6)
    throw UserError("usage: train_throughput training_networks.json NETWORK fp32|bf16|auto THREADS SECONDS");
  const Json networks = parse_json(read_file(argv[1]), argv[1]);
  if (!networks.contains(argv[2])) throw UserError(std::string("no network '") + argv[2] + "' in " + argv[1]);
  TaskSignature signature;
  const Graph graph = build(networks[argv[2]], signature);
  const LossSpec loss{"cross_entropy", "logits", "label"};
  const Recipe recipe;
  const ProbeRequest request{.graph = graph,
                             .signature = signature,
                             .loss = loss,
                             .recipe = recipe,
                             .precision = argv[3],
                             .device = "cpu",
                             .workers = 1,
                             .cores = std::atoi(argv[4])};
  const ProbeDecision decision = probe_throughput(request);
  Numerics numerics = decision.numerics;
  numerics.threads = std::max(1, std::atoi(argv[4]));  // the probe leaves one to a given number of workers
  Graph counted = graph;
  counted.bind_symbols({{"batch", 1}});
  const GraphStatistics statistics = count_graph(counted);
  // Twice as many steps cost twice as much: the difference leaves warm-up out of the processor time too.
  const double rate = measure_training(graph, signature, loss, recipe, numerics, 3, 3);
  const int steps = std::max(4, static_cast<int>(std::atof(argv[5]) * rate / static_cast<double>(recipe.batch_size)));
  const double before = cpu_seconds();
  const double images_per_s = measure_training(graph, signature, loss, recipe, numerics, 0, steps);
  const double cpu_s = cpu_seconds() - before;
  const Json line = {{"images_per_s", images_per_s},
                     {"images_per_cpu_s", static_cast<double>(steps) * static_cast<double>(recipe.batch_size) / cpu_s},
                     {"parameters", statistics.parameters},
                     {"macs", statistics.macs},
                     {"numerics", numerics_text(numerics)},
                     {"decision", decision.reason}};
  std::cout << line.dump() << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const nacre::Error& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}
