// Uses the installed libraries as another project would: builds a network, counts it, lists the registered spaces.
#include <iostream>

#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/space/space.hpp"

int main() {
  nacre::GraphBuilder builder("consumer");
  const nacre::ValueId image = builder.input("image", nacre::ElementType::float32, {1, 1, 8, 8});
  nacre::ConvolutionOptions options;
  const nacre::ValueId features = builder.convolution("stem", image, 16, options);
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(features)), 10), "logits");
  const nacre::GraphStatistics statistics = nacre::count_graph(builder.take());

  // 3x3 kernels over 8x8 pixels into 16 channels, and 16 x 10 weights; parameters add the ten biases of the head.
  const int64_t macs = 9 * 64 * 16 + 160;
  const int64_t parameters = 9 * 16 + 160 + 10;
  std::cout << "macs " << statistics.macs << ", parameters " << statistics.parameters << ", spaces "
            << nacre::space_registry().entries().size() << "\n";
  return statistics.macs == macs && statistics.parameters == parameters ? 0 : 1;
}
