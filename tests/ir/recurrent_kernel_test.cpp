// RNN, GRU and LSTM by the reference executor: against the same cell built from other operators, and by what must hold
// between directions, layouts and lengths.
#include <gtest/gtest.h>

#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/onnx_test_data.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "tests/ir/operator_cases.hpp"

namespace nacre {
namespace {

constexpr Tolerance kTolerance{.relative = 1e-5, .absolute = 1e-6};

std::vector<Tensor> run(const std::string& op, const std::vector<std::optional<Tensor>>& inputs, Attributes attributes,
                        int outputs) {
  const testing::OperatorCase test{.op = op, .attributes = std::move(attributes), .inputs = inputs, .outputs = outputs};
  Graph graph = testing::case_graph(test);
  std::vector<const Tensor*> given;
  for (const auto& input : test.inputs) given.push_back(input.has_value() ? &*input : nullptr);
  return run_reference_node(graph.node(0), given);
}

// x along an axis, from `begin` to `end`.
Tensor slice(const Tensor& x, int64_t axis, int64_t begin, int64_t end, int64_t step = 1) {
  return run("Slice",
             {x, testing::integer_vector({begin}), testing::integer_vector({end}), testing::integer_vector({axis}),
              testing::integer_vector({step})},
             {}, 1)[0];
}

Tensor flipped(const Tensor& x, int64_t axis) { return slice(x, axis, -1, std::numeric_limits<int64_t>::min(), -1); }

void expect_same(const Tensor& found, const Tensor& expected, const std::string& what) {
  const TensorDifference difference = compare_tensors(found, expected, kTolerance);
  EXPECT_TRUE(difference.equal()) << what << ": " << difference.problem;
}

struct Sizes {
  int64_t steps = 3, batch = 2, features = 3, hidden = 2;
};

class Recurrent : public ::testing::TestWithParam<const char*> {
 protected:
  std::string op = GetParam();
  int64_t gates = op == "LSTM" ? 4 : op == "GRU" ? 3 : 1;
  int outputs = op == "LSTM" ? 3 : 2;
  Random random{7};
  Sizes n;

  // X, W, R, B, lengths, h (, c, P)
  std::vector<std::optional<Tensor>> inputs(int64_t directions, std::optional<Tensor> lengths = std::nullopt) {
    using testing::random_tensor;
    std::vector<std::optional<Tensor>> result = {random_tensor(random, {n.steps, n.batch, n.features}),
                                                 random_tensor(random, {directions, gates * n.hidden, n.features}),
                                                 random_tensor(random, {directions, gates * n.hidden, n.hidden}),
                                                 random_tensor(random, {directions, 2 * gates * n.hidden}),
                                                 std::move(lengths),
                                                 random_tensor(random, {directions, n.batch, n.hidden})};
    if (op == "LSTM") {
      result.push_back(random_tensor(random, {directions, n.batch, n.hidden}));
      result.push_back(random_tensor(random, {directions, 3 * n.hidden}));
    }
    return result;
  }
};

// One step of one direction, written with matrix products and activations.
Graph cell_graph(const std::string& op, const Sizes& n, bool linear_before_reset) {
  GraphBuilder make("cell");
  const int64_t gates = op == "LSTM" ? 4 : op == "GRU" ? 3 : 1;
  const ValueId x = make.input("x", ElementType::float32, {n.batch, n.features});
  const ValueId w = make.input("w", ElementType::float32, {gates * n.hidden, n.features});
  const ValueId r = make.input("r", ElementType::float32, {gates * n.hidden, n.hidden});
  const ValueId b = make.input("b", ElementType::float32, {2 * gates * n.hidden});
  const ValueId h = make.input("h", ElementType::float32, {n.batch, n.hidden});
  const auto ints = [&](std::vector<int64_t> values) { return make.constant(testing::integer_vector(values)); };
  const auto part = [&](ValueId value, int64_t index, int64_t axis) {
    return make.node("Slice", {value, ints({index * n.hidden}), ints({(index + 1) * n.hidden}), ints({axis})});
  };
  const auto product = [&](ValueId input, ValueId weight, int64_t gate, int64_t bias_gate) {
    return make.node("Gemm", {input, part(weight, gate, 0), part(b, bias_gate, 0)}, {{"transB", int64_t{1}}});
  };
  const auto gate = [&](int64_t index) {
    return make.add(product(x, w, index, index), product(h, r, index, gates + index));
  };
  const auto one = make.constant(Tensor::scalar(1.0F));
  if (op == "RNN") {
    make.output(make.node("Tanh", {gate(0)}), "h1");
  } else if (op == "GRU") {
    const ValueId z = make.node("Sigmoid", {gate(0)}), reset = make.node("Sigmoid", {gate(1)});
    ValueId inner = kNone;
    if (linear_before_reset) {
      inner = make.node("Mul", {reset, product(h, r, 2, 5)});
    } else {
      inner = product(make.node("Mul", {reset, h}), r, 2, 5);
    }
    const ValueId candidate = make.node("Tanh", {make.add(product(x, w, 2, 2), inner)});
    const ValueId rest = make.node("Mul", {make.node("Sub", {one, z}), candidate});
    make.output(make.add(rest, make.node("Mul", {z, h})), "h1");
  } else {
    const ValueId c = make.input("c", ElementType::float32, {n.batch, n.hidden});
    const ValueId p = make.input("p", ElementType::float32, {3 * n.hidden});
    const auto peep = [&](int64_t index, ValueId cell) { return make.node("Mul", {part(p, index, 0), cell}); };
    const ValueId in = make.node("Sigmoid", {make.add(gate(0), peep(0, c))});
    const ValueId forget = make.node("Sigmoid", {make.add(gate(2), peep(2, c))});
    const ValueId cell = make.add(make.node("Mul", {forget, c}), make.node("Mul", {in, make.node("Tanh", {gate(3)})}));
    const ValueId out = make.node("Sigmoid", {make.add(gate(1), peep(1, cell))});
    make.output(make.node("Mul", {out, make.node("Tanh", {cell})}), "h1");
    make.output(cell, "c1");
  }
  return make.take();
}

Tensor direction_of(const Tensor& x, int64_t d) {
  const Tensor part = slice(x, 0, d, d + 1);
  return part.reshaped(std::vector<int64_t>(part.extents().begin() + 1, part.extents().end()));
}

TEST_P(Recurrent, EqualsItsCellBuiltFromOtherOperators) {
  for (const bool linear_before_reset : {false, true}) {
    if (linear_before_reset && op != "GRU") continue;
    const auto given = inputs(1);
    Attributes attributes = {{"hidden_size", n.hidden}};
    if (linear_before_reset) attributes.set("linear_before_reset", int64_t{1});
    const std::vector<Tensor> found = run(op, given, attributes, outputs);
    const Graph cell = cell_graph(op, n, linear_before_reset);
    NamedTensors state = {{"w", direction_of(*given[1], 0)},
                          {"r", direction_of(*given[2], 0)},
                          {"b", direction_of(*given[3], 0)},
                          {"h", direction_of(*given[5], 0)}};
    if (op == "LSTM") {
      state.emplace("c", direction_of(*given[6], 0));
      state.emplace("p", direction_of(*given[7], 0));
    }
    for (int64_t t = 0; t < n.steps; ++t) {
      state.insert_or_assign("x", direction_of(*given[0], t));
      const NamedTensors next = run_reference(cell, state);
      state.insert_or_assign("h", next.at("h1"));
      if (op == "LSTM") state.insert_or_assign("c", next.at("c1"));
      expect_same(direction_of(direction_of(found[0], t), 0), next.at("h1"), "step " + std::to_string(t));
    }
    expect_same(direction_of(found[1], 0), state.at("h"), "last state");
    if (op == "LSTM") expect_same(direction_of(found[2], 0), state.at("c"), "last cell");
  }
}

TEST_P(Recurrent, BackwardsIsForwardOnTheReversedSequence) {
  auto given = inputs(1);
  const std::vector<Tensor> reverse = run(op, given, {{"direction", std::string("reverse")}}, outputs);
  given[0] = flipped(*given[0], 0);
  const std::vector<Tensor> forward = run(op, given, {}, outputs);
  expect_same(flipped(reverse[0], 0), forward[0], "sequence");
  for (size_t i = 1; i < forward.size(); ++i) expect_same(reverse[i], forward[i], "state " + std::to_string(i));
}

TEST_P(Recurrent, BothDirectionsAreTheTwoSideBySide) {
  const auto given = inputs(2);
  const std::vector<Tensor> both = run(op, given, {{"direction", std::string("bidirectional")}}, outputs);
  for (const int64_t d : {0, 1}) {
    auto single = given;
    for (size_t i = 1; i < single.size(); ++i) {
      if (single[i].has_value()) single[i] = slice(*single[i], 0, d, d + 1);
    }
    const std::vector<Tensor> one =
        run(op, single, {{"direction", std::string(d == 0 ? "forward" : "reverse")}}, outputs);
    expect_same(slice(both[0], 1, d, d + 1), one[0], "sequence");
    for (size_t i = 1; i < one.size(); ++i) expect_same(slice(both[i], 0, d, d + 1), one[i], "state");
  }
}

// A sample with a length is that sample cut there; what follows is zero.
TEST_P(Recurrent, LengthsCutEachSample) {
  for (const char* direction : {"forward", "reverse"}) {
    const auto given = inputs(1, Tensor::of<int32_t>({2}, {1, 3}));
    const std::vector<Tensor> all = run(op, given, {{"direction", std::string(direction)}}, outputs);
    auto cut = given;
    cut[0] = slice(*given[0], 0, 0, 1);
    cut[4] = std::nullopt;
    const std::vector<Tensor> first = run(op, cut, {{"direction", std::string(direction)}}, outputs);
    expect_same(slice(slice(all[0], 0, 0, 1), 2, 0, 1), slice(first[0], 2, 0, 1), "first step of the short sample");
    const Tensor rest = slice(slice(all[0], 0, 1, n.steps), 2, 0, 1);
    expect_same(rest, Tensor(ElementType::float32, rest.extents()), "steps past its length");
    for (size_t i = 1; i < all.size(); ++i) expect_same(slice(all[i], 1, 0, 1), slice(first[i], 1, 0, 1), "its state");
    auto whole = given;
    whole[4] = std::nullopt;
    const std::vector<Tensor> uncut = run(op, whole, {{"direction", std::string(direction)}}, outputs);
    expect_same(slice(all[0], 2, 1, 2), slice(uncut[0], 2, 1, 2), "the long sample");
  }
}

TEST_P(Recurrent, TheOtherLayoutIsTransposed) {
  const auto given = inputs(2);
  const Attributes both = {{"direction", std::string("bidirectional")}};
  const std::vector<Tensor> expected = run(op, given, both, outputs);
  const auto turned = [](const Tensor& x, std::vector<int64_t> order) {
    return run("Transpose", {x}, {{"perm", std::move(order)}}, 1)[0];
  };
  auto other = given;
  for (const size_t i : {size_t{0}, size_t{5}, size_t{6}}) {
    if (i < other.size()) other[i] = turned(*other[i], {1, 0, 2});
  }
  Attributes attributes = both;
  attributes.set("layout", int64_t{1});
  const std::vector<Tensor> found = run(op, other, attributes, outputs);
  expect_same(turned(found[0], {1, 2, 0, 3}), expected[0], "sequence");
  for (size_t i = 1; i < found.size(); ++i) expect_same(turned(found[i], {1, 0, 2}), expected[i], "state");
}

TEST_P(Recurrent, ClippingBoundsWhatGoesIntoTheActivations) {
  const auto given = inputs(1);
  std::vector<std::string> identity;
  for (int64_t i = 0; i < (op == "LSTM" ? 3 : op == "GRU" ? 2 : 1); ++i) identity.push_back("Affine");
  const std::vector<Tensor> found = run(op, given, {{"activations", identity}, {"clip", 0.25F}}, outputs);
  if (op != "RNN") return;  // gates multiply: only the plain cell's result is what was clipped
  for (const double number : found[0].numbers()) EXPECT_LE(std::abs(number), 0.25);
}

INSTANTIATE_TEST_SUITE_P(Operators, Recurrent, ::testing::Values("RNN", "GRU", "LSTM"),
                         [](const auto& info) { return std::string(info.param); });

TEST(RecurrentErrors, NameWhatIsWrong) {
  Random random(1);
  const auto message = [&](std::vector<std::optional<Tensor>> inputs, const Attributes& attributes) -> std::string {
    Graph graph = testing::case_graph({.op = "LSTM", .attributes = attributes, .inputs = std::move(inputs)});
    try {
      infer_shapes(graph);
      run_reference_node(graph.node(0), {});
    } catch (const UserError& error) {
      return error.what();
    } catch (const InternalError&) {
    }
    return "";
  };
  const Tensor x = testing::random_tensor(random, {2, 1, 3}), w = testing::random_tensor(random, {1, 8, 3});
  const Tensor r = testing::random_tensor(random, {1, 8, 2});
  EXPECT_EQ(message({x, w, r}, {{"direction", std::string("up")}}),
            "node 'LSTM_0' (LSTM): attribute 'direction' is 'up', expected forward, reverse or bidirectional");
  EXPECT_EQ(message({x, testing::random_tensor(random, {1, 6, 3}), r}, {}),
            "node 'LSTM_0' (LSTM): rows of W and gates times hidden units differ: 6 and 8");
  EXPECT_EQ(message({x, testing::random_tensor(random, {1, 8, 4}), r}, {}),
            "node 'LSTM_0' (LSTM): features of X and of W differ: 3 and 4");
}

}  // namespace
}  // namespace nacre
