// `eeea`: NSGA-II whose first population holds no network beyond a bound on a cost that is known without training (Termritthikun,
// Jamtsho, Ieamsaard, Muneesawang and Lee, EEEA-Net: an early exit evolutionary neural architecture search, Engineering
// Applications of Artificial Intelligence 104, 2021, arXiv 2108.06156: early exit population initialization).
//
// A sample whose cost passes the bound is thrown away and drawn again before anything is spent on it, until `exit_redraws`
// were in vain. Children are not filtered: the bound is no limit of the search, it says where the search begins. The
// published mutation also swaps neighboring genes; here as everywhere a mutation changes one decision.
#include <fmt/format.h>

#include "nacre/base/error.hpp"
#include "nacre/search/genetic_search.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

class EarlyExitEvolution final : public GeneticSearch {
 public:
  EarlyExitEvolution(const Options& options, const StrategyContext& context)
      : GeneticSearch(options, context),
        metric_(options.text("exit_metric")),
        bound_(options.has("exit_bound") ? std::optional(options.real("exit_bound")) : std::nullopt),
        redraws_(options.integer("exit_redraws")),
        position_(options.position("exit_bound")),
        build_(context.build),
        costs_(context.costs) {
    if (bound_ && (!build_ || !costs_)) {
      throw UserError(position_,
                      "exit_bound: the networks of this search are not at hand, so no cost is known before a trial");
    }
  }

  Json statistics() const override {
    Json result = GeneticSearch::statistics();
    result["early_exits"] = exits_;
    return result;
  }

 private:
  std::optional<Candidate> first(Random& random) override {
    if (!bound_) return proposals_.sample(random);
    return proposals_.draw([this](Random& stream) { return small(stream); }, {"random within the early exit"}, random);
  }

  Decisions small(Random& random) {
    std::optional<double> least;
    for (int64_t i = 0; i < redraws_; ++i) {
      Decisions decisions = trace_.sample(random);
      const std::optional<double> cost = metric_value(costs_(build_(decisions)), metric_);
      if (!cost) {
        throw UserError(position_,
                        fmt::format("exit_metric: '{}' is not known of a network before it is evaluated", metric_));
      }
      if (*cost <= *bound_) return decisions;
      ++exits_;
      least = std::min(least.value_or(*cost), *cost);
    }
    throw UserError(position_,
                    fmt::format("exit_bound: none of {} samples has {} <= {}; the smallest has {}; expected a "
                                "bound that some networks of the space keep",
                                redraws_, metric_, *bound_, *least));
  }

  const std::string metric_;
  const std::optional<double> bound_;
  const int64_t redraws_;
  const SourcePosition position_;
  const std::function<Design(const Decisions&)> build_;
  const std::function<Metrics(const Design&)> costs_;
  int64_t exits_ = 0;
};

}  // namespace

void add_eeea(Registry<StrategyFactory>& registry) {
  std::vector<Parameter> parameters = GeneticSearch::parameters(40, 0.1);
  parameters.push_back({.name = "exit_metric",
                        .type = ParameterType::text,
                        .description = "cost that is known without training",
                        .default_value = "params"});
  parameters.push_back(
      {.name = "exit_bound",
       .type = ParameterType::real,
       .description = "samples of the first population whose cost is larger are drawn again; left out: none"});
  parameters.push_back({.name = "exit_redraws",
                        .type = ParameterType::integer,
                        .description = "samples in a row that may be thrown away",
                        .default_value = 10000,
                        .minimum = 1,
                        .maximum = 1e9});
  registry.add(
      {.name = "eeea",
       .summary = "NSGA-II whose first population holds small networks only (early exit)",
       .source =
           "Termritthikun et al., EEEA-Net: an early exit evolutionary neural architecture search, EAAI 104, 2021",
       .parameters = std::move(parameters),
       .example = "strategy: eeea\nexit_metric: params\nexit_bound: 200000\npopulation_size: 16"},
      [](const Options& options, const StrategyContext& context) {
        return std::make_unique<EarlyExitEvolution>(options, context);
      });
}

}  // namespace nacre
