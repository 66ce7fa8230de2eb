// The predictors by name: one file each, one line here and one in register.cpp.
#pragma once

#include "nacre/predict/predictor.hpp"

namespace nacre {

void add_ridge(Registry<PredictorFactory>& registry);
void add_nearest_neighbors(Registry<PredictorFactory>& registry);
void add_multilayer_perceptron(Registry<PredictorFactory>& registry);
void add_gbdt(Registry<PredictorFactory>& registry);
void add_xgboost(Registry<PredictorFactory>& registry);
void add_random_forest(Registry<PredictorFactory>& registry);
void add_extra_trees(Registry<PredictorFactory>& registry);
void add_gaussian_process(Registry<PredictorFactory>& registry);
void add_gin(Registry<PredictorFactory>& registry);
void add_gcn(Registry<PredictorFactory>& registry);
void add_bagged(Registry<PredictorFactory>& registry);

}  // namespace nacre
