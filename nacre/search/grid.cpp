// `grid`: every decision set once, in the order of Trace::at, and then no more.
//
// `sequential` goes through indices 0, 1, 2, ...: neighbors in the order differ in few decisions, and a run that stops
// early has seen one corner of the space. `spread` visits index i x stride modulo the count, the stride being the number
// nearest to count / golden ratio that shares no factor with the count: still each exactly once, and every beginning of
// the order covers the range of indices evenly (the three-distance theorem).
#include "nacre/search/proposals.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

Count golden_stride(const Count& count) {
  // floor(count x 0.6180339887498948482), in whole numbers: counts exceed what a double holds.
  Count stride = count * Count("6180339887498948482") / Count("10000000000000000000");
  if (stride < 1) stride = 1;
  while (gcd(stride, count) != 1) ++stride;  // ends at the latest at count - 1 or count + 1
  return stride;
}

class Grid final : public Strategy {
 public:
  Grid(const Options& options, const StrategyContext& context)
      : trace_(context.trace),
        stride_(options.text("enumeration") == "spread" ? golden_stride(context.trace.count()) : Count(1)),
        proposals_(context) {}

  std::optional<Proposal> ask(int64_t, Random&) override {
    while (next_ < trace_.count() && !proposals_.exhausted()) {
      const Count index = next_ * stride_ % trace_.count();
      ++next_;
      Candidate candidate;
      candidate.decisions = proposals_.placed(trace_.at(index));
      candidate.made_by = "grid index " + index.get_str();
      if (proposals_.remember(candidate.decisions)) return candidate;
    }
    return std::nullopt;
  }

  void tell(const Trial& trial) override { proposals_.remember_told(trial.candidate); }

 private:
  const Trace& trace_;
  Count stride_;
  Count next_ = 0;
  Proposals proposals_;
};

}  // namespace

void add_grid(Registry<StrategyFactory>& registry) {
  registry.add(
      {.name = "grid",
       .summary = "every network of the space once, in the order of its enumeration",
       .source = "",
       .parameters = {{.name = "enumeration",
                       .type = ParameterType::text,
                       .description =
                           "sequential: by index; spread: each beginning of the order covers the space evenly",
                       .default_value = "sequential",
                       .choices = {"sequential", "spread"}}},
       .example = "strategy: grid\nenumeration: spread"},
      [](const Options& options, const StrategyContext& context) { return std::make_unique<Grid>(options, context); });
}

}  // namespace nacre
