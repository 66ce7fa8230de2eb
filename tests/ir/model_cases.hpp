// Small networks of the kinds that users bring: a recurrent classifier, one with a branch and a loop, a convolutional one
// quantized between QuantizeLinear and DequantizeLinear, and a decoder with a cache, as a runtime's model builder writes it.
// Weights are drawn from a seed.
#pragma once

#include <cmath>

#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/schema.hpp"
#include "tests/ir/onnx_file.hpp"
#include "tests/ir/operator_case.hpp"

namespace nacre::testing {

// Tokens [steps, batch] of 11 words -> embedding -> two LSTMs, the first in both directions -> 3 classes.
inline Graph lstm_classifier(uint64_t seed) {
  GraphBuilder make("lstm_classifier");
  Random random(seed);
  const ValueId tokens =
      make.input("tokens", ElementType::int64, {make.graph().symbol("steps"), make.graph().symbol("batch")});
  const ValueId lengths = make.input("lengths", ElementType::int32, {make.graph().symbol("batch")});
  const auto weight = [&](const char* name, std::vector<int64_t> extents) {
    Tensor tensor = random_tensor(random, std::move(extents));
    for (int64_t i = 0; i < tensor.elements(); ++i) tensor.set_number_at(i, tensor.number_at(i) / 3);
    return make.graph().add_initializer(name, std::move(tensor), true);
  };
  ValueId x = make.node("Gather", {weight("embedding", {11, 5}), tokens});
  x = make.node("LSTM",
                {x, weight("lstm0/W", {2, 16, 5}), weight("lstm0/R", {2, 16, 4}), weight("lstm0/B", {2, 32}), lengths},
                {{"hidden_size", int64_t{4}}, {"direction", std::string("bidirectional")}});
  // [steps, 2, batch, 4] -> [steps, batch, 8]
  x = make.node("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  x = make.node("Reshape", {x, make.constant(Tensor::of<int64_t>({3}, {0, 0, 8}))});
  make.node("LSTM",
            {x, weight("lstm1/W", {1, 16, 8}), weight("lstm1/R", {1, 16, 4}), weight("lstm1/B", {1, 32}), lengths},
            {{"hidden_size", int64_t{4}}}, 2);
  x = make.node("Squeeze", {make.graph().nodes().back().outputs[1], make.constant(Tensor::of<int64_t>({1}, {0}))});
  make.output(make.node("Gemm", {x, weight("head/W", {4, 3}), weight("head/B", {3})}), "logits");
  return make.take();
}

// x [batch, 6]: a block with shared weights applied `count` times (Loop), its mean squares collected on the way, then one
// of two heads by whether the sum is positive (If). The bodies read weights and values of the graph around.
inline Graph branch_and_loop(uint64_t seed) {
  Random random(seed);
  Graph graph;
  graph.name = "branch_and_loop";
  const ValueId x = graph.add_input("x", ElementType::float32, {graph.symbol("batch"), 6});
  const ValueId count = graph.add_input("count", ElementType::int64, {});
  const ValueId weight = graph.add_initializer("block/W", random_tensor(random, {6, 6}), true);
  const auto done = [](Graph& g, NodeId id) {
    infer_node(g, id);
    return g.node(id).outputs[0];
  };

  Graph body;
  body.name = "step";
  body.add_input("i", ElementType::int64, {});
  const ValueId going = body.add_input("going", ElementType::boolean, {});
  const ValueId state = body.add_input("state", ElementType::float32, {body.symbol("batch"), 6});
  const ValueId shared = body.add_input("W", ElementType::float32, {6, 6});
  const ValueId update = done(body, body.add_node("Tanh", {done(body, body.add_node("MatMul", {state, shared}))}));
  const ValueId next = done(body, body.add_node("Add", {state, update}));
  const ValueId squares = done(body, body.add_node("Mul", {next, next}));
  const ValueId mean = done(body, body.add_node("ReduceMean", {squares}, 1, {{"keepdims", int64_t{0}}}));
  body.add_output(done(body, body.add_node("Identity", {going})));
  body.add_output(next);
  body.add_output(mean);
  const NodeId loop = graph.add_node("Loop", {count, kNone, x}, 2);
  graph.node(loop).bodies.push_back(
      {.name = "body", .graph = std::make_shared<const Graph>(std::move(body)), .captures = {weight}});
  infer_node(graph, loop);
  const ValueId looped = graph.node(loop).outputs[0];
  const ValueId energies = graph.node(loop).outputs[1];

  const ValueId sum = done(graph, graph.add_node("ReduceSum", {looped}, 1, {{"keepdims", int64_t{0}}}));
  const ValueId zero = graph.add_initializer("zero", Tensor::scalar(0.0F));
  const ValueId positive = done(graph, graph.add_node("Greater", {sum, zero}));
  const NodeId branch = graph.add_node("If", {positive});
  for (const char* name : {"then_branch", "else_branch"}) {
    Graph head;
    head.name = name;
    const ValueId in = head.add_input("in", ElementType::float32, {head.symbol("batch"), 6});
    const ValueId w = head.add_initializer("W", random_tensor(random, {6, 2}), true);
    ValueId y = done(head, head.add_node("MatMul", {in, w}));
    if (std::string(name) == "else_branch") y = done(head, head.add_node("Neg", {y}));
    head.add_output(y);
    graph.node(branch).bodies.push_back(
        {.name = name, .graph = std::make_shared<const Graph>(std::move(head)), .captures = {looped}});
  }
  infer_node(graph, branch);
  graph.add_output(graph.node(branch).outputs[0], "y");
  graph.add_output(energies, "energies");
  return graph;
}

struct ScanForm {
  int64_t in_axis = 0, out_axis = 0;
  bool in_backwards = false, out_backwards = false;
};

// A running sum (state [3], weighted by a captured vector) over slices of x [4, 3] or [3, 4]; the state and the stacked
// squares are the results. x lies along `in_axis`, the squares along `out_axis`.
inline Graph scan_network(const ScanForm& form, uint64_t seed) {
  Random random(seed);
  Graph graph;
  graph.name = "scan";
  const ValueId start = graph.add_input("start", ElementType::float32, {3});
  const ValueId x = graph.add_input("x", ElementType::float32, form.in_axis == 0 ? Shape{4, 3} : Shape{3, 4});
  const ValueId weight = graph.add_initializer("weight", random_tensor(random, {3}), true);
  Graph body;
  const auto done = [&](NodeId id) {
    infer_node(body, id);
    return body.node(id).outputs[0];
  };
  const ValueId state = body.add_input("state", ElementType::float32, {3});
  const ValueId slice = body.add_input("slice", ElementType::float32, {3});
  const ValueId captured = body.add_input("captured", ElementType::float32, {3});
  const ValueId next = done(body.add_node("Add", {state, done(body.add_node("Mul", {slice, captured}))}));
  const ValueId squares = done(body.add_node("Mul", {next, next}));
  body.add_output(next);
  body.add_output(squares);
  Attributes attributes = {{"num_scan_inputs", int64_t{1}}};
  attributes.set("scan_input_axes", std::vector<int64_t>{form.in_axis});
  attributes.set("scan_output_axes", std::vector<int64_t>{form.out_axis});
  attributes.set("scan_input_directions", std::vector<int64_t>{form.in_backwards ? 1 : 0});
  attributes.set("scan_output_directions", std::vector<int64_t>{form.out_backwards ? 1 : 0});
  const NodeId scan = graph.add_node("Scan", {start, x}, 2, attributes);
  graph.node(scan).bodies.push_back(
      {.name = "body", .graph = std::make_shared<const Graph>(std::move(body)), .captures = {weight}});
  infer_node(graph, scan);
  graph.add_output(graph.node(scan).outputs[0], "sum");
  graph.add_output(graph.node(scan).outputs[1], "squares");
  return graph;
}

// Two int8 convolutions and an int8 product, each weight and activation between QuantizeLinear and DequantizeLinear;
// weights with a scale per output channel.
inline Graph quantized_network(uint64_t seed) {
  GraphBuilder make("quantized_network");
  Random random(seed);
  const auto activation = [&](ValueId x, double scale, int zero) {
    const ValueId s = make.constant(Tensor::scalar(static_cast<float>(scale)));
    const ValueId z = make.constant(Tensor::scalar(static_cast<uint8_t>(zero)));
    return make.node("DequantizeLinear", {make.node("QuantizeLinear", {x, s, z}), s, z});
  };
  const auto weight = [&](std::vector<int64_t> extents) {
    Tensor codes(ElementType::int8, extents), scale(ElementType::float32, {extents[0]}),
        zero(ElementType::int8, {extents[0]});
    for (int64_t i = 0; i < codes.elements(); ++i)
      codes.set_number_at(i, static_cast<double>(random.integer(-127, 127)));
    for (int64_t i = 0; i < scale.elements(); ++i) scale.set_number_at(i, random.uniform(0.002, 0.004));
    return make.node("DequantizeLinear", {make.constant(codes), make.constant(scale), make.constant(zero)},
                     {{"axis", int64_t{0}}});
  };
  ValueId x =
      activation(make.input("image", ElementType::float32, {make.graph().symbol("batch"), 3, 8, 8}), 1.0 / 64, 128);
  for (const int64_t channels : {8, 12}) {
    const int64_t in = make.channels(x);
    const ValueId bias = make.constant(random_tensor(random, {channels}));
    x = make.node("Conv", {x, weight({channels, in, 3, 3}), bias},
                  {{"pads", std::vector<int64_t>{1, 1, 1, 1}}, {"strides", std::vector<int64_t>{2, 2}}});
    x = activation(make.node("Relu", {x}), 1.0 / 32, 0);
  }
  x = make.flatten(make.global_average_pool(x));
  x = activation(x, 1.0 / 64, 0);
  make.output(make.node("Gemm", {x, weight({4, 12})}, {{"transB", int64_t{1}}}), "logits");
  return make.take();
}

struct DecoderSizes {
  int64_t layers = 2, heads = 4, groups = 2, depth = 4, words = 13, width = 16, inner = 24, longest = 32;
};

// A decoder as ONNX Runtime's model builder writes it: SimplifiedLayerNormalization, products of 4-bit blocks, rotary
// grouped-query attention with a cache that grows, SiLU gates. Inputs: tokens [batch, seq], last position [batch], total
// length, past keys and values [batch, groups, past, depth]; outputs: logits and the longer cache.
inline std::string decoder_file(uint64_t seed, const DecoderSizes& n = {}) {
  Random random(seed);
  OnnxFile file(17);
  file.input("tokens", {"batch", "seq"}, ElementType::int64);
  file.input("last", {"batch"}, ElementType::int32).input("total", {}, ElementType::int32);
  const auto real = [&](const std::string& name, std::vector<int64_t> extents, double size, double middle = 0) {
    Tensor tensor(ElementType::float32, extents);
    for (int64_t i = 0; i < tensor.elements(); ++i) tensor.set_number_at(i, middle + random.uniform(-size, size));
    file.initializer(name, tensor);
  };
  const int64_t block = 16;
  const auto product = [&](const std::string& x, const std::string& name, int64_t in, int64_t out) {
    const int64_t blocks = (in + block - 1) / block;
    Tensor codes(ElementType::uint8, {out, blocks, block / 2});
    for (int64_t i = 0; i < codes.elements(); ++i) codes.set_number_at(i, static_cast<double>(random.integer(0, 255)));
    file.initializer(name + "/codes", codes);
    real(name + "/scales", {out * blocks}, 0.01, 0.05);
    file.node("MatMulNBits", {x, name + "/codes", name + "/scales"}, {name},
              OnnxAttributes().integer("K", in).integer("N", out).integer("bits", 4).integer("block_size", block), name,
              "com.microsoft");
    return name;
  };
  Tensor cosines(ElementType::float32, {n.longest, n.depth / 2}), sines = cosines;
  for (int64_t i = 0; i < cosines.elements(); ++i) {
    const double angle =
        static_cast<double>(i / (n.depth / 2)) * std::pow(100.0, -static_cast<double>(i % (n.depth / 2)) / 2);
    cosines.set_number_at(i, std::cos(angle));
    sines.set_number_at(i, std::sin(angle));
  }
  file.initializer("cos", cosines).initializer("sin", sines);
  real("embedding", {n.words, n.width}, 1);
  file.node("Gather", {"embedding", "tokens"}, {"h"});
  const auto epsilon = OnnxAttributes().real("epsilon", 1e-5F);
  real("norm/scale", {n.width}, 0.2, 1);
  file.node("SimplifiedLayerNormalization", {"h", "norm/scale"}, {"x"}, epsilon, "norm");
  std::string x = "x", residual = "h";
  for (int64_t layer = 0; layer < n.layers; ++layer) {
    const std::string at = "layers." + std::to_string(layer);
    const std::string past_key = "past_key_values." + std::to_string(layer) + ".key";
    const std::string past_value = "past_key_values." + std::to_string(layer) + ".value";
    file.input(past_key, {"batch", n.groups, "past", n.depth}).input(past_value, {"batch", n.groups, "past", n.depth});
    const std::string q = product(x, at + "/attn/q", n.width, n.heads * n.depth);
    const std::string k = product(x, at + "/attn/k", n.width, n.groups * n.depth);
    const std::string v = product(x, at + "/attn/v", n.width, n.groups * n.depth);
    const std::string key = "present." + std::to_string(layer) + ".key";
    const std::string value = "present." + std::to_string(layer) + ".value";
    file.node("GroupQueryAttention", {q, k, v, past_key, past_value, "last", "total", "cos", "sin"},
              {at + "/attn/out", key, value},
              OnnxAttributes().integer("num_heads", n.heads).integer("kv_num_heads", n.groups).integer("do_rotary", 1),
              at + "/attn/GroupQueryAttention", "com.microsoft");
    const std::string o = product(at + "/attn/out", at + "/attn/o", n.heads * n.depth, n.width);
    real(at + "/norm1/scale", {n.width}, 0.2, 1);
    file.node("SkipSimplifiedLayerNormalization", {residual, o, at + "/norm1/scale"}, {at + "/y", "", "", at + "/r"},
              epsilon, at + "/norm1", "com.microsoft");
    const std::string gate = product(at + "/y", at + "/mlp/gate", n.width, n.inner);
    const std::string up = product(at + "/y", at + "/mlp/up", n.width, n.inner);
    file.node("Sigmoid", {gate}, {at + "/mlp/sigmoid"}).node("Mul", {gate, at + "/mlp/sigmoid"}, {at + "/mlp/silu"});
    file.node("Mul", {at + "/mlp/silu", up}, {at + "/mlp/inner"});
    const std::string down = product(at + "/mlp/inner", at + "/mlp/down", n.inner, n.width);
    real(at + "/norm2/scale", {n.width}, 0.2, 1);
    file.node("SkipSimplifiedLayerNormalization", {at + "/r", down, at + "/norm2/scale"},
              {at + "/x", "", "", at + "/s"}, epsilon, at + "/norm2", "com.microsoft");
    x = at + "/x";
    residual = at + "/s";
  }
  product(x, "logits", n.width, n.words);
  file.output("logits");
  for (int64_t layer = 0; layer < n.layers; ++layer) {
    file.output("present." + std::to_string(layer) + ".key");
    file.output("present." + std::to_string(layer) + ".value");
  }
  return file.bytes();
}

// Inputs of the decoder for `tokens` after a cache: past keys and values are taken from `cache` (outputs of an earlier
// run), empty ones where there is none.
inline NamedTensors decoder_inputs(const std::vector<int64_t>& tokens, const NamedTensors& cache,
                                   const DecoderSizes& n = {}) {
  NamedTensors inputs;
  const auto seq = static_cast<int64_t>(tokens.size());
  inputs.emplace("tokens", Tensor::of<int64_t>(std::vector<int64_t>{1, seq}, std::span<const int64_t>(tokens)));
  int64_t past = 0;
  for (int64_t layer = 0; layer < n.layers; ++layer) {
    for (const char* kind : {"key", "value"}) {
      const auto found = cache.find("present." + std::to_string(layer) + "." + kind);
      Tensor state = found == cache.end() ? Tensor(ElementType::float32, {1, n.groups, 0, n.depth}) : found->second;
      past = state.extents()[2];
      inputs.emplace("past_key_values." + std::to_string(layer) + "." + kind, std::move(state));
    }
  }
  inputs.emplace("last", Tensor::of<int32_t>({1}, {static_cast<int32_t>(past + seq - 1)}));
  inputs.emplace("total", Tensor::scalar<int32_t>(static_cast<int32_t>(past + seq)));
  return inputs;
}

}  // namespace nacre::testing
