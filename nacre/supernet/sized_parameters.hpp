// Which parameters of a supernet have sizes that a number decides: told from the shapes that they have under each of its alternatives.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "nacre/space/space.hpp"
#include "nacre/supernet/supernet_chooser.hpp"

namespace nacre {

struct SizedParameter {
  std::string name;                           // plain
  std::vector<int64_t> whole;                 // extents in the supernet
  std::vector<std::vector<int64_t>> extents;  // by alternative
  std::set<size_t> axes;                      // that the decision sets
  size_t output_axis = 0;  // 0 of convolutions and Gemm, 1 of matrices that are multiplied from the right
  bool depthwise = false;

  bool is_vector() const { return whole.size() < 2; }
  // Axes along which what is left out must be silent: all but that of the outputs.
  std::set<size_t> read_axes() const;
};

// Trained parameters only, by name. UserError, which names the decision, where an alternative is a network of another structure.
std::vector<SizedParameter> parameters_sized_by(const Space& space, const SupernetForm& form, const Supernet& whole,
                                                const OpenDecision& number);

// Whether the parameter, by plain name, is the kernel of a depthwise convolution; only those that some node reads as its second input
// or later are there.
std::map<std::string, bool> depthwise_kernels(const Graph& graph);

}  // namespace nacre
