// `bananas` and `npenas`: a predictor learned from the told trials chooses among many mutations, a batch at a time.
//
// bananas (White, Neiswanger and Savani, BANANAS: Bayesian optimization with neural architectures for neural architecture search,
// AAAI 2021): an ensemble of predictors gives mean and spread; independent Thompson sampling ranks mutations of the best
// trials. npenas (Wei, Niu, Tang and Liang, NPENAS: neural predictor guided evolution for neural architecture search, IEEE
// TNNLS 2022, arXiv 2003.12857): every parent that a tournament chooses has several mutations, and one predictor's best of
// all of them are asked.
//
// Where the decisions are a cell (Space::cell_of), it is seen as in the papers: by its truncated paths, or, by a predictor that
// reads graphs, as a graph. Elsewhere through the one-hot encoding of the decisions, or as networks are built. The predictor is
// any of `nacre list predictors`.
#include <algorithm>
#include <cmath>
#include <deque>
#include <unordered_set>

#include "nacre/base/error.hpp"
#include "nacre/predict/predictor.hpp"
#include "nacre/search/proposals.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

constexpr size_t kMostTrials = 2000;  // the predictor looks at the last ones

enum class Method { bananas, npenas };

class PredictorGuided final : public Strategy {
 public:
  PredictorGuided(Method method, const Options& options, const StrategyContext& context)
      : method_(method),
        trace_(context.trace),
        objectives_(context.objectives),
        predictor_(predictor_of(method, options, context)),
        initial_samples_(options.integer("initial_samples")),
        batch_(static_cast<size_t>(options.integer("batch"))),
        candidates_(static_cast<size_t>(options.integer("candidates"))),
        parents_(static_cast<size_t>(options.integer("parents"))),
        ensemble_(method == Method::bananas ? options.integer("ensemble") : 1),
        proposals_(context) {
    predictor_registry().get(predictor_, options.position("predictor"));
    const bool reads_graphs = make_predictor(predictor_)->reads_graphs();
    if (sees_cells(options, context)) {
      cell_ = context.cell;
      if (!reads_graphs) {
        paths_.emplace(cell_(trace_.at(0))->operators().size(), static_cast<size_t>(options.integer("path_bits")));
      }
      return;
    }
    if (!reads_graphs) return;
    if (!context.build) {
      throw UserError(options.position("predictor"),
                      "predictor: '" + predictor_ +
                          "' reads graphs, and there are no networks here; expected one that reads "
                          "features");
    }
    build_ = context.build;
  }

  std::optional<Proposal> ask(int64_t, Random& random) override {
    if (asked_++ < initial_samples_ || trials_.size() < 4) return proposals_.sample(random);
    if (queue_.empty()) fill(random);
    while (!queue_.empty()) {
      Candidate candidate = std::move(queue_.front());
      queue_.pop_front();
      if (proposals_.remember(candidate.decisions)) return candidate;
    }
    return proposals_.sample(random);
  }

  void tell(const Trial& trial) override {
    proposals_.remember_told(trial.candidate);
    const Fitness fitness = objectives_.fitness(trial);
    if (!fitness.usable() || !trial.candidate.graph_text.empty()) return;
    trials_.push_back({trial.number, fitness, trial.candidate.decisions, {}});
    if (trials_.size() > kMostTrials) trials_.pop_front();
  }

  Json statistics() const override {
    const char* const sees = paths_ ? "paths" : cell_ ? "cells" : build_ ? "networks" : "decisions";
    return {{"repeats_avoided", proposals_.repeats_avoided()}, {"fits", fits_}, {"sees", sees}};
  }

 private:
  struct Told {
    int64_t number;
    Fitness fitness;
    Decisions decisions;
    std::shared_ptr<const Graph> graph;  // built when a predictor first reads it
  };

  static bool sees_cells(const Options& options, const StrategyContext& context) {
    return options.text("encoding") == "cell" && context.cell && context.cell(context.trace.at(0)).has_value();
  }

  static std::string predictor_of(Method method, const Options& options, const StrategyContext& context) {
    const std::string& name = options.text("predictor");
    if (name != "auto") return name;
    return method == Method::npenas && sees_cells(options, context) ? "gin" : "gbdt";
  }

  // Adds what the predictor reads of a network; `graph` keeps what was made for it.
  void add(const Decisions& decisions, std::shared_ptr<const Graph>& graph, Examples& examples) const {
    if (paths_) {
      examples.features.add(paths_->row(*cell_(decisions)));
      return;
    }
    if (!cell_) examples.features.add(trace_.encode_one_hot(decisions));
    if (!cell_ && !build_) return;
    if (!graph) graph = std::make_shared<const Graph>(cell_ ? drawn(*cell_(decisions)) : build_(decisions).graph());
    examples.graphs.push_back(graph);
  }

  // A cell as a graph with a node for each vertex, named by its operator: for predictors that read who reads whom.
  static Graph drawn(const CellGraph& cell) {
    Graph graph;
    std::vector<ValueId> values = {graph.add_input("input", ElementType::float32, {Dim(1)})};
    for (int vertex = 1; vertex < cell.graph().size(); ++vertex) {
      std::vector<ValueId> inputs;
      for (int from = 0; from < vertex; ++from) {
        if (cell.graph().edges(from, vertex) > 0) inputs.push_back(values[static_cast<size_t>(from)]);
      }
      values.push_back(graph.node(graph.add_node(cell.name(vertex), std::move(inputs))).outputs[0]);
    }
    graph.add_output(values.back(), "output");
    return graph;
  }

  // Feasible trials with their value; the others with the worst of them.
  std::vector<double> values() const {
    double worst = 0;
    bool any = false;
    const auto is_known = [](const Told& told) {
      return told.fitness.tier != Fitness::Tier::infeasible && std::isfinite(told.fitness.value);
    };
    for (const Told& told : trials_) {
      if (!is_known(told)) continue;
      worst = any ? std::max(worst, told.fitness.value) : told.fitness.value;
      any = true;
    }
    std::vector<double> result;
    for (const Told& told : trials_) result.push_back(is_known(told) ? told.fitness.value : worst + (any ? 0 : 1));
    return result;
  }

  std::vector<const Told*> best(size_t count) const {
    std::vector<const Told*> order;
    for (const Told& told : trials_) order.push_back(&told);
    std::ranges::stable_sort(order, {}, [](const Told* told) { return std::pair(told->fitness, told->number); });
    order.resize(std::min(order.size(), count));
    return order;
  }

  // Mutations that were not proposed, each once: of the best in turn, or of winners of tournaments.
  std::vector<Candidate> mutations(Random& random) const {
    const std::vector<const Told*> elite = best(parents_);
    std::vector<Candidate> result;
    std::unordered_set<Hash128> distinct;
    for (size_t i = 0; i < 4 * candidates_ && result.size() < candidates_; ++i) {
      const Told* parent = elite[i % elite.size()];
      if (method_ == Method::npenas) {
        const Told& other = trials_[random.below(trials_.size())];
        const Told& drawn = trials_[random.below(trials_.size())];
        parent = drawn.fitness < other.fitness ? &drawn : &other;
        if (random.bernoulli(0.5)) parent = elite[random.below(elite.size())];
      }
      Candidate candidate;
      candidate.decisions = trace_.mutate(parent->decisions, random);
      const bool twice = random.bernoulli(0.25);
      if (twice) candidate.decisions = trace_.mutate(candidate.decisions, random);
      candidate.decisions = proposals_.placed(std::move(candidate.decisions), &distinct);
      candidate.parents = {parent->number};
      candidate.made_by = "predictor's choice: mutation of " + std::to_string(parent->number);
      const Hash128 identity = proposals_.identity(candidate.decisions);
      if (!proposals_.known(identity) && distinct.insert(identity).second) {
        result.push_back(std::move(candidate));
      }
    }
    return result;
  }

  void fill(Random& random) {
    std::vector<Candidate> candidates = mutations(random);
    if (candidates.empty()) return;
    Examples known, asked;
    for (Told& told : trials_) add(told.decisions, told.graph, known);
    for (const Candidate& candidate : candidates) {
      std::shared_ptr<const Graph> graph;
      add(candidate.decisions, graph, asked);
    }
    const std::vector<double> targets = values();
    std::vector<std::pair<double, double>> sums(candidates.size());  // of means and their squares
    for (int64_t member = 0; member < ensemble_; ++member) {
      const std::unique_ptr<Predictor> predictor = make_predictor(predictor_);
      learn(*predictor, known, targets, random);
      const std::vector<Prediction> predictions = predictor->predict(asked);
      for (size_t i = 0; i < candidates.size(); ++i) {
        sums[i].first += predictions[i].mean;
        sums[i].second += predictions[i].mean * predictions[i].mean;
      }
    }
    std::vector<std::pair<double, size_t>> order;
    const auto members = static_cast<double>(ensemble_);
    for (size_t i = 0; i < candidates.size(); ++i) {
      const double mean = sums[i].first / members;
      const double spread = std::sqrt(std::max(0.0, sums[i].second / members - mean * mean));
      order.emplace_back(method_ == Method::bananas ? mean + spread * random.normal() : mean, i);
    }
    std::ranges::sort(order);
    for (size_t i = 0; i < std::min(batch_, order.size()); ++i)
      queue_.push_back(std::move(candidates[order[i].second]));
  }

  // Members of an ensemble see the trials drawn with replacement.
  void learn(Predictor& predictor, const Examples& known, const std::vector<double>& targets, Random& random) {
    ++fits_;
    if (ensemble_ == 1) return predictor.fit(known, targets, random);
    std::vector<size_t> rows;
    std::vector<double> drawn_targets;
    for (size_t i = 0; i < targets.size(); ++i) {
      rows.push_back(random.below(targets.size()));
      drawn_targets.push_back(targets[rows.back()]);
    }
    predictor.fit(known.pick(rows), drawn_targets, random);
  }

  const Method method_;
  const Trace& trace_;
  const ObjectiveSet objectives_;
  const std::string predictor_;
  std::function<Design(const Decisions&)> build_;                   // where the predictor reads networks
  std::function<std::optional<CellGraph>(const Decisions&)> cell_;  // where cells are seen
  std::optional<PathEncoding> paths_;                               // of cells, for predictors that read features
  const int64_t initial_samples_;
  const size_t batch_, candidates_, parents_;
  const int64_t ensemble_;
  Proposals proposals_;
  std::deque<Told> trials_;
  std::deque<Candidate> queue_;  // chosen, not asked yet
  int64_t asked_ = 0, fits_ = 0;
};

std::vector<Parameter> guided_parameters(int64_t batch, int64_t candidates) {
  return {{.name = "predictor",
           .type = ParameterType::text,
           .description = "what is learned from the trials: one of `nacre list predictors`, with its defaults; auto: "
                          "gbdt, and gin for npenas where it sees cells",
           .default_value = "auto"},
          {.name = "encoding",
           .type = ParameterType::text,
           .description =
               "cell: where all decisions are one cell (nasbench101, nasbench201, transnas101_micro) by its "
               "truncated paths, or as a graph by predictors that read graphs; elsewhere, and one_hot, by decisions",
           .default_value = "cell",
           .choices = {"cell", "one_hot"}},
          {.name = "path_bits",
           .type = ParameterType::integer,
           .description = "paths of a cell that are told apart, shorter ones first, whole lengths while they fit (the "
                          "paper: 40 of 364 for NAS-Bench-101)",
           .default_value = 100,
           .minimum = 1,
           .maximum = 1e5},
          {.name = "initial_samples",
           .type = ParameterType::integer,
           .description = "uniform samples before the predictor is asked",
           .default_value = 20,
           .minimum = 4,
           .maximum = 1e6},
          {.name = "batch",
           .type = ParameterType::integer,
           .description = "candidates asked for each fit",
           .default_value = batch,
           .minimum = 1,
           .maximum = 1e6},
          {.name = "candidates",
           .type = ParameterType::integer,
           .description = "mutations among which the predictor chooses",
           .default_value = candidates,
           .minimum = 1,
           .maximum = 1e6},
          {.name = "parents",
           .type = ParameterType::integer,
           .description = "best trials that are mutated",
           .default_value = 10,
           .minimum = 1,
           .maximum = 1e6}};
}

}  // namespace

void add_bananas(Registry<StrategyFactory>& registry) {
  std::vector<Parameter> parameters = guided_parameters(10, 100);
  parameters.push_back({.name = "ensemble",
                        .type = ParameterType::integer,
                        .description = "predictors, each of which sees trials drawn with replacement",
                        .default_value = 5,
                        .minimum = 2,
                        .maximum = 100});
  registry.add({.name = "bananas",
                .summary = "an ensemble of predictors and Thompson sampling choose among mutations of the best",
                .source = "White, Neiswanger and Savani, BANANAS, AAAI 2021, arXiv 1910.11858",
                .parameters = std::move(parameters),
                .example = "strategy: bananas\nensemble: 3\nbatch: 5"},
               [](const Options& options, const StrategyContext& context) {
                 return std::make_unique<PredictorGuided>(Method::bananas, options, context);
               });
}

void add_npenas(Registry<StrategyFactory>& registry) {
  registry.add({.name = "npenas",
                .summary = "evolution whose many mutations a predictor ranks; the best of them are asked",
                .source = "Wei et al., NPENAS: neural predictor guided evolution, IEEE TNNLS 2022, arXiv 2003.12857",
                .parameters = guided_parameters(20, 100),
                .example = "strategy: npenas\nbatch: 10\ncandidates: 200"},
               [](const Options& options, const StrategyContext& context) {
                 return std::make_unique<PredictorGuided>(Method::npenas, options, context);
               });
}

}  // namespace nacre
