// `bagged`: several predictors of one kind, each learned from its own part of the examples (Breiman, Bagging predictors,
// Machine Learning 24, 1996): gives a deviation to those that have none.
#include <cmath>

#include "nacre/predict/out_of_bag.hpp"
#include "nacre/predict/predictors.hpp"

namespace nacre {
namespace {

class Bagged final : public Predictor {
 public:
  explicit Bagged(const Options& options) : share_(options.real("share")), replace_(options.boolean("replace")) {
    const std::string base = options.text("base");
    if (base == "bagged") throw UserError(options.position("base"), "base: expected another predictor than 'bagged'");
    const auto& entry = predictor_registry().get(base, options.position("base"));
    const Options of_base = options.has("options")
                                ? resolve_options(options.node("options"), entry.parameters, "predictor " + entry.name)
                                : default_options(entry.parameters, "predictor " + entry.name);
    for (int64_t i = 0; i < options.integer("members"); ++i) members_.push_back(entry.make(of_base));
  }

  void fit(const Examples& examples, std::span<const double> values, Random& random) override {
    const size_t n = examples.size();
    NACRE_CHECK(n > 0 && values.size() == n, "a value for each example");
    for (const double value : values) NACRE_CHECK(std::isfinite(value), "values are finite");
    const size_t count = std::max<size_t>(1, static_cast<size_t>(std::llround(share_ * static_cast<double>(n))));
    OutOfBag unseen(n);
    for (const std::unique_ptr<Predictor>& member : members_) {
      const std::vector<uint32_t> drawn = draw_rows(n, count, replace_, random);
      const std::vector<size_t> rows(drawn.begin(), drawn.end());
      std::vector<double> of_rows;
      for (const size_t row : rows) of_rows.push_back(values[row]);
      member->fit(examples.pick(rows), of_rows, random);
      std::vector<size_t> others;
      for (size_t i = 0, next = 0; i < n; ++i) {
        bool seen = false;
        for (; next < rows.size() && rows[next] == i; ++next) seen = true;
        if (!seen) others.push_back(i);
      }
      if (others.empty() || only_ranks()) continue;
      const std::vector<Prediction> answers = member->predict(examples.pick(others));
      for (size_t i = 0; i < others.size(); ++i) unseen.add(others[i], answers[i].mean);
    }
    noise_ = only_ranks() ? 0 : unseen.noise(values);
    error_ = only_ranks() ? 0 : unseen.error(values);
  }

  std::vector<Prediction> predict(const Examples& examples) const override {
    std::vector<Prediction> result(examples.size());
    if (result.empty()) return result;
    std::vector<std::vector<Prediction>> answers;
    for (const std::unique_ptr<Predictor>& member : members_) answers.push_back(member->predict(examples));
    const auto count = static_cast<double>(answers.size());
    for (size_t i = 0; i < result.size(); ++i) {
      double sum = 0, own = 0, spread = 0;
      for (const std::vector<Prediction>& of_member : answers) {
        sum += of_member[i].mean;
        own += of_member[i].deviation * of_member[i].deviation;
      }
      const double mean = sum / count;
      for (const std::vector<Prediction>& of_member : answers)
        spread += (of_member[i].mean - mean) * (of_member[i].mean - mean);
      result[i] = {mean, std::sqrt((count > 1 ? spread / (count - 1) : 0) + own / count), noise_};
    }
    return result;
  }

  bool only_ranks() const override { return members_[0]->only_ranks(); }
  bool reads_graphs() const override { return members_[0]->reads_graphs(); }

  Json statistics() const override {
    Json json = {{"members", members_.size()}};
    if (!only_ranks()) json["out_of_bag_error"] = error_;
    return json;
  }

 private:
  const double share_;
  const bool replace_;
  std::vector<std::unique_ptr<Predictor>> members_;
  double noise_ = 0, error_ = 0;
};

}  // namespace

void add_bagged(Registry<PredictorFactory>& registry) {
  registry.add(
      {.name = "bagged",
       .summary = "several predictors of one kind on draws of the examples; deviation from their disagreement",
       .source = "Breiman, Bagging predictors, Machine Learning 24, 1996",
       .parameters = {{.name = "base",
                       .type = ParameterType::text,
                       .description = "the kind (nacre list predictors)",
                       .default_value = "gbdt"},
                      {.name = "options", .type = ParameterType::any, .description = "parameters of the base (map)"},
                      {.name = "members",
                       .type = ParameterType::integer,
                       .description = "predictors in the ensemble",
                       .default_value = 8,
                       .minimum = 1,
                       .maximum = 1e4},
                      {.name = "share",
                       .type = ParameterType::real,
                       .description = "of the examples that a member sees",
                       .default_value = 0.8,
                       .minimum = 1e-6,
                       .maximum = 1},
                      {.name = "replace",
                       .type = ParameterType::boolean,
                       .description = "draw with replacement",
                       .default_value = false}},
       .example = "kind: bagged\nbase: gbdt\nmembers: 5\noptions: {rounds: 60}"},
      [](const Options& options) { return std::make_unique<Bagged>(options); });
}

}  // namespace nacre
