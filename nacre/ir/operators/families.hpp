// The families of operators. Each is one source file that returns its records; register.cpp puts them in order.
#pragma once

#include <vector>

#include "nacre/ir/schema.hpp"

namespace nacre::operators {

std::vector<OperatorSchema> convolution_operators();
std::vector<OperatorSchema> pooling_operators();
std::vector<OperatorSchema> normalization_operators();
std::vector<OperatorSchema> activation_operators();
std::vector<OperatorSchema> arithmetic_operators();
std::vector<OperatorSchema> logic_operators();
std::vector<OperatorSchema> matrix_product_operators();
std::vector<OperatorSchema> softmax_operators();
std::vector<OperatorSchema> reduction_operators();
std::vector<OperatorSchema> ordering_operators();
std::vector<OperatorSchema> layout_operators();
std::vector<OperatorSchema> slicing_operators();
std::vector<OperatorSchema> gather_operators();
std::vector<OperatorSchema> resize_operators();
std::vector<OperatorSchema> creation_operators();
std::vector<OperatorSchema> selection_operators();
std::vector<OperatorSchema> einsum_operators();
std::vector<OperatorSchema> recurrent_operators();
std::vector<OperatorSchema> quantization_operators();
std::vector<OperatorSchema> control_flow_operators();
std::vector<OperatorSchema> mixture_operators();

// All of them, in the order in which they are listed.
std::vector<OperatorSchema> registered_operators();

}  // namespace nacre::operators
