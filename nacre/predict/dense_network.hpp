// Dense layers in double precision with their gradients, and Adam: what the small networks of this module are made of. For the
// sources of this module only, since it shows Eigen.
//
// A stack is a row of layers a W + b, each with silu behind it or without; silu(z) = z / (1 + exp(-z)). Parameters lie outside, in
// one vector that several stacks may share, so that one optimizer moves them and a test can step on each of them:
//
//   parameters  [ W_0 (column by column) | b_0 | W_1 | b_1 | ... ]  from begin() to end()
#pragma once

#include <Eigen/Dense>
#include <cstdint>
#include <span>
#include <vector>

#include "nacre/base/random.hpp"

namespace nacre {

class DenseStack {
 public:
  struct Layer {
    Eigen::Index inputs = 0, outputs = 0;
    Eigen::Index weights = 0, biases = 0;  // places among the parameters
    bool activated = true;                 // silu behind it
  };

  // What a pass leaves for the way back.
  struct Tape {
    std::vector<Eigen::MatrixXd> inputs, sums;  // of each layer: a, and a W + b
  };

  DenseStack() = default;
  // `sizes`: inputs, hidden layers, outputs. The first parameter is at `begin`.
  DenseStack(std::span<const int64_t> sizes, Eigen::Index begin = 0, bool last_activated = false);

  Eigen::Index begin() const { return begin_; }
  Eigen::Index end() const { return end_; }
  const std::vector<Layer>& layers() const { return layers_; }

  // Weights normal with variance 2 / inputs (He et al., ICCV 2015), 1 / inputs where no silu follows; biases 0.
  void draw(Eigen::Ref<Eigen::VectorXd> parameters, Random& random) const;
  // Rows are examples. The tape is overwritten where asked.
  Eigen::MatrixXd forward(const Eigen::Ref<const Eigen::VectorXd>& parameters, Eigen::MatrixXd a,
                          Tape* tape = nullptr) const;
  // `pull`: derivative of something by the outputs. Adds that by the parameters to `gradient` (null: not wanted) and returns
  // that by the inputs (empty where not wanted).
  Eigen::MatrixXd backward(const Eigen::Ref<const Eigen::VectorXd>& parameters, const Tape& tape, Eigen::MatrixXd pull,
                           Eigen::VectorXd* gradient, bool by_inputs = true) const;

 private:
  Eigen::Index begin_ = 0, end_ = 0;
  std::vector<Layer> layers_;
};

// Kingma and Ba, ICLR 2015; with decoupled weight decay (Loshchilov and Hutter, ICLR 2019).
class Adam {
 public:
  explicit Adam(Eigen::Index parameters)
      : first_(Eigen::VectorXd::Zero(parameters)), second_(Eigen::VectorXd::Zero(parameters)) {}

  // Once before the moves of a step.
  void begin_step() { ++steps_; }
  // Moves the parameters in [begin, end).
  void move(Eigen::Ref<Eigen::VectorXd> parameters, const Eigen::VectorXd& gradient, double rate, Eigen::Index begin,
            Eigen::Index end);
  // All of a stack; its weights, not its biases, shrink by rate * decay of themselves.
  void move(const DenseStack& stack, Eigen::Ref<Eigen::VectorXd> parameters, const Eigen::VectorXd& gradient,
            double rate, double decay);

 private:
  Eigen::VectorXd first_, second_;
  int64_t steps_ = 0;
};

// From `rate` at step 0 to 0 at the last step of `steps` (Loshchilov and Hutter, SGDR, ICLR 2017, without restarts).
double cosine_rate(double rate, int64_t step, int64_t steps);

// Rows of a matrix in the given order.
Eigen::MatrixXd rows_of(const Eigen::MatrixXd& all, std::span<const int64_t> rows);

// Mean and scale that bring numbers to mean 0 and deviation 1; equal ones keep the scale 1.
struct Standard {
  double mean = 0, scale = 1;
};
Standard standard_of(const Eigen::Ref<const Eigen::VectorXd>& values);

}  // namespace nacre
