// Superkernels: one network, the largest of a space, holds all others, and thresholds that are trained with its weights say which
// parts of it are used (Single-Path NAS, Stamoulis et al., arXiv 1904.02877, section 3.1). For each decision whose alternatives
// nest, from the smallest to the largest, what alternative r adds (the ring of a kernel, channels, a layer) has an indicator
//
//   d_r = 1 where |w_r| > t_r, else 0           derivative that of the sigmoid of |w_r| - t_r
//   g_r = d_1 d_2 ... d_r                       what alternative r adds is used
//   p_r = g_r - g_(r+1)                         alternative r is the choice
//
// |w_r| is the norm of what is added to the depthwise convolution (to all convolutions where there is none), behind the kernel's own
// indicators. Unused channels are gated where they are read, so that the gated network equals the one that is cut out of it.
//
// Includes libtorch.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/nn/torch_headers.hpp"
#include "nacre/space/space.hpp"
#include "nacre/supernet/architecture.hpp"
#include "nacre/supernet/shared_store.hpp"
#include "nacre/supernet/supernet_chooser.hpp"

namespace nacre {

// 1 where x >= 0, else 0; its derivative is that of the sigmoid.
at::Tensor hard_indicator(const at::Tensor& x);

class Superkernels {
 public:
  // For the supernet of a space with everything open, whose numbers are the largest. UserError, which names the decision, where
  // alternatives do not nest: branches other than a layer and its skip, edges, sizes that change the structure.
  Superkernels(const Space& space, const SupernetForm& form, const Supernet& whole);

  // Open decisions and numbers, in the order of the definition.
  const std::vector<OpenDecision>& decisions() const { return decisions_; }
  // What the store must keep beside the weights: thresholds by name, with their number.
  std::map<std::string, int64_t> thresholds() const;

  // Makes the store show the used parts from now on, and gives the weight of every alternative, of which one is 1; gradients flow
  // into weights and thresholds. With `keep` < 1 each indicator is dropped with that chance, else scaled by 1 / keep.
  MixWeights gate(SharedStore& store, double keep, Random& random) const;
  // As gate(), but for decisions instead of the thresholds' say.
  void force(SharedStore& store, const Decisions& decisions) const;

  // Weights of alternatives by the thresholds: hard (one is 1) or sigmoids.
  std::vector<std::vector<double>> weights(const SharedStore& store, bool hard) const;

 private:
  // Which elements of a parameter each alternative adds, in ascending order; they add up to 1 everywhere.
  struct Slices {
    size_t parameter = 0;  // index into parameters_
    std::vector<at::Tensor> added;
  };
  struct Gate {
    size_t decision = 0;             // index into decisions_
    std::vector<int64_t> ascending;  // alternatives, smallest first
    bool spatial = false;            // of kernels: settled before the others
    std::vector<Slices> masked;      // parameters whose unused part is 0
    std::vector<Slices> measured;    // whose norm counts
  };
  // What is used, as g_1 ... g_n-1 of each gate.
  using Used = std::vector<std::vector<at::Tensor>>;

  void add_number(const Space& space, const SupernetForm& form, const Supernet& whole, size_t decision);
  void add_layers(const Supernet& whole, size_t decision);
  Slices lowest_of(size_t parameter) const;
  size_t parameter_index(const std::string& name);
  at::Tensor masked(const SharedStore& store, size_t parameter, const std::vector<at::Tensor>& masks) const;
  void show(SharedStore& store, const std::vector<at::Tensor>& masks, MixWeights weights) const;
  // Multiplies the masks of the gate's parameters.
  void apply(const Gate& gate, const std::vector<at::Tensor>& used, std::vector<at::Tensor>& masks) const;
  at::Tensor norm(const SharedStore& store, const Gate& gate, size_t rank, const std::vector<at::Tensor>& masks) const;
  at::Tensor alternative_weights(const Gate& gate, const std::vector<at::Tensor>& used, const at::Tensor& like) const;

  std::vector<OpenDecision> decisions_;
  std::vector<std::string> parameters_;
  std::vector<Gate> gates_;  // kernels, then channels, then layers
};

}  // namespace nacre
