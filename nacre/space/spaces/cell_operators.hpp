// What an edge of a cell may do, for the cell spaces of NASNet (Zoph et al., arXiv 1707.07012, section 3.2), DARTS (Liu et
// al., arXiv 1806.09055) and EEEA-Net (Termritthikun et al., arXiv 2108.06156, table 1). A convolution is ReLU, convolution,
// batch-norm throughout.
//
//   skip                 the input itself; strided or with other channels as the style says
//   avg, max, max5, max7 pooling 3 x 3, 3 x 3, 5 x 5, 7 x 7; an average leaves padding out
//   sep3, sep5, sep7     depthwise and 1x1, twice, the stride in the first
//   dil3, dil5           depthwise of dilation 2 and 1x1
//   dilconv3             convolution 3 x 3 of dilation 2
//   inv3, inv5           1x1, depthwise, 1x1 without ReLU, each with batch-norm; with a shortcut where the stride is 1
//   rect3, rect7         1 x k, then k x 1
//   conv1, conv3         convolution
//   sharp3, sharp5, sharp7   depthwise and 1x1, twice, with as many channels between as come out: the balanced block of sharpDARTS
//                        (Hundt et al., arXiv 1903.09900, section 3.1); dilsharp3, dilsharp5 dilated in the first
//   flood3, flood5, dilflood3   the same with four times the channels between; choke3, dilchoke3 with 32
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/ir/graph_builder.hpp"

namespace nacre {

// Where the released codes differ. darts: symmetric padding; a strided skip is a factorized reduction. nasnet: padding as
// TensorFlow's SAME (ceil(extent / stride) places, the odd pixel at the end); a strided skip is a strided 1x1 convolution.
// A 1x1 convolution follows a pool that has to change the number of channels.
enum class CellStyle { darts, nasnet };

const std::vector<std::string>& cell_operator_names();

// x [N, c, H, W] to [N, channels, ceil(H / stride), ceil(W / stride)]. Enters the scope `name`, one of the names above.
ValueId apply_cell_operator(const std::string& name, GraphBuilder& builder, ValueId x, int64_t channels, int64_t stride,
                            CellStyle style);

}  // namespace nacre
