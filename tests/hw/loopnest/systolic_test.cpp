#include "nacre/hw/loopnest/systolic.hpp"

#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "reference_architectures.hpp"

namespace nacre {
namespace {

TEST(Systolic, EqualsScaleSimOnEveryRow) {
  const std::vector<reference::Row> rows = reference::read_rows(reference::folder("hw-reference") / "scalesim.csv");
  if (rows.empty())
    GTEST_SKIP() << "no " << reference::folder("hw-reference") / "scalesim.csv"
                 << " (set NACRE_DATA)";
  const auto layers = reference::layers();
  for (const reference::Row& row : rows) {
    SCOPED_TRACE(row.at("layer") + " " + row.at("dataflow"));
    const MatrixProduct product = matrix_product(layers.at({row.at("network"), row.at("layer")}));
    const SystolicCost cost = systolic_cost(product, {16, 16}, systolic_dataflow(row.at("dataflow")));
    EXPECT_EQ(cost.cycles, std::stoll(row.at("total_cycles")));
    EXPECT_EQ(cost.multiply_accumulates, std::stoll(row.at("macs")));
    // Written in percent with four digits behind the point.
    EXPECT_NEAR(100 * cost.mapping_efficiency, std::stod(row.at("mapping_efficiency_pct")), 1e-3);
    EXPECT_NEAR(100 * cost.utilization, std::stod(row.at("utilization_pct")), 1e-2);
  }
}

TEST(Systolic, GroupsRepeatTheProduct) {
  const MatrixProduct one{.m = 49, .n = 1, .t = 9}, many{.m = 49, .n = 1, .t = 9, .times = 32};
  for (const char* name : {"os", "ws", "is"}) {
    const SystolicCost single = systolic_cost(one, {16, 16}, systolic_dataflow(name));
    const SystolicCost all = systolic_cost(many, {16, 16}, systolic_dataflow(name));
    EXPECT_EQ(all.cycles, 32 * single.cycles);
    EXPECT_EQ(all.folds, 32 * single.folds);
  }
}

TEST(Systolic, ReadsTheProductFromAWorkload) {
  const auto axis = [](int dimension) { return TensorAxis{{{dimension, 1}}}; };
  Workload attention{.name = "scores", .dimensions = {{"G", 12}, {"P", 128}, {"K", 96}, {"C", 64}}};
  attention.tensors = {{.name = "Queries", .role = TensorRole::inputs, .axes = {axis(0), axis(1), axis(3)}},
                       {.name = "Keys", .role = TensorRole::inputs, .axes = {axis(0), axis(2), axis(3)}},
                       {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(0), axis(1), axis(2)}}};
  const MatrixProduct product = matrix_product(attention);
  EXPECT_EQ(product.times, 12);
  EXPECT_EQ(product.m, 128);
  EXPECT_EQ(product.n, 96);
  EXPECT_EQ(product.t, 64);
  attention.tensors.erase(attention.tensors.begin());
  EXPECT_THROW(matrix_product(attention), UserError);
}

TEST(Systolic, RefusesWhatCannotBe) {
  EXPECT_THROW(systolic_dataflow("rs"), UserError);
  EXPECT_THROW(systolic_cost({.m = 0}, {16, 16}, SystolicDataflow::output_stationary), UserError);
  EXPECT_THROW(systolic_cost({}, {0, 16}, SystolicDataflow::output_stationary), UserError);
  EXPECT_THROW(
      systolic_cost({.m = int64_t{1} << 40, .n = int64_t{1} << 40}, {1, 1}, SystolicDataflow::output_stationary),
      UserError);
}

}  // namespace
}  // namespace nacre
