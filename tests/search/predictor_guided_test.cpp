// What `bananas` and `npenas` see of networks: cells where there are any, else decisions.
#include <gtest/gtest.h>

#include "../space/space_context.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::run;

constexpr int64_t kAsks = 30;

StrategyContext context_of(const Space& space) {
  StrategyContext context{space.trace(), synthetic::maximize_accuracy(), 0};
  context.identify = [&space](const Decisions& decisions) { return space.identity_of(decisions); };
  context.cell = [&space](const Decisions& decisions) { return space.cell_of(decisions); };
  return context;
}

struct Course {
  std::vector<std::string> asked;
  std::string sees;
};

Course course_of(const std::string& name, const StrategyContext& context, Json options) {
  options.update({{"initial_samples", 10}, {"batch", 5}, {"candidates", 20}});
  const auto strategy = synthetic::make_strategy(name, context, options);
  Course course;
  const auto steps = run(
      *strategy,
      [](const Decisions& decisions) {
        return synthetic::trial_of({{"accuracy", synthetic::additive(decisions)}});
      },
      kAsks, 5);
  for (const synthetic::Step& step : steps) course.asked.push_back(context.trace.text(step.candidate.decisions));
  course.sees = strategy->statistics()["sees"].get<std::string>();
  return course;
}

class PredictorGuidedSees : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Space> space_ = make_space(GetParam(), space_context({3, 32, 32}, 10));
};

TEST_P(PredictorGuidedSees, PathsOrGraphsOfCellsWhereAskedFor) {
  const StrategyContext context = context_of(*space_);
  const Course paths = course_of("bananas", context, {{"ensemble", 2}});
  EXPECT_EQ(paths.sees, "paths");
  EXPECT_EQ(course_of("npenas", context, {{"predictor", "gbdt"}}).sees, "paths");
  const Course decisions = course_of("bananas", context, {{"ensemble", 2}, {"encoding", "one_hot"}});
  EXPECT_EQ(decisions.sees, "decisions");
  EXPECT_NE(paths.asked, decisions.asked);
  EXPECT_EQ(paths.asked.size(), static_cast<size_t>(kAsks));
  const Course graphs = course_of("npenas", context, {});
  EXPECT_EQ(graphs.sees, "cells");
  EXPECT_EQ(graphs.asked.size(), static_cast<size_t>(kAsks));
  EXPECT_EQ(course_of("npenas", context, {}).asked, graphs.asked) << "the same again";
}

TEST_P(PredictorGuidedSees, DecisionsWhereNoCellIsKnown) {
  StrategyContext blind = context_of(*space_);
  blind.cell = nullptr;
  StrategyContext silent = context_of(*space_);
  silent.cell = [](const Decisions&) { return std::nullopt; };
  for (const char* const name : {"bananas", "npenas"}) {
    const Course course = course_of(name, blind, {});
    EXPECT_EQ(course.sees, "decisions");
    EXPECT_EQ(course.asked, course_of(name, silent, {}).asked);
    EXPECT_EQ(course.asked, course_of(name, context_of(*space_), {{"encoding", "one_hot"}}).asked);
  }
}

INSTANTIATE_TEST_SUITE_P(Cells, PredictorGuidedSees, testing::Values("nasbench101", "nasbench201", "transnas101_micro"),
                         [](const testing::TestParamInfo<const char*>& info) { return info.param; });

}  // namespace
}  // namespace nacre
