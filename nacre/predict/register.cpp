// The list of predictors, in the order in which `nacre list predictors` prints them.
#include "nacre/predict/predictor.hpp"

namespace nacre {

const Registry<PredictorFactory>& predictor_registry() {
  static const Registry<PredictorFactory> registry = [] {
    Registry<PredictorFactory> list("predictor", "predictors");
    return list;
  }();
  return registry;
}

}  // namespace nacre
