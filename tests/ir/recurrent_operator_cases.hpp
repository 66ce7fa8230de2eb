// Random uses of RNN, GRU and LSTM: any direction, layout and activations, with and without their optional inputs.
#pragma once

#include "tests/ir/operator_case.hpp"

namespace nacre::testing::cases {

inline OperatorCase recurrent(Random& random, const std::string& op) {
  const int64_t gates = op == "LSTM" ? 4 : op == "GRU" ? 3 : 1;
  const int64_t steps = random.integer(1, 4), batch = random.integer(1, 3), features = random.integer(1, 3);
  const int64_t hidden = random.integer(1, 3);
  static const std::vector<std::string> kDirections = {"forward", "reverse", "bidirectional"};
  const std::string direction = kDirections[random.below(3)];
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  const bool batch_first = random.bernoulli(0.4);
  OperatorCase result{.op = op};
  const auto maybe = [&](Tensor tensor) {
    result.inputs.push_back(random.bernoulli(0.6) ? std::optional(std::move(tensor)) : std::nullopt);
  };
  result.inputs.push_back(
      random_tensor(random, batch_first ? std::vector{batch, steps, features} : std::vector{steps, batch, features}));
  result.inputs.push_back(random_tensor(random, {directions, gates * hidden, features}));
  result.inputs.push_back(random_tensor(random, {directions, gates * hidden, hidden}));
  maybe(random_tensor(random, {directions, 2 * gates * hidden}));
  Tensor lengths(ElementType::int32, {batch});
  for (int64_t b = 0; b < batch; ++b) lengths.set_number_at(b, static_cast<double>(random.integer(1, steps)));
  maybe(lengths);
  const std::vector<int64_t> state =
      batch_first ? std::vector{batch, directions, hidden} : std::vector{directions, batch, hidden};
  maybe(random_tensor(random, state));
  if (op == "LSTM") {
    maybe(random_tensor(random, state));
    maybe(random_tensor(random, {directions, 3 * hidden}));
  }
  while (!result.inputs.back().has_value()) result.inputs.pop_back();
  result.attributes.set("hidden_size", hidden);
  if (direction != "forward" || random.bernoulli(0.5)) result.attributes.set("direction", direction);
  if (batch_first) result.attributes.set("layout", int64_t{1});
  if (random.bernoulli(0.3)) result.attributes.set("clip", 0.7F);
  if (op == "GRU") result.attributes.set("linear_before_reset", random.integer(0, 1));
  if (op == "LSTM") result.attributes.set("input_forget", random.integer(0, 1));
  if (random.bernoulli(0.4)) {
    static const std::vector<std::string> kNames = {"Relu",       "Tanh",        "Sigmoid", "Affine",   "LeakyRelu",
                                                    "ScaledTanh", "HardSigmoid", "Elu",     "Softsign", "Softplus"};
    std::vector<std::string> names;
    const int64_t each = op == "LSTM" ? 3 : op == "GRU" ? 2 : 1;
    for (int64_t i = 0; i < directions * each; ++i) names.push_back(kNames[random.below(kNames.size())]);
    result.attributes.set("activations", names);
    if (random.bernoulli(0.5)) {
      result.attributes.set("activation_alpha", std::vector<float>{0.3F, 0.6F});
      result.attributes.set("activation_beta", std::vector<float>{0.4F});
    }
  }
  result.outputs = static_cast<int>(random.integer(1, op == "LSTM" ? 3 : 2));
  return result;
}

}  // namespace nacre::testing::cases
