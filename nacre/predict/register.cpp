// The list of predictors, in the order in which `nacre list predictors` prints them.
#include "nacre/predict/predictors.hpp"

namespace nacre {

const Registry<PredictorFactory>& predictor_registry() {
  static const Registry<PredictorFactory> registry = [] {
    Registry<PredictorFactory> list("predictor", "predictors");
    add_ridge(list);
    add_nearest_neighbors(list);
    add_multilayer_perceptron(list);
    add_gbdt(list);
    add_xgboost(list);
    add_random_forest(list);
    add_extra_trees(list);
    add_gaussian_process(list);
    add_gin(list);
    add_gcn(list);
    add_bagged(list);
    return list;
  }();
  return registry;
}

}  // namespace nacre
