// Layers whose sizes may be Choices. In a plain build they are GraphBuilder's layers at the chosen sizes. Where the chooser
// records (a supernet), every parameter and value whose extent depends on decisions is noted with the expression:
//
//   ElasticBuilder layers(choose, builder);
//   x = layers.convolution("expand", x, layers.channels(x) * expansion, {.kernel = kernel});
//       "expand/weight"  axis 0: width * e    axis 1: width    axes 2, 3: kernel
//       the result       axis 1: width * e
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "nacre/space/chooser.hpp"

namespace nacre {

// Extents that depend on decisions, by value and axis. Constant extents are not kept.
class ElasticTable {
 public:
  using Place = std::pair<ValueId, int>;  // value, axis

  void note(ValueId value, int axis, const Choice& extent);
  // Null when the extent is fixed.
  const Choice* find(ValueId value, int axis) const;
  const std::map<Place, Choice>& entries() const { return entries_; }

 private:
  std::map<Place, Choice> entries_;
};

struct ElasticConvolution {
  Choice kernel = 3;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t groups = 1;
  bool bias = false;
  std::optional<int64_t> padding = std::nullopt;  // nothing: "same"
};

class ElasticBuilder {
 public:
  ElasticBuilder(Chooser& choose, GraphBuilder& builder) : table_(choose.elastic_table()), builder_(builder) {}

  // Extent of axis 1 with its expression.
  Choice channels(ValueId x) const;

  // As the layers of GraphBuilder.
  ValueId convolution(std::string_view name, ValueId x, const Choice& out_channels, const ElasticConvolution& options);
  ValueId depthwise(std::string_view name, ValueId x, const ElasticConvolution& options);
  ValueId batch_norm(std::string_view name, ValueId x);
  ValueId convolution_norm_activation(std::string_view name, ValueId x, const Choice& out_channels,
                                      const ElasticConvolution& options, Activation kind);
  ValueId depthwise_norm_activation(std::string_view name, ValueId x, const ElasticConvolution& options,
                                    Activation kind);
  ValueId activation(ValueId x, Activation kind);
  ValueId squeeze_excite(std::string_view name, ValueId x, const Choice& squeezed,
                         Activation gate = Activation::hard_sigmoid);
  ValueId linear(std::string_view name, ValueId x, const Choice& out_features, bool bias = true);
  ValueId layer_norm(std::string_view name, ValueId x);
  // Transposed convolution of kernel and stride `factor` without bias: [N, C, H, W] to [N, out, factor H, factor W].
  ValueId upsample(std::string_view name, ValueId x, const Choice& out_channels, int64_t factor);
  // Along the channels. UserError in a supernet when their number depends on decisions: what is cut from shared weights is the
  // first channels of a value, and behind a concatenation these are not one piece.
  ValueId concatenate(ValueId a, ValueId b);

  // Notes that axis 1 of `to` has the extent of axis 1 of `from` (pooling, addition, reshaping that keeps channels). Returns `to`.
  ValueId same_channels(ValueId from, ValueId to);

 private:
  void note_convolution(ValueId result, const Choice& in_channels, const Choice& out_channels, const Choice& kernel,
                        bool depthwise);
  void note_features(ValueId result, ValueId x, int axis);

  ElasticTable* table_;  // null: nothing is recorded
  GraphBuilder& builder_;
};

}  // namespace nacre
