// `gaussian_process`: a Gaussian process on features (gaussian_process.hpp).
#include "nacre/predict/gaussian_process.hpp"
#include "nacre/predict/predictors.hpp"

namespace nacre {
namespace {

const std::vector<std::string> kKernels = {"rbf", "matern32", "matern52", "hamming"};

class GaussianProcessPredictor final : public Predictor {
 public:
  explicit GaussianProcessPredictor(const GaussianProcessOptions& options) : process_(options) {}

  void fit(const Examples& examples, std::span<const double> values, Random& random) override {
    process_.fit(examples.features, values, random);
  }
  std::vector<Prediction> predict(const Examples& examples) const override {
    return process_.predict(examples.features);
  }
  Json statistics() const override {
    return {{"lengths", process_.parameters().lengths},
            {"signal_deviation", process_.signal_deviation()},
            {"noise_deviation", process_.noise_deviation()},
            {"log_marginal_likelihood", process_.log_marginal_likelihood()}};
  }

 private:
  GaussianProcessRegression process_;
};

GaussianProcessOptions process_options(const Options& options) {
  GaussianProcessOptions result;
  const auto found = std::ranges::find(kKernels, options.text("kernel"));
  result.kernel = static_cast<Kernel>(found - kKernels.begin());
  result.ard = options.boolean("ard");
  if (options.has("length")) result.length = options.real("length");
  if (options.has("noise")) result.noise = options.real("noise");
  result.iterations = options.integer("iterations");
  result.learning_rows = options.integer("learning_rows");
  return result;
}

}  // namespace

void add_gaussian_process(Registry<PredictorFactory>& registry) {
  registry.add(
      {.name = "gaussian_process",
       .summary = "Gaussian process with learned lengths and noise: means with honest deviations",
       .source = "Rasmussen and Williams, Gaussian Processes for Machine Learning, MIT Press 2006",
       .parameters = {{.name = "kernel",
                       .type = ParameterType::text,
                       .description = "how the likeness of two networks falls with their distance",
                       .default_value = "matern52",
                       .choices = kKernels},
                      {.name = "ard",
                       .type = ParameterType::boolean,
                       .description = "a length for each feature instead of one for all",
                       .default_value = false},
                      {.name = "length",
                       .type = ParameterType::real,
                       .description = "distance at which likeness fades; left out: learned",
                       .minimum = 1e-9},
                      {.name = "noise",
                       .type = ParameterType::real,
                       .description = "deviation of a measurement relative to that between networks; left "
                                      "out: learned",
                       .minimum = 0,
                       .maximum = 10},
                      {.name = "iterations",
                       .type = ParameterType::integer,
                       .description = "of the search for lengths and noise",
                       .default_value = 30,
                       .minimum = 0,
                       .maximum = 1e5},
                      {.name = "learning_rows",
                       .type = ParameterType::integer,
                       .description = "networks that lengths and noise are learned from at most",
                       .default_value = 200,
                       .minimum = 2,
                       .maximum = 1e5}},
       .example = "kind: gaussian_process\nkernel: hamming"},
      [](const Options& options) { return std::make_unique<GaussianProcessPredictor>(process_options(options)); });
}

}  // namespace nacre
