// `xgboost`: the boosted trees of the XGBoost library (Chen and Guestrin, KDD 2016), beside `gbdt` as the comparison. Settings as in
// GBDT-NAS, leaf-wise. Built where CMake found libxgboost-dev; elsewhere its name stays, with an error that says what to install.
#include "nacre/predict/linear_algebra.hpp"
#include "nacre/predict/predictors.hpp"

#ifdef NACRE_HAS_XGBOOST
#include <xgboost/c_api.h>
#endif

namespace nacre {
namespace {

#ifdef NACRE_HAS_XGBOOST

void check(int code) {
  if (code != 0) throw UserError(std::string("xgboost: ") + XGBGetLastError());
}

struct FreeMatrix {
  void operator()(void* handle) const { XGDMatrixFree(handle); }
};
struct FreeBooster {
  void operator()(void* handle) const { XGBoosterFree(handle); }
};
using Matrix = std::unique_ptr<void, FreeMatrix>;
using Booster = std::unique_ptr<void, FreeBooster>;

Matrix matrix_from(const FeatureMatrix& features) {
  DMatrixHandle handle = nullptr;
  check(XGDMatrixCreateFromMat(features.values.data(), features.rows(), features.columns,
                               std::numeric_limits<float>::quiet_NaN(), &handle));
  return Matrix(handle);
}

class XgboostPredictor final : public Predictor {
 public:
  explicit XgboostPredictor(const Options& options)
      : rounds_(options.integer("rounds")),
        leaves_(options.integer("leaves")),
        learning_rate_(options.real("learning_rate")),
        row_share_(options.real("row_share")),
        feature_share_(options.real("feature_share")) {
    if (options.has("min_leaf")) min_leaf_ = options.integer("min_leaf");
  }

  void fit(const Examples& examples, std::span<const double> values, Random& random) override {
    check_examples(examples, values);
    columns_ = examples.features.columns;
    const Eigen::VectorXd y = vector_of(values);
    center_ = y.mean();
    spread_ = std::sqrt((y.array() - center_).square().mean());
    if (!(spread_ > 1e-14 * std::abs(center_))) spread_ = 0;
    const uint64_t seed = random.next() % 1000000007;
    if (spread_ == 0) return;
    const Matrix data = matrix_from(examples.features);
    std::vector<float> labels;
    for (const double value : values) labels.push_back(static_cast<float>((value - center_) / spread_));
    check(XGDMatrixSetFloatInfo(data.get(), "label", labels.data(), labels.size()));
    DMatrixHandle handle = data.get();
    BoosterHandle made = nullptr;
    check(XGBoosterCreate(&handle, 1, &made));
    booster_.reset(made);
    const int64_t count = static_cast<int64_t>(values.size());
    const int64_t least = min_leaf_ ? *min_leaf_ : std::clamp<int64_t>(count / 20, 3, 20);
    const std::pair<const char*, std::string> parameters[] = {{"objective", "reg:squarederror"},
                                                              {"base_score", "0"},
                                                              {"tree_method", "hist"},
                                                              {"grow_policy", "lossguide"},
                                                              {"max_depth", "0"},
                                                              {"max_leaves", std::to_string(leaves_)},
                                                              {"min_child_weight", std::to_string(least)},
                                                              {"eta", fmt::format("{}", learning_rate_)},
                                                              {"lambda", "0"},
                                                              {"subsample", fmt::format("{}", row_share_)},
                                                              {"colsample_bytree", fmt::format("{}", feature_share_)},
                                                              {"seed", std::to_string(seed)},
                                                              {"nthread", "1"},
                                                              {"verbosity", "0"}};
    for (const auto& [name, value] : parameters) check(XGBoosterSetParam(booster_.get(), name, value.c_str()));
    for (int64_t round = 0; round < rounds_; ++round)
      check(XGBoosterUpdateOneIter(booster_.get(), static_cast<int>(round), data.get()));
  }

  std::vector<Prediction> predict(const Examples& examples) const override {
    NACRE_CHECK(columns_ > 0, "predict() comes after fit()");
    NACRE_CHECK(examples.size() == 0 || examples.features.columns == columns_, "as many features as in fit()");
    std::vector<Prediction> result(examples.size(), {.mean = center_});
    if (result.empty() || spread_ == 0) return result;
    const Matrix data = matrix_from(examples.features);
    bst_ulong count = 0;
    const float* answers = nullptr;
    check(XGBoosterPredict(booster_.get(), data.get(), 0, 0, 0, &count, &answers));
    NACRE_CHECK(count == result.size());
    for (size_t i = 0; i < result.size(); ++i) result[i].mean = center_ + spread_ * static_cast<double>(answers[i]);
    return result;
  }

 private:
  const int64_t rounds_, leaves_;
  const double learning_rate_, row_share_, feature_share_;
  std::optional<int64_t> min_leaf_;
  size_t columns_ = 0;
  double center_ = 0, spread_ = 0;
  Booster booster_;
};

std::unique_ptr<Predictor> make(const Options& options) { return std::make_unique<XgboostPredictor>(options); }

#else

std::unique_ptr<Predictor> make(const Options&) {
  throw UserError(
      "predictor xgboost: this build does without XGBoost; install libxgboost-dev and build again, or take gbdt, which "
      "is built "
      "in");
}

#endif

}  // namespace

void add_xgboost(Registry<PredictorFactory>& registry) {
  registry.add(
      {.name = "xgboost",
       .summary = "boosted trees of the XGBoost library, as the comparison to gbdt (where libxgboost-dev is installed)",
       .source = "Chen and Guestrin, XGBoost, KDD 2016; settings of Luo et al., GBDT-NAS, arXiv 2007.04785",
       .parameters = {{.name = "rounds",
                       .type = ParameterType::integer,
                       .description = "trees",
                       .default_value = 100,
                       .minimum = 1,
                       .maximum = 1e5},
                      {.name = "leaves",
                       .type = ParameterType::integer,
                       .description = "of a tree at most",
                       .default_value = 31,
                       .minimum = 2,
                       .maximum = 1e5},
                      {.name = "learning_rate",
                       .type = ParameterType::real,
                       .description = "share of a tree that counts",
                       .default_value = 0.05,
                       .minimum = 1e-6,
                       .maximum = 1},
                      {.name = "min_leaf",
                       .type = ParameterType::integer,
                       .description = "examples in a leaf; left out: a twentieth of all, 3 to 20",
                       .minimum = 1,
                       .maximum = 1e6},
                      {.name = "row_share",
                       .type = ParameterType::real,
                       .description = "of the examples that a tree sees",
                       .default_value = 0.8,
                       .minimum = 0.01,
                       .maximum = 1},
                      {.name = "feature_share",
                       .type = ParameterType::real,
                       .description = "of the features that a tree sees",
                       .default_value = 0.9,
                       .minimum = 0.01,
                       .maximum = 1}},
       .example = "kind: xgboost\nrounds: 200"},
      make);
}

}  // namespace nacre
