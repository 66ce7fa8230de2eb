// Recurrent layers: RNN, GRU and LSTM (ONNX opset 14), over sequences of any length per sample, in one or both directions.
//
//   RNN   H = f(X W' + H R' + b)
//   GRU   z = f(.), r = f(.), h = g(X W' + (r * H) R' + b), H = (1 - z) * h + z * H
//   LSTM  i = f(. + Pi * C), f = f(. + Pf * C), c = g(.), C = f * C + i * c, o = f(. + Po * C), H = o * h(C)
//
// Weights lie gate by gate: GRU z, r, h; LSTM i, o, f, c.
#include "nacre/ir/operators/recurrent.hpp"

#include <algorithm>
#include <cmath>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

int gates_of(const Node& node) { return node.op == "LSTM" ? 4 : node.op == "GRU" ? 3 : 1; }

Dim direction_count(const InferenceContext& context) {
  const std::string_view direction = context.attributes().text("direction", "forward");
  if (direction == "forward" || direction == "reverse") return Dim(1);
  if (direction == "bidirectional") return Dim(2);
  context.fail("attribute 'direction' is '" + std::string(direction) + "', expected forward, reverse or bidirectional");
}

// Rank, directions, and gates times hidden units of a weight or bias.
void check_weight(const InferenceContext& context, int index, int rank, Dim directions, Dim rows, const char* what) {
  if (!context.has_input(index)) return;
  const Shape* weight = context.ranked_input(index, rank, rank);
  if (weight == nullptr) return;
  same_dim(context, (*weight)[0], directions, "directions of a weight and of the attribute 'direction'");
  same_dim(context, (*weight)[1], rows, what);
}

void infer_recurrent(InferenceContext& context) {
  require_same_type(context, 0, 4);
  const int64_t gates = gates_of(context.node());
  const bool batch_first = context.attributes().integer("layout", 0) != 0;
  const Dim directions = direction_count(context);
  const Shape* x = context.ranked_input(0, 3, 3);
  const Shape* recurrence = context.ranked_input(2, 3, 3);
  Dim hidden = recurrence == nullptr ? Dim() : (*recurrence)[2];
  if (const int64_t declared = context.attributes().integer("hidden_size", 0); declared > 0)
    hidden = same_dim(context, hidden, Dim(declared), "hidden units of the weights and of the attribute 'hidden_size'");
  const auto rows = [&](int64_t count) {
    return hidden.is_fixed() ? Dim(saturating_multiply(count, hidden.extent())) : Dim();
  };
  check_weight(context, 1, 3, directions, rows(gates), "rows of W and gates times hidden units");
  check_weight(context, 2, 3, directions, rows(gates), "rows of R and gates times hidden units");
  check_weight(context, 3, 2, directions, rows(2 * gates), "entries of B and twice gates times hidden units");
  if (context.node().op == "LSTM") check_weight(context, 7, 2, directions, rows(3), "entries of P and 3 hidden units");
  const Shape* weight = context.ranked_input(1, 3, 3);
  if (x != nullptr && weight != nullptr) same_dim(context, (*x)[2], (*weight)[2], "features of X and of W");
  const Dim steps = x == nullptr ? Dim() : (*x)[batch_first ? 1 : 0];
  const Dim batch = x == nullptr ? Dim() : (*x)[batch_first ? 0 : 1];
  if (context.has_input(4)) {
    const Shape* lengths = context.ranked_input(4, 1, 1);
    if (lengths != nullptr) same_dim(context, (*lengths)[0], batch, "sequence lengths and samples");
  }
  const ElementType type = context.input_type(0);
  const Shape state = batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  context.set_output(0, type,
                     batch_first ? Shape{batch, steps, directions, hidden} : Shape{steps, directions, batch, hidden});
  context.set_output(1, type, state);
  context.set_output(2, type, state);
}

OperatorCost cost_recurrent(const Graph& graph, const Node& node) {
  const Shape& x = fixed_shape(graph, node.inputs[0]);
  const Shape& weight = fixed_shape(graph, node.inputs[1]);
  const Shape& recurrence = fixed_shape(graph, node.inputs[2]);
  const int64_t positions = saturating_multiply(x[0].extent(), x[1].extent());
  const int64_t rows = saturating_multiply(weight[0].extent(), weight[1].extent());
  const int64_t columns = weight[2].extent() + recurrence[2].extent();
  const int64_t macs = saturating_multiply(positions, saturating_multiply(rows, columns));
  // Each gate of each unit takes a bias, a nonlinearity of about four operations and a product.
  const int64_t products = saturating_multiply(2, macs);
  const int64_t others = saturating_multiply(6, saturating_multiply(positions, rows));
  return {.macs = macs,
          .flops = products < kMaximumCount && others < kMaximumCount ? products + others : kMaximumCount};
}

// --- reference ----------------------------------------------------------------------------------------------------

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

double activate(const RecurrentActivation& f, double x) {
  using Kind = RecurrentActivation::Kind;
  switch (f.kind) {
    case Kind::relu: return std::max(0.0, x);
    case Kind::tanh: return std::tanh(x);
    case Kind::sigmoid: return sigmoid(x);
    case Kind::affine: return f.alpha * x + f.beta;
    case Kind::leaky_relu: return x >= 0 ? x : f.alpha * x;
    case Kind::thresholded_relu: return x > f.alpha ? x : 0;
    case Kind::scaled_tanh: return f.alpha * std::tanh(f.beta * x);
    case Kind::hard_sigmoid: return std::clamp(f.alpha * x + f.beta, 0.0, 1.0);
    case Kind::elu: return x >= 0 ? x : f.alpha * std::expm1(x);
    case Kind::softsign: return x / (1 + std::abs(x));
    case Kind::softplus: return x > 30 ? x : std::log1p(std::exp(x));
  }
  return x;
}

// One direction's weights, in double.
struct Weights {
  const double* w = nullptr;   // [gates * hidden, inputs]
  const double* r = nullptr;   // [gates * hidden, hidden]
  std::vector<double> wb, rb;  // [gates * hidden] each
  std::vector<double> p;       // [3 * hidden] peepholes i, o, f; LSTM
};

struct Layer {
  const Node& node;
  RecurrentSettings settings;
  int64_t steps = 0, batch = 0, inputs = 0, hidden = 0, gates = 0;

  // Rows of `matrix` times `vector`, plus `bias`.
  static std::vector<double> product(const double* matrix, const std::vector<double>& vector,
                                     const std::vector<double>& bias) {
    std::vector<double> result = bias;
    for (size_t row = 0; row < result.size(); ++row) {
      for (size_t i = 0; i < vector.size(); ++i) result[row] += matrix[row * vector.size() + i] * vector[i];
    }
    return result;
  }

  double clipped(double x) const { return settings.clip > 0 ? std::clamp(x, -settings.clip, settings.clip) : x; }

  // Moves h (and c) one step on.
  void step(const Weights& weights, std::span<const RecurrentActivation> f, const std::vector<double>& x,
            std::vector<double>& h, std::vector<double>& c) const {
    const std::vector<double> from_x = product(weights.w, x, weights.wb);
    const std::vector<double> from_h = product(weights.r, h, weights.rb);
    const auto n = static_cast<size_t>(hidden);
    if (gates == 1) {
      for (size_t i = 0; i < n; ++i) h[i] = activate(f[0], clipped(from_x[i] + from_h[i]));
    } else if (gates == 3) {
      gru_step(weights, f, from_x, from_h, h);
    } else {
      for (size_t i = 0; i < n; ++i) {
        const auto gate = [&](size_t index, double peephole) {
          return clipped(from_x[index * n + i] + from_h[index * n + i] + peephole);
        };
        const double in = activate(f[0], gate(0, weights.p[i] * c[i]));
        const double forget = settings.input_forget ? 1 - in : activate(f[0], gate(2, weights.p[2 * n + i] * c[i]));
        c[i] = forget * c[i] + in * activate(f[1], gate(3, 0));
        h[i] = activate(f[0], gate(1, weights.p[n + i] * c[i])) * activate(f[2], c[i]);
      }
    }
  }

  void gru_step(const Weights& weights, std::span<const RecurrentActivation> f, const std::vector<double>& from_x,
                const std::vector<double>& from_h, std::vector<double>& h) const {
    const auto n = static_cast<size_t>(hidden);
    std::vector<double> z(n), r(n), reset(n);
    for (size_t i = 0; i < n; ++i) {
      z[i] = activate(f[0], clipped(from_x[i] + from_h[i]));
      r[i] = activate(f[0], clipped(from_x[n + i] + from_h[n + i]));
      reset[i] = r[i] * h[i];
    }
    std::vector<double> inner;  // what the candidate takes from the state
    if (settings.linear_before_reset) {
      for (size_t i = 0; i < n; ++i) inner.push_back(r[i] * from_h[2 * n + i]);
    } else {
      const std::vector<double> bias(weights.rb.begin() + static_cast<std::ptrdiff_t>(2 * n), weights.rb.end());
      inner = product(weights.r + 2 * n * n, reset, bias);
    }
    for (size_t i = 0; i < n; ++i) {
      const double candidate = activate(f[1], clipped(from_x[2 * n + i] + inner[i]));
      h[i] = (1 - z[i]) * candidate + z[i] * h[i];
    }
  }
};

Weights weights_of(const Layer& layer, Inputs inputs, const std::vector<double>& w, const std::vector<double>& r,
                   int64_t direction) {
  const int64_t rows = layer.gates * layer.hidden;
  Weights result;
  result.w = w.data() + direction * rows * layer.inputs;
  result.r = r.data() + direction * rows * layer.hidden;
  result.wb.assign(static_cast<size_t>(rows), 0);
  result.rb = result.wb;
  if (const Tensor* bias = optional_input(inputs, 3)) {
    const std::vector<double> b = load<double>(*bias);
    for (int64_t i = 0; i < rows; ++i) {
      result.wb[static_cast<size_t>(i)] = b[static_cast<size_t>(direction * 2 * rows + i)];
      result.rb[static_cast<size_t>(i)] = b[static_cast<size_t>(direction * 2 * rows + rows + i)];
    }
  }
  result.p.assign(static_cast<size_t>(3 * layer.hidden), 0);
  if (const Tensor* peepholes = layer.gates == 4 ? optional_input(inputs, 7) : nullptr) {
    const std::vector<double> p = load<double>(*peepholes);
    std::copy_n(p.begin() + direction * 3 * layer.hidden, 3 * layer.hidden, result.p.begin());
  }
  return result;
}

// A tensor with axes `order` of `x` taken in that order.
Tensor transposed(const Tensor& x, std::vector<int64_t> order) {
  Node node;
  node.op = "Transpose";
  node.attributes.set("perm", std::move(order));
  const Tensor* inputs[] = {&x};
  return find_operator("Transpose")->reference(node, Inputs(inputs))[0];
}

std::vector<Tensor> reference_recurrent(const Node& node, Inputs inputs) {
  const bool batch_first = node.attributes.integer("layout", 0) != 0;
  const Tensor x = batch_first ? transposed(input_at(inputs, 0), {1, 0, 2}) : input_at(inputs, 0);
  const Tensor& r = input_at(inputs, 2);
  Layer layer{.node = node, .settings = read_recurrent_settings(node)};
  layer.steps = x.extents()[0];
  layer.batch = x.extents()[1];
  layer.inputs = x.extents()[2];
  layer.gates = gates_of(node);
  layer.hidden = r.extents()[2];
  const int64_t directions = layer.settings.directions;
  const auto state_of = [&](size_t index) {
    const Tensor* given = optional_input(inputs, index);
    if (given == nullptr) return std::vector<double>(static_cast<size_t>(directions * layer.batch * layer.hidden), 0);
    return load<double>(batch_first ? transposed(*given, {1, 0, 2}) : *given);
  };
  std::vector<double> h = state_of(5);
  std::vector<double> c = layer.gates == 4 ? state_of(6) : h;
  const std::vector<double> xs = load<double>(x);
  const std::vector<double> ws = load<double>(input_at(inputs, 1));
  const std::vector<double> rs = load<double>(r);
  std::vector<int64_t> lengths(static_cast<size_t>(layer.batch), layer.steps);
  if (const Tensor* given = optional_input(inputs, 4)) lengths = given->integers();
  const Extents extents = {layer.steps, directions, layer.batch, layer.hidden};
  std::vector<double> y(static_cast<size_t>(count_of(extents)), 0);
  for (int64_t d = 0; d < directions; ++d) {
    const Weights weights = weights_of(layer, inputs, ws, rs, d);
    const std::span<const RecurrentActivation> f =
        std::span(layer.settings.activations).subspan(static_cast<size_t>(d) * layer.settings.activations_each);
    const bool backwards = d == 1 || layer.settings.reverse;
    for (int64_t b = 0; b < layer.batch; ++b) {
      const auto at = static_cast<std::ptrdiff_t>((d * layer.batch + b) * layer.hidden);
      std::vector<double> now_h(h.begin() + at, h.begin() + at + layer.hidden);
      std::vector<double> now_c(c.begin() + at, c.begin() + at + layer.hidden);
      const int64_t length = std::clamp<int64_t>(lengths[static_cast<size_t>(b)], 0, layer.steps);
      for (int64_t s = 0; s < length; ++s) {
        const int64_t t = backwards ? length - 1 - s : s;
        const auto row = static_cast<std::ptrdiff_t>((t * layer.batch + b) * layer.inputs);
        layer.step(weights, f, std::vector<double>(xs.begin() + row, xs.begin() + row + layer.inputs), now_h, now_c);
        std::ranges::copy(now_h, y.begin() + ((t * directions + d) * layer.batch + b) * layer.hidden);
      }
      std::ranges::copy(now_h, h.begin() + at);
      std::ranges::copy(now_c, c.begin() + at);
    }
  }
  const Extents state = {directions, layer.batch, layer.hidden};
  std::vector<Tensor> results = {store(x.type(), extents, y), store(x.type(), state, h)};
  if (layer.gates == 4) results.push_back(store(x.type(), state, c));
  if (batch_first) {
    results[0] = transposed(results[0], {2, 0, 1, 3});
    for (size_t i = 1; i < results.size(); ++i) results[i] = transposed(results[i], {1, 0, 2});
  }
  return results;
}

std::vector<AttributeSchema> recurrent_attributes() {
  return {{"activation_alpha", "floats", "of the activations that have one, in order"},
          {"activation_beta", "floats", "of the activations that have one, in order"},
          {"activations", "strings", "f, g, h of each direction; Sigmoid and Tanh"},
          {"clip", "float", "bound of what goes into the activations; none"},
          {"direction", "string", "forward, reverse or bidirectional; forward"},
          {"hidden_size", "int", "units of the state"},
          {"layout", "int", "1 puts samples before steps; 0"}};
}

OperatorSchema recurrent(const char* name, const char* summary, int inputs, int outputs,
                         std::vector<AttributeSchema> more) {
  std::vector<AttributeSchema> attributes = recurrent_attributes();
  attributes.insert(attributes.end(), more.begin(), more.end());
  return {.name = name,
          .summary = summary,
          .minimum_inputs = 3,
          .maximum_inputs = inputs,
          .maximum_outputs = outputs,
          .attributes = std::move(attributes),
          .infer = infer_recurrent,
          .cost = cost_recurrent,
          .reference = reference_recurrent};
}

// Has the activation an alpha, a beta, and which are the defaults (those of the operators of the same name).
struct ActivationRow {
  std::string_view name;
  RecurrentActivation::Kind kind;
  bool has_alpha = false;
  bool has_beta = false;
  double alpha = 0;
  double beta = 0;
};

constexpr ActivationRow kActivations[] = {
    {"Relu", RecurrentActivation::Kind::relu},
    {"Tanh", RecurrentActivation::Kind::tanh},
    {"Sigmoid", RecurrentActivation::Kind::sigmoid},
    {"Affine", RecurrentActivation::Kind::affine, true, true, 1, 0},
    {"LeakyRelu", RecurrentActivation::Kind::leaky_relu, true, false, 0.01, 0},
    {"ThresholdedRelu", RecurrentActivation::Kind::thresholded_relu, true, false, 1, 0},
    {"ScaledTanh", RecurrentActivation::Kind::scaled_tanh, true, true, 1, 1},
    {"HardSigmoid", RecurrentActivation::Kind::hard_sigmoid, true, true, 0.2, 0.5},
    {"Elu", RecurrentActivation::Kind::elu, true, false, 1, 0},
    {"Softsign", RecurrentActivation::Kind::softsign},
    {"Softplus", RecurrentActivation::Kind::softplus},
};

const ActivationRow& activation_row(std::string_view name) {
  const auto lower = [](std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
    return result;
  };
  for (const ActivationRow& row : kActivations) {
    if (lower(row.name) == lower(name)) return row;
  }
  throw UserError("the activation '" + std::string(name) + "' is not one of those of recurrent layers");
}

}  // namespace

RecurrentSettings read_recurrent_settings(const Node& node) {
  const Attributes& attributes = node.attributes;
  RecurrentSettings result;
  const std::string_view direction = attributes.text("direction", "forward");
  result.directions = direction == "bidirectional" ? 2 : 1;
  result.reverse = direction == "reverse";
  result.clip = attributes.real("clip", 0);
  result.input_forget = attributes.integer("input_forget", 0) != 0;
  result.linear_before_reset = attributes.integer("linear_before_reset", 0) != 0;
  std::vector<std::string> names;
  if (const Attribute* given = attributes.find("activations")) {
    if (const auto* list = std::get_if<std::vector<std::string>>(given)) names = *list;
  }
  std::vector<std::string> defaults = {"Tanh"};
  if (node.op == "GRU") defaults = {"Sigmoid", "Tanh"};
  if (node.op == "LSTM") defaults = {"Sigmoid", "Tanh", "Tanh"};
  result.activations_each = defaults.size();
  const size_t wanted = defaults.size() * static_cast<size_t>(result.directions);
  while (names.size() < wanted && (names.empty() || names.size() % defaults.size() == 0) &&
         !attributes.has("activations")) {
    names.insert(names.end(), defaults.begin(), defaults.end());
  }
  if (names.size() != wanted) {
    throw UserError("attribute 'activations' has " + std::to_string(names.size()) + " entries, expected " +
                    std::to_string(wanted));
  }
  const std::span<const float> alphas = attributes.reals("activation_alpha");
  const std::span<const float> betas = attributes.reals("activation_beta");
  size_t alpha = 0, beta = 0;
  for (const std::string& name : names) {
    const ActivationRow& row = activation_row(name);
    RecurrentActivation f{.kind = row.kind, .alpha = row.alpha, .beta = row.beta};
    if (row.has_alpha && alpha < alphas.size()) f.alpha = alphas[alpha++];
    if (row.has_beta && beta < betas.size()) f.beta = betas[beta++];
    result.activations.push_back(f);
  }
  return result;
}

std::vector<OperatorSchema> recurrent_operators() {
  return {recurrent("RNN", "simple recurrent layer", 6, 2, {}),
          recurrent("GRU", "gated recurrent units", 6, 2,
                    {{"linear_before_reset", "int", "1 multiplies by the reset gate after the product; 0"}}),
          recurrent("LSTM", "long short-term memory, with optional peepholes", 8, 3,
                    {{"input_forget", "int", "1 couples the forget gate to the input gate; 0"}})};
}

}  // namespace nacre::operators
