// The list of predictors, in the order in which `nacre list predictors` prints them.
#include "nacre/predict/predictors.hpp"

namespace nacre {

const Registry<PredictorFactory>& predictor_registry() {
  static const Registry<PredictorFactory> registry = [] {
    Registry<PredictorFactory> list("predictor", "predictors");
    add_gbdt(list);
    add_gaussian_process(list);
    return list;
  }();
  return registry;
}

}  // namespace nacre
