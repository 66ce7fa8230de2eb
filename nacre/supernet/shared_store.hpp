// The weights that all networks of a space share, and views of them for one network: the store an executor asks.
//
//   separate   each branch has weights of its own (DARTS, FBNet, ProxylessNAS)
//   nested     what has one name in the networks that stand alone is one tensor, of the largest extents; a network sees the first
//              channels and the center of the kernel (Once-for-All, Single-Path NAS)
//
// Views of what is smaller than what is kept are slices: gradients flow into the kept tensor, running statistics are written
// through. What no view touched since begin_step() is not moved by a step: neither by momentum nor by decay.
//
// Includes libtorch. One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nacre/nn/optimizer.hpp"
#include "nacre/nn/parameter_store.hpp"

namespace nacre {

enum class WeightLayout { separate, nested };

struct SharedWeightsForm {
  WeightLayout layout = WeightLayout::separate;
  // Smaller kernels are linear images of the center of the next larger one, 7x7 to 5x5 to 3x3, by a matrix per layer that starts
  // as the identity (Once-for-All, arXiv 1908.09791, section 3.3); nested only. Else the center itself.
  bool kernel_transforms = false;
  // Numbers that are trained beside the weights, by name with their count; they start as 0 and do not decay (superkernels.hpp).
  std::map<std::string, int64_t> more = {};
};

class SharedStore : public ParameterStore {
 public:
  // For the networks of a supernet's graph with everything open (supernet_chooser.hpp). Weights are drawn with `seed`.
  SharedStore(const Graph& supernet, const SharedWeightsForm& form, uint64_t seed, const Numerics& numerics);
  ~SharedStore() override;

  at::Tensor view(std::string_view key, const Shape& shape, const ViewContext& context) override;

  // What nodes nacre.Mix are given for "mix/<key>" from now on; keys that are missing get equal weights.
  void set_mixture(std::map<std::string, at::Tensor, std::less<>> weights) { mixture_ = std::move(weights); }

  // What views of whole parameters are multiplied by from now on, by plain name; the shape need only broadcast.
  void set_masks(std::map<std::string, at::Tensor, std::less<>> masks) { masks_ = std::move(masks); }
  // Numbers per channel of the mixture, by key, that views of a whole parameter are multiplied by along an axis, by plain name.
  struct Scale {
    std::string key;
    int64_t axis = 0;
  };
  void set_scales(std::map<std::string, std::vector<Scale>, std::less<>> scales) { scales_ = std::move(scales); }
  // A kept tensor by its plain name. InternalError where there is none.
  const at::Tensor& tensor(const std::string& name) const;

  // --- one step: run networks, add up losses, then gradients() and update
  void begin_step();
  // Of the loss with respect to every trainable tensor, undefined where no view reached it.
  std::vector<at::Tensor> gradients(const at::Tensor& loss);
  // Adds to gradients of this step; for several networks per step.
  void accumulate(std::vector<at::Tensor>& sum, const std::vector<at::Tensor>& more) const;
  // For Optimizer::step: the part of each tensor that views of this step touched.
  std::vector<at::Tensor> regions() const;

  // The tensors that are trained, for an optimizer.
  TrainableSet trainable() const;
  // All kept tensors, running statistics included, by name; and back.
  Weights weights() const;
  void load(const Weights& weights);
  // Values of the parameters of a network, in the order of its initializers of floating type; `network` is built by
  // build_supernet with everything decided.
  std::vector<std::pair<std::string, Tensor>> network_weights(const Graph& network);
  int64_t parameter_count() const;  // elements of trainable tensors
  PlainStore& kept() { return *kept_; }

 private:
  struct Touch;
  struct Index;
  size_t find(std::string_view key, const ViewContext& context) const;
  at::Tensor cropped_kernel(size_t position, at::Tensor tensor, const Shape& shape, bool training);

  SharedWeightsForm form_;
  Numerics numerics_;
  Graph parameters_;  // no nodes: what is kept
  std::unique_ptr<PlainStore> kept_;
  std::unique_ptr<Index> index_;
  at::Tensor scaled(const std::string& name, at::Tensor whole) const;

  std::map<std::string, at::Tensor, std::less<>> mixture_, masks_;
  std::map<std::string, std::vector<Scale>, std::less<>> scales_;
  std::vector<Touch> touches_;
};

}  // namespace nacre
