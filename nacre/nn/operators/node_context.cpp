#include "nacre/nn/operators/node_context.hpp"

#include <iterator>
#include <map>

namespace nacre::torch_operators {

const Shape& NodeContext::input_shape(size_t i) const {
  const Value& value = graph_.value(node().inputs.at(i));
  if (!value.shape.has_value()) fail("the rank of input " + std::to_string(i) + " is not known");
  return *value.shape;
}

int NodeContext::input_rank(size_t i) const { return input_shape(i).rank(); }

const Tensor* NodeContext::constant_input(size_t i) const {
  return has_input(i) ? graph_.constant(node().inputs[i]) : nullptr;
}

std::vector<double> NodeContext::constant_numbers(size_t i) const {
  if (!has_input(i)) return {};
  const Tensor* tensor = constant_input(i);
  if (tensor == nullptr) fail("input " + std::to_string(i) + " must be a constant");
  return tensor->numbers();
}

std::vector<int64_t> NodeContext::integers(std::string_view name, size_t count, int64_t fallback) const {
  const std::span<const int64_t> given = attributes().integers(name);
  if (given.empty()) return std::vector<int64_t>(count, fallback);
  if (given.size() != count) {
    fail("attribute '" + std::string(name) + "' has " + std::to_string(given.size()) + " entries, expected " +
         std::to_string(count));
  }
  return {given.begin(), given.end()};
}

void NodeContext::fail(const std::string& message) const { throw UserError(node_text(graph_, id_) + ": " + message); }

std::vector<int64_t> host_integers(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU, at::kLong).contiguous();
  return {host.data_ptr<int64_t>(), host.data_ptr<int64_t>() + host.numel()};
}

const std::vector<TorchOperator>& all_torch_operators() {
  using Family = std::vector<TorchOperator> (*)();
  static const std::vector<TorchOperator> kAll = [] {
    // The families of nacre/ir/operators, in the same order; control flow is in nn/control_flow.hpp.
    constexpr Family kFamilies[] = {
        convolution_operators, pooling_operators,      normalization_operators,  activation_operators,
        arithmetic_operators,  logic_operators,        matrix_product_operators, softmax_operators,
        reduction_operators,   ordering_operators,     layout_operators,         slicing_operators,
        gather_operators,      resize_operators,       creation_operators,       selection_operators,
        recurrent_operators,   quantization_operators, mixture_operators,
    };
    std::vector<TorchOperator> all;
    for (const Family family : kFamilies) {
      std::vector<TorchOperator> records = family();
      all.insert(all.end(), std::make_move_iterator(records.begin()), std::make_move_iterator(records.end()));
    }
    return all;
  }();
  return kAll;
}

const TorchOperator* find_torch_operator(std::string_view op, std::string_view domain) {
  static const std::map<std::pair<std::string, std::string>, const TorchOperator*> kIndex = [] {
    std::map<std::pair<std::string, std::string>, const TorchOperator*> index;
    for (const TorchOperator& record : all_torch_operators()) {
      NACRE_CHECK(index.emplace(std::pair(record.domain, record.name), &record).second,
                  "registered twice: " + record.name);
    }
    return index;
  }();
  const auto found = kIndex.find({std::string(domain), std::string(op)});
  return found == kIndex.end() ? nullptr : found->second;
}

}  // namespace nacre::torch_operators
