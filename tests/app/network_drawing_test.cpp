#include "nacre/app/report/network_drawing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/space/network_text.hpp"

namespace nacre {
namespace {

using Kind = DrawnLayer::Kind;

Graph residual_network() {
  GraphBuilder b("net");
  ValueId x = b.input("x", ElementType::float32, {b.graph().symbol("batch"), Dim(3), Dim(8), Dim(8)});
  x = b.convolution_norm_activation("stem", x, 16, {.kernel = 3, .stride = 2}, Activation::relu);
  ValueId y = b.convolution_norm_activation("expand", x, 48, {.kernel = 1}, Activation::relu);
  y = b.batch_norm("bn", b.depthwise("depthwise", y, {.kernel = 5}));
  y = b.convolution_norm_activation("project", y, 16, {.kernel = 1}, Activation::none);
  x = b.add(x, y);
  b.output(b.linear("classifier", b.flatten(b.global_average_pool(x)), 10), "logits");
  return b.take();
}

TEST(NetworkDrawing, NamesLayersAndConnections) {
  const NetworkDrawing drawing = draw_network(residual_network());
  std::vector<Kind> kinds;
  for (const DrawnLayer& layer : drawing.layers) kinds.push_back(layer.kind);
  EXPECT_EQ(kinds, (std::vector{Kind::convolution, Kind::pointwise, Kind::depthwise, Kind::pointwise, Kind::join,
                                Kind::pool, Kind::linear}));
  EXPECT_EQ(drawing.layers[0].from, std::vector<int32_t>{-1});
  EXPECT_EQ(drawing.layers[4].from, (std::vector<int32_t>{0, 3}));
  EXPECT_EQ(drawing.layers[0].stride, 2);
  EXPECT_EQ(drawing.layers[0].side, 4);
  EXPECT_EQ(drawing.layers[2].kernel, 5);
  EXPECT_EQ(drawing.layers[2].channels, 48);
  EXPECT_EQ(drawing.layers[6].channels, 10);
}

// Whatever the network: every parameter and MAC belongs to one layer, and layers read only earlier ones.
TEST(NetworkDrawing, AccountsForTheWholeNetworkInEverySpace) {
  SpaceContext context;
  context.signature.inputs = {{"x", ElementType::float32, {3, 32, 32}}};
  context.signature.outputs = {{"logits", ElementType::float32, {10}}};
  for (const auto& entry : space_registry().entries()) {
    SCOPED_TRACE(entry.name);
    if (std::ranges::any_of(entry.parameters, &Parameter::required)) continue;  // needs a model
    context.signature.outputs[0].extents = {10};
    if (entry.name == "unet") context.signature.outputs[0].extents = {2, 32, 32};  // an answer for every pixel
    const auto space = entry.make(default_options(entry.parameters, "space"), context);
    Random random(5);
    for (int i = 0; i < 3; ++i) {
      Graph graph = space->build(space->trace().sample(random)).graph();
      const NetworkDrawing drawing = draw_network(graph);
      graph.bind_symbols({{"batch", 1}});
      const GraphStatistics statistics = count_graph(graph);
      int64_t params = 0, macs = 0;
      for (size_t layer = 0; layer < drawing.layers.size(); ++layer) {
        params += drawing.layers[layer].params;
        macs += drawing.layers[layer].macs;
        for (const int32_t from : drawing.layers[layer].from) EXPECT_LT(from, static_cast<int32_t>(layer));
      }
      EXPECT_LE(params, statistics.parameters);
      EXPECT_GE(static_cast<double>(params), 0.9 * static_cast<double>(statistics.parameters));
      EXPECT_EQ(macs, statistics.macs);
    }
  }
}

}  // namespace
}  // namespace nacre
