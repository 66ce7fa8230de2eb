// `deepmad`: networks designed by a mathematical programme, best first (search/entropy_program.hpp).
//
// Nothing that is told changes what is proposed: the study trains what the programme found, or judges it by its entropy alone
// (evaluator: {kind: entropy}). With several bounds of effectiveness the programme is solved for each, and they are
// proposed in turn: which depth suits a task is then answered by training.
#include "nacre/base/error.hpp"
#include "nacre/search/entropy_program.hpp"
#include "nacre/search/proposals.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

class Deepmad final : public Strategy {
 public:
  Deepmad(const Options& options, const StrategyContext& context)
      : effectiveness_(options.reals("effectiveness")),
        program_(context.trace, context.objectives.limits, context.summarize, context.build, context.costs),
        has_networks_(context.build != nullptr || context.summarize != nullptr),
        interrupted_(context.interrupted),
        proposals_(context) {
    if (effectiveness_.empty())
      throw UserError(options.position("effectiveness"), "effectiveness: expected at least one bound");
    settings_.entropy.weights = options.reals("scale_weights");
    if (settings_.entropy.weights.empty())
      throw UserError(options.position("scale_weights"),
                      "scale_weights: expected one for each scale, the last for the network");
    settings_.beta = options.real("beta");
    settings_.variance = options.text("depth_penalty") == "variance";
    settings_.depths_from = options.integer("free_depths");
    settings_.rising_channels = options.boolean("rising_channels");
    settings_.evaluations = options.integer("evaluations");
    settings_.archive = options.integer("archive");
    settings_.annealing = options.text("solver") == "annealing";
  }

  std::optional<Proposal> ask(int64_t number, Random& random) override {
    if (!has_networks_) return proposals_.sample(random);  // a trace without a space: nothing is known of its networks
    if (number == 0 || designs_.empty()) solve(random);
    for (size_t tried = 0; tried < designs_.size(); ++tried) {
      const size_t turn = (turn_ + tried) % designs_.size();
      while (next_[turn] < designs_[turn].size()) {
        const DesignedNetwork& design = designs_[turn][next_[turn]++];
        Decisions decisions = proposals_.placed(design.decisions);
        if (!proposals_.remember(decisions)) continue;
        turn_ = turn + 1;
        Candidate candidate;
        candidate.decisions = std::move(decisions);
        candidate.made_by = fmt::format("designed for effectiveness {:g}: score {:.2f}, effectiveness {:.4f}",
                                        effectiveness_[turn], design.score, design.effectiveness);
        return candidate;
      }
    }
    return proposals_.sample(random);
  }

  void tell(const Trial& trial) override { proposals_.remember_told(trial.candidate); }

  Json statistics() const override {
    Json best = Json::array();
    for (size_t i = 0; i < designs_.size(); ++i) {
      Json entry = {{"bound", effectiveness_[i]}, {"networks", designs_[i].size()}};
      if (!designs_[i].empty()) {
        entry["score"] = designs_[i][0].score;
        entry["effectiveness"] = designs_[i][0].effectiveness;
      }
      best.push_back(entry);
    }
    return {{"repeats_avoided", proposals_.repeats_avoided()}, {"designs", best}};
  }

 private:
  void solve(Random& random) {
    for (const double bound : effectiveness_) {
      settings_.effectiveness = bound;
      Random stream(random.next());
      designs_.push_back(program_.solve(settings_, stream, interrupted_));
    }
    next_.assign(designs_.size(), 0);
  }

  const std::vector<double> effectiveness_;
  const EntropyProgram program_;
  const bool has_networks_;
  const std::function<bool()> interrupted_;
  EntropyProgramSettings settings_;
  Proposals proposals_;
  std::vector<std::vector<DesignedNetwork>> designs_;  // by bound, best first
  std::vector<size_t> next_;
  size_t turn_ = 0;
};

}  // namespace

void add_deepmad(Registry<StrategyFactory>& registry) {
  registry.add(
      {.name = "deepmad",
       .summary = "designs networks of greatest entropy within effectiveness and limits; trains nothing to do so",
       .source = "Shen et al., DeepMAD, CVPR 2023, arXiv 2303.02165",
       .parameters = {{.name = "effectiveness",
                       .type = ParameterType::real_list,
                       .description =
                           "bounds on depth over width; the paper has 0.3 for residual, 0.5 for mobile networks. "
                           "Several: designed for each, proposed in turn",
                       .default_value = Json::array({0.3}),
                       .minimum = 1e-3,
                       .maximum = 1e3},
                      {.name = "scale_weights",
                       .type = ParameterType::real_list,
                       .description = "of the entropies of the scales, the last is the network's",
                       .default_value = Json::array({1.0, 1.0, 1.0, 1.0, 8.0}),
                       .minimum = 0,
                       .maximum = 1e6},
                      {.name = "beta",
                       .type = ParameterType::real,
                       .description = "weight of the penalty of uneven depths",
                       .default_value = 10.0,
                       .minimum = 0,
                       .maximum = 1e6},
                      {.name = "depth_penalty",
                       .type = ParameterType::text,
                       .description =
                           "exp of the depths' standard deviation (the released networks) or variance (the paper)",
                       .default_value = "deviation",
                       .choices = {"deviation", "variance"}},
                      {.name = "free_depths",
                       .type = ParameterType::integer,
                       .description = "first stages whose depths are not penalized",
                       .default_value = 2,
                       .minimum = 0,
                       .maximum = 1000},
                      {.name = "rising_channels",
                       .type = ParameterType::boolean,
                       .description = "channels never fall from stage to stage",
                       .default_value = true},
                      {.name = "solver",
                       .type = ParameterType::text,
                       .description = "annealing, or the paper's evolution",
                       .default_value = "annealing",
                       .choices = {"annealing", "evolution"}},
                      {.name = "evaluations",
                       .type = ParameterType::integer,
                       .description = "networks that the programme looks at (the paper has 500,000)",
                       .default_value = 50'000,
                       .minimum = 1,
                       .maximum = 1e9},
                      {.name = "archive",
                       .type = ParameterType::integer,
                       .description = "best networks kept as parents",
                       .default_value = 256,
                       .minimum = 1,
                       .maximum = 1e6}},
       .example = "strategy: deepmad\neffectiveness: [0.1, 0.3, 0.5]"},
      [](const Options& options, const StrategyContext& context) {
        return std::make_unique<Deepmad>(options, context);
      });
}

}  // namespace nacre
