// What a network whose weights are forgotten begins with.
#include "nacre/ir/parameter_roles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/ir/text_form.hpp"

namespace nacre {
namespace {

TEST(FreshDistributions, FollowWhatReadsAParameter) {
  const Graph graph = parse_graph(
      "graph g(x: float32[1,2,4,4]) {"
      "  w: float32[2,2,1,1] = param [1.0, 2.0, 3.0, 4.0]; b: float32[2] = param [1.0, 2.0];"
      "  s: float32[2] = param [3.0, 3.0]; t: float32[2] = param [4.0, 4.0];"
      "  m: float32[2] = frozen [5.0, 5.0]; v: float32[2] = frozen [6.0, 6.0];"
      "  f: float32[2,1,1] = param [7.0, 7.0]; own: float32[2,1,1] = param constant(9.0) [8.0, 8.0];"
      "  y = Conv(x, w, b); z = BatchNormalization(y, s, t, m, v); u = Mul(z, f); r = Add(u, own); return r; }");
  const std::vector<Distribution> fresh = fresh_distributions(graph);
  const auto of = [&](std::string_view name) {
    for (size_t i = 0; i < fresh.size(); ++i) {
      if (graph.value(graph.initializers()[i].value).name == name) return fresh[i];
    }
    throw std::runtime_error("no such parameter");
  };
  using Kind = Distribution::Kind;
  EXPECT_EQ(of("w").kind, Kind::kaiming_normal_fan_in);
  EXPECT_NEAR(of("w").a * of("w").a, 2, 1e-12);
  EXPECT_EQ(of("b"), (Distribution{Kind::constant, 0}));
  EXPECT_EQ(of("s"), (Distribution{Kind::constant, 1}));
  EXPECT_EQ(of("t"), (Distribution{Kind::constant, 0}));
  EXPECT_EQ(of("m"), (Distribution{Kind::constant, 0}));
  EXPECT_EQ(of("v"), (Distribution{Kind::constant, 1}));
  EXPECT_EQ(of("f").kind, Kind::none) << "a factor keeps its value";
  EXPECT_EQ(of("own"), (Distribution{Kind::constant, 9}));
}

}  // namespace
}  // namespace nacre
