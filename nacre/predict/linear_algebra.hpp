// Features as matrices of Eigen; for the sources of this module only.
#pragma once

#include <Eigen/Dense>
#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/predict/predictor.hpp"

namespace nacre {

inline Eigen::MatrixXd matrix_of(const FeatureMatrix& features) {
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const RowMajor>(features.values.data(), static_cast<Eigen::Index>(features.rows()),
                                    static_cast<Eigen::Index>(features.columns))
      .cast<double>();
}

inline Eigen::VectorXd vector_of(std::span<const double> values) {
  return Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

// What every fit asks of its arguments.
inline void check_examples(const Examples& examples, std::span<const double> values) {
  NACRE_CHECK(examples.size() > 0 && values.size() == examples.size(), "a value for each example");
  for (const double value : values) NACRE_CHECK(std::isfinite(value), "values are finite");
}

}  // namespace nacre
