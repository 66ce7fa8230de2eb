// Blocks that several spaces are made of. Sizes may be Choices (space/elastic.hpp). Each enters no scope of its own.
#pragma once

#include <cstdint>
#include <string_view>

#include "nacre/space/elastic.hpp"

namespace nacre {

// Inverted residual (Sandler et al., arXiv 1801.04381) in the form of FBNet (arXiv 1812.03443, section 3.1): 1x1 expansion,
// depthwise k x k, 1x1 projection, each with batch-norm; the input is added where shapes agree. The expansion is left out
// where it would not widen (unless always_expand); with groups it is followed by a channel shuffle.
struct InvertedResidual {
  Choice kernel = 3;
  Choice expansion = 6;
  int64_t groups = 1;  // of the two 1x1 convolutions
  int64_t stride = 1;
  bool bias = false;  // of the convolutions, as in FBNet's released networks
  Activation activation = Activation::relu;
  bool squeeze_excite = false;  // on the middle channels, reduced to a quarter
  bool always_expand = false;   // the expansion stays where it would not widen, as in HW-NAS-Bench
};
ValueId inverted_residual(Chooser& choose, GraphBuilder& builder, ValueId x, const Choice& out_channels,
                          const InvertedResidual& options);

// The identity where shapes agree; else a strided 1x1 convolution with batch-norm and activation.
ValueId skip_connection(Chooser& choose, GraphBuilder& builder, ValueId x, const Choice& out_channels, int64_t stride,
                        Activation activation = Activation::relu);

// Residual blocks of He et al. (arXiv 1512.03385, figure 5): basic k x k, k x k; bottleneck 1x1 to a quarter, k x k, 1x1.
struct ResidualBlock {
  Choice kernel = 3;
  int64_t stride = 1;
  bool project = false;  // a 1x1 convolution on the shortcut even where shapes agree
  Activation activation = Activation::relu;
};
ValueId basic_block(Chooser& choose, GraphBuilder& builder, ValueId x, const Choice& out_channels,
                    const ResidualBlock& options);
ValueId bottleneck_block(Chooser& choose, GraphBuilder& builder, ValueId x, const Choice& out_channels,
                         const ResidualBlock& options);

// ReLU, convolution, batch-norm: the order of cell spaces. Enters the scope `name`.
ValueId activated_convolution(std::string_view name, GraphBuilder& builder, ValueId x, int64_t channels, int64_t kernel,
                              int64_t stride = 1);
// Half the side, rounded up, without losing every second pixel: one half of the channels sees the even pixels, the other the
// odd ones (zeros beyond an odd side); batch-norm after (NASNet, Zoph et al., arXiv 1707.07012; DARTS, Liu et al., arXiv
// 1806.09055). With stride 1 a 1x1 convolution with batch-norm. Enters the scope `name`.
ValueId factorized_reduce(std::string_view name, GraphBuilder& builder, ValueId x, int64_t channels, int64_t stride = 2,
                          Activation activation = Activation::relu);

// Global average, flattened: [N, C, H, W] to [N, C].
ValueId pooled_features(Chooser& choose, GraphBuilder& builder, ValueId x);

// [N, C, H, W] to tokens [N, H * W, C] for attention, and the mean over tokens [N, T, F] to [N, F].
ValueId image_tokens(GraphBuilder& builder, ValueId x);
ValueId mean_tokens(GraphBuilder& builder, ValueId x);

// Multi-head self-attention between all places of an image [N, C, H, W]: query, key and value by 1x1 convolutions without bias,
// soft-max over the keys of q k / sqrt(C / heads), the values' sum with these weights (BossNAS, Li et al., arXiv 2103.12424,
// section 3.4). Enters the scope `name`; UserError when C does not divide into heads.
ValueId grid_attention(std::string_view name, GraphBuilder& builder, ValueId x, int64_t heads);

// Batch-norm whose scale starts at 0, so that a residual block starts as its shortcut (Goyal et al., arXiv 1706.02677).
ValueId zero_scaled_norm(std::string_view name, GraphBuilder& builder, ValueId x);

}  // namespace nacre
