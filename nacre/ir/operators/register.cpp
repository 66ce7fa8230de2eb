// The one ordered list of operator families. A new operator is a record in its family's file; a new family is a file, a
// declaration in families.hpp and a line here.
#include <iterator>

#include "nacre/ir/operators/families.hpp"

namespace nacre::operators {

std::vector<OperatorSchema> registered_operators() {
  using Family = std::vector<OperatorSchema> (*)();
  constexpr Family kFamilies[] = {
      convolution_operators, pooling_operators,   normalization_operators,  activation_operators,
      arithmetic_operators,  logic_operators,     matrix_product_operators, softmax_operators,
      reduction_operators,   ordering_operators,  layout_operators,         slicing_operators,
      gather_operators,      resize_operators,    creation_operators,       selection_operators,
      einsum_operators,      recurrent_operators, quantization_operators,   control_flow_operators,
      mixture_operators,
  };
  std::vector<OperatorSchema> all;
  for (const Family family : kFamilies) {
    std::vector<OperatorSchema> records = family();
    all.insert(all.end(), std::make_move_iterator(records.begin()), std::make_move_iterator(records.end()));
  }
  return all;
}

}  // namespace nacre::operators
