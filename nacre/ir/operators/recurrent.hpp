// What RNN, GRU and LSTM share beyond shapes: their attributes, read once, for every executor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre::operators {

struct RecurrentActivation {
  enum class Kind {
    relu,
    tanh,
    sigmoid,
    affine,  // alpha x + beta
    leaky_relu,
    thresholded_relu,
    scaled_tanh,  // alpha tanh(beta x)
    hard_sigmoid,
    elu,
    softsign,
    softplus
  };
  Kind kind = Kind::tanh;
  double alpha = 0;
  double beta = 0;
};

struct RecurrentSettings {
  int64_t directions = 1;
  bool reverse = false;  // the one direction runs from the end
  double clip = 0;       // 0: none
  bool input_forget = false;
  bool linear_before_reset = false;
  size_t activations_each = 1;                   // per direction: RNN 1, GRU 2, LSTM 3
  std::vector<RecurrentActivation> activations;  // of all directions
};

// UserError for an unknown activation or a wrong number of them.
RecurrentSettings read_recurrent_settings(const Node& node);

}  // namespace nacre::operators
