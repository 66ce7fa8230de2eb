// `gin` and `gcn`: message passing over the operators of a network as it is built (graph_network.hpp), for any space. Values are
// standardized; AdamW with a cosine.
#include <set>

#include "nacre/predict/graph_network.hpp"
#include "nacre/predict/linear_algebra.hpp"
#include "nacre/predict/predictors.hpp"

namespace nacre {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr size_t kChunk = 256;  // networks asked at once

class GraphNetworkPredictor final : public Predictor {
 public:
  GraphNetworkPredictor(GraphNetworkSettings::Kind kind, const Options& options)
      : settings_{.kind = kind,
                  .width = options.integer("width"),
                  .levels = options.integer("levels"),
                  .hidden = options.integer("hidden")},
        steps_(options.integer("steps")),
        batch_(static_cast<size_t>(options.integer("batch_size"))),
        learning_rate_(options.real("learning_rate")),
        weight_decay_(options.real("weight_decay")) {}

  bool reads_graphs() const override { return true; }

  void fit(const Examples& examples, std::span<const double> values, Random& random) override {
    check_examples(examples, values);
    NACRE_CHECK(examples.graphs.size() == values.size(), "a graph for each example");
    std::vector<OperatorGraph> graphs;
    std::set<std::string> names;
    for (const auto& graph : examples.graphs) {
      graphs.push_back(operator_graph(*graph));
      for (const OperatorGraph::Vertex& vertex : graphs.back().vertices) {
        for (const auto& [name, count] : vertex.operators) names.insert(name);
      }
    }
    vocabulary_.assign(names.begin(), names.end());
    ColoredGraphs colored(vocabulary_, settings_.levels);
    for (const OperatorGraph& graph : graphs) colored.add(graph);
    network_.emplace(settings_, colored, random);
    VectorXd y = vector_of(values);
    center_ = y.mean();
    spread_ = std::sqrt((y.array() - center_).square().mean());
    if (!(spread_ > 1e-14 * std::abs(center_))) spread_ = 0;
    if (spread_ == 0) return;
    y = (y.array() - center_) / spread_;
    train(colored, y, random);
  }

  std::vector<Prediction> predict(const Examples& examples) const override {
    NACRE_CHECK(network_.has_value(), "predict() comes after fit()");
    NACRE_CHECK(examples.graphs.size() == examples.size(), "a graph for each example");
    std::vector<Prediction> result(examples.size(), {.mean = center_});
    for (size_t begin = 0; begin < result.size() && spread_ > 0; begin += kChunk) {
      ColoredGraphs colored(vocabulary_, settings_.levels);
      std::vector<int64_t> all;
      for (size_t i = begin; i < std::min(begin + kChunk, result.size()); ++i) {
        all.push_back(static_cast<int64_t>(i - begin));
        colored.add(operator_graph(*examples.graphs[i]));
      }
      const VectorXd answers = network_->predict(colored, all);
      for (Index i = 0; i < answers.size(); ++i)
        result[begin + static_cast<size_t>(i)].mean = center_ + spread_ * answers[i];
    }
    return result;
  }

  Json statistics() const override {
    if (!network_) return Json::object();
    return {{"operators", vocabulary_}, {"training_error", spread_ * std::sqrt(2 * training_loss_)}};
  }

 private:
  void train(const ColoredGraphs& graphs, const VectorXd& y, Random& random) {
    VectorXd& parameters = network_->parameters();
    Adam adam(parameters.size());
    VectorXd gradient;
    std::vector<int64_t> order;
    const size_t batch = std::min(batch_, graphs.size());
    size_t next = graphs.size();
    for (int64_t step = 0; step < steps_; ++step) {
      if (next + batch > graphs.size()) {
        order = random.permutation(static_cast<int64_t>(graphs.size()));
        next = 0;
      }
      const auto some = std::span(order).subspan(next, batch);
      next += batch;
      VectorXd wanted(static_cast<Index>(batch));
      for (size_t i = 0; i < batch; ++i) wanted[static_cast<Index>(i)] = y[some[i]];
      training_loss_ = network_->loss(graphs, some, wanted, &gradient);
      adam.begin_step();
      for (const DenseStack* stack : network_->stacks())
        adam.move(*stack, parameters, gradient, cosine_rate(learning_rate_, step, steps_), weight_decay_);
    }
  }

  const GraphNetworkSettings settings_;
  const int64_t steps_;
  const size_t batch_;
  const double learning_rate_, weight_decay_;
  std::vector<std::string> vocabulary_;
  std::optional<GraphNetwork> network_;
  double center_ = 0, spread_ = 0, training_loss_ = 0;
};

std::vector<Parameter> graph_network_parameters() {
  return {{.name = "width",
           .type = ParameterType::integer,
           .description = "numbers that a vertex carries",
           .default_value = 16,
           .minimum = 1,
           .maximum = 1024},
          {.name = "levels",
           .type = ParameterType::integer,
           .description = "steps of message passing: how far a vertex sees",
           .default_value = 4,
           .minimum = 1,
           .maximum = 64},
          {.name = "hidden",
           .type = ParameterType::integer,
           .description = "width of the dense layer behind the sums",
           .default_value = 32,
           .minimum = 1,
           .maximum = 1e4},
          {.name = "steps",
           .type = ParameterType::integer,
           .description = "of the optimizer",
           .default_value = 500,
           .minimum = 1,
           .maximum = 1e6},
          {.name = "batch_size",
           .type = ParameterType::integer,
           .description = "networks of a step at most",
           .default_value = 32,
           .minimum = 1,
           .maximum = 1e6},
          {.name = "learning_rate",
           .type = ParameterType::real,
           .description = "of the first step; falls along a cosine",
           .default_value = 0.005,
           .minimum = 1e-9,
           .maximum = 10},
          {.name = "weight_decay",
           .type = ParameterType::real,
           .description = "share of the weights taken away at a step, times the rate",
           .default_value = 0.1,
           .minimum = 0,
           .maximum = 1e3}};
}

}  // namespace

void add_gin(Registry<PredictorFactory>& registry) {
  registry.add({.name = "gin",
                .summary = "graph isomorphism network on the operators of the network itself",
                .source = "Xu et al., How powerful are graph neural networks?, ICLR 2019",
                .parameters = graph_network_parameters(),
                .example = "kind: gin\nwidth: 32\nlevels: 3"},
               [](const Options& options) {
                 return std::make_unique<GraphNetworkPredictor>(GraphNetworkSettings::Kind::gin, options);
               });
}

void add_gcn(Registry<PredictorFactory>& registry) {
  registry.add({.name = "gcn",
                .summary = "graph convolutional network on the operators of the network itself",
                .source = "Kipf and Welling, ICLR 2017; Dudziak et al., BRP-NAS, NeurIPS 2020, uses it so",
                .parameters = graph_network_parameters(),
                .example = "kind: gcn\nwidth: 32"},
               [](const Options& options) {
                 return std::make_unique<GraphNetworkPredictor>(GraphNetworkSettings::Kind::gcn, options);
               });
}

}  // namespace nacre
