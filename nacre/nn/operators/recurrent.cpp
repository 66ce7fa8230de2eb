// RNN, GRU and LSTM on libtorch: the products with the input for all steps at once, the recurrence step by step, so that
// every form ONNX has (peepholes, clipping, coupled gates, lengths per sample, any activation) runs and has gradients.
#include "nacre/ir/operators/recurrent.hpp"

#include "nacre/nn/operators/node_context.hpp"

namespace nacre::torch_operators {
namespace {

using operators::RecurrentActivation;
using operators::RecurrentSettings;

at::Tensor activate(const RecurrentActivation& f, const at::Tensor& x) {
  using Kind = RecurrentActivation::Kind;
  switch (f.kind) {
    case Kind::relu: return at::relu(x);
    case Kind::tanh: return at::tanh(x);
    case Kind::sigmoid: return at::sigmoid(x);
    case Kind::affine: return x * f.alpha + f.beta;
    case Kind::leaky_relu: return at::leaky_relu(x, f.alpha);
    case Kind::thresholded_relu: return at::threshold(x, f.alpha, 0);
    case Kind::scaled_tanh: return at::tanh(x * f.beta) * f.alpha;
    case Kind::hard_sigmoid: return at::hardtanh(x * f.alpha + f.beta, 0.0, 1.0);
    case Kind::elu: return at::elu(x, f.alpha);
    case Kind::softsign: return x / (at::abs(x) + 1);
    case Kind::softplus: return at::softplus(x, 1, /*threshold=*/30);
  }
  return x;
}

// What one direction computes with.
struct Direction {
  at::Tensor w, r, wb, rb;  // [G H, I], [G H, H], [G H] each (undefined without a bias)
  at::Tensor peepholes;     // [3 H] or undefined
  std::span<const RecurrentActivation> f;
  bool backwards = false;
};

struct StepState {
  at::Tensor h, c;
};

class Recurrence {
 public:
  Recurrence(std::string op, RecurrentSettings settings) : op_(std::move(op)), settings_(std::move(settings)) {}

  void run(NodeRun& run, bool batch_first) const {
    const at::Tensor x = batch_first ? run.in(0).transpose(0, 1) : run.in(0);
    const int64_t hidden = run.in(2).size(2);
    const int64_t rows = run.in(1).size(1);
    at::Tensor lengths = run.has(4) ? run.in(4).to(x.device(), at::kLong) : at::Tensor();
    std::vector<at::Tensor> sequences, last_h, last_c;
    for (int64_t d = 0; d < settings_.directions; ++d) {
      Direction direction;
      direction.w = run.in(1).select(0, d);
      direction.r = run.in(2).select(0, d);
      if (run.has(3)) {
        direction.wb = run.in(3).select(0, d).narrow(0, 0, rows);
        direction.rb = run.in(3).select(0, d).narrow(0, rows, rows);
      }
      if (op_ == "LSTM" && run.has(7)) direction.peepholes = run.in(7).select(0, d);
      direction.f = std::span(settings_.activations).subspan(static_cast<size_t>(d) * settings_.activations_each);
      direction.backwards = d == 1 || settings_.reverse;
      const auto initial = [&](size_t index) {
        if (!run.has(index)) return at::zeros({x.size(1), hidden}, x.options());
        return batch_first ? run.in(index).select(1, d) : run.in(index).select(0, d);
      };
      StepState state{.h = initial(5), .c = op_ == "LSTM" ? initial(6) : at::Tensor()};
      sequences.push_back(run_direction(direction, x, lengths, state));
      last_h.push_back(state.h);
      last_c.push_back(state.c);
    }
    const at::Tensor y = at::stack(sequences, 1);  // [T, D, B, H]
    run.out(0, batch_first ? y.permute({2, 0, 1, 3}) : y);
    if (run.output_count() > 1) run.out(1, at::stack(last_h, batch_first ? 1 : 0));
    if (run.output_count() > 2) run.out(2, at::stack(last_c, batch_first ? 1 : 0));
  }

 private:
  // [T, B, H]; leaves the last state behind.
  at::Tensor run_direction(const Direction& direction, const at::Tensor& x, const at::Tensor& lengths,
                           StepState& state) const {
    const int64_t steps = x.size(0);
    at::Tensor from_x = at::linear(x, direction.w, direction.wb);
    at::Tensor within;  // [T, B, 1]: the step belongs to the sample
    at::Tensor order;   // [T, B]: the steps of each sample backwards, the rest in place; its own inverse
    if (lengths.defined()) {
      const at::Tensor step = at::arange(steps, lengths.options()).unsqueeze(1);
      within = (step < lengths).unsqueeze(2);
      if (direction.backwards) order = at::where(step < lengths, lengths - 1 - step, step.expand({steps, x.size(1)}));
    }
    const auto reordered = [&](const at::Tensor& sequence) {
      if (!direction.backwards) return sequence;
      if (!order.defined()) return at::flip(sequence, 0);
      return at::gather(sequence, 0, order.unsqueeze(2).expand_as(sequence));
    };
    from_x = reordered(from_x);
    std::vector<at::Tensor> outputs;
    for (int64_t t = 0; t < steps; ++t) {
      const StepState next = step(direction, from_x.select(0, t), state);
      if (!within.defined()) {
        state = next;
        outputs.push_back(next.h);
        continue;
      }
      const at::Tensor mine = within.select(0, t);
      outputs.push_back(at::where(mine, next.h, at::zeros_like(next.h)));
      state.h = at::where(mine, next.h, state.h);
      if (next.c.defined()) state.c = at::where(mine, next.c, state.c);
    }
    if (outputs.empty()) return at::zeros({0, x.size(1), direction.r.size(1)}, x.options());
    return reordered(at::stack(outputs, 0));
  }

  at::Tensor clipped(const at::Tensor& x) const {
    return settings_.clip > 0 ? at::clamp(x, -settings_.clip, settings_.clip) : x;
  }

  StepState step(const Direction& direction, const at::Tensor& from_x, const StepState& state) const {
    const std::span<const RecurrentActivation> f = direction.f;
    const int64_t n = state.h.size(1);
    const at::Tensor from_h = at::linear(state.h, direction.r, direction.rb);
    if (op_ == "RNN") return {.h = activate(f[0], clipped(from_x + from_h)), .c = {}};
    const auto part = [n](const at::Tensor& all, int64_t index) { return all.narrow(1, index * n, n); };
    if (op_ == "GRU") {
      const at::Tensor z = activate(f[0], clipped(part(from_x, 0) + part(from_h, 0)));
      const at::Tensor r = activate(f[0], clipped(part(from_x, 1) + part(from_h, 1)));
      at::Tensor inner = r * part(from_h, 2);
      if (!settings_.linear_before_reset) {
        const at::Tensor bias = direction.rb.defined() ? direction.rb.narrow(0, 2 * n, n) : at::Tensor();
        inner = at::linear(r * state.h, direction.r.narrow(0, 2 * n, n), bias);
      }
      const at::Tensor candidate = activate(f[1], clipped(part(from_x, 2) + inner));
      return {.h = (1 - z) * candidate + z * state.h, .c = {}};
    }
    const auto gate = [&](int64_t index, int64_t peephole, const at::Tensor& cell) {
      at::Tensor sum = part(from_x, index) + part(from_h, index);
      if (direction.peepholes.defined() && peephole >= 0)
        sum = sum + direction.peepholes.narrow(0, peephole * n, n) * cell;
      return clipped(sum);
    };
    const at::Tensor in = activate(f[0], gate(0, 0, state.c));
    const at::Tensor forget = settings_.input_forget ? 1 - in : activate(f[0], gate(2, 2, state.c));
    const at::Tensor c = forget * state.c + in * activate(f[1], gate(3, -1, state.c));
    return {.h = activate(f[0], gate(1, 1, c)) * activate(f[2], c), .c = c};
  }

  std::string op_;
  RecurrentSettings settings_;
};

TorchKernel make_recurrent(const NodeContext& context) {
  const auto recurrence =
      std::make_shared<const Recurrence>(context.node().op, operators::read_recurrent_settings(context.node()));
  const bool batch_first = context.attributes().integer("layout", 0) != 0;
  return [=](NodeRun& run) { recurrence->run(run, batch_first); };
}

}  // namespace

std::vector<TorchOperator> recurrent_operators() {
  return {{.name = "RNN", .precision = Precision::wide, .make = make_recurrent},
          {.name = "GRU", .precision = Precision::wide, .make = make_recurrent},
          {.name = "LSTM", .precision = Precision::wide, .make = make_recurrent}};
}

}  // namespace nacre::torch_operators
