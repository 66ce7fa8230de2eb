// ONNX files made field by field, for tests of the reader: any opset, any form, also forms no writer would write.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nacre/ir/onnx_proto.hpp"
#include "nacre/ir/onnx_tensor.hpp"
#include "nacre/ir/protobuf_wire.hpp"
#include "nacre/ir/tensor.hpp"

namespace nacre::testing {

namespace field = onnx::field;

class OnnxAttributes {
 public:
  OnnxAttributes& integer(std::string_view name, int64_t value) {
    WireWriter message = begin(name, onnx::AttributeType::integer);
    message.integer(field::attribute::i, value);
    return add(message);
  }
  OnnxAttributes& real(std::string_view name, float value) {
    WireWriter message = begin(name, onnx::AttributeType::real);
    message.real(field::attribute::f, value);
    return add(message);
  }
  OnnxAttributes& text(std::string_view name, std::string_view value) {
    WireWriter message = begin(name, onnx::AttributeType::text);
    message.bytes(field::attribute::s, value);
    return add(message);
  }
  OnnxAttributes& integers(std::string_view name, const std::vector<int64_t>& values) {
    WireWriter message = begin(name, onnx::AttributeType::integers);
    for (const int64_t value : values) message.integer(field::attribute::ints, value);
    return add(message);
  }
  OnnxAttributes& reals(std::string_view name, const std::vector<float>& values) {
    WireWriter message = begin(name, onnx::AttributeType::reals);
    for (const float value : values) message.real(field::attribute::floats, value);
    return add(message);
  }
  OnnxAttributes& tensor(std::string_view name, const Tensor& value) {
    WireWriter message = begin(name, onnx::AttributeType::tensor);
    message.message(field::attribute::t, onnx::encode_tensor(value, ""));
    return add(message);
  }
  OnnxAttributes& graph(std::string_view name, const WireWriter& graph) {
    WireWriter message = begin(name, onnx::AttributeType::graph);
    message.message(field::attribute::g, graph);
    return add(message);
  }
  // A reference to an attribute of the function around.
  OnnxAttributes& reference(std::string_view name, std::string_view outer, onnx::AttributeType type) {
    WireWriter message = begin(name, type);
    message.bytes(field::attribute::ref_attr_name, outer);
    return add(message);
  }
  const std::vector<WireWriter>& messages() const { return messages_; }

 private:
  static WireWriter begin(std::string_view name, onnx::AttributeType type) {
    WireWriter message;
    message.bytes(field::attribute::name, name);
    message.integer(field::attribute::type, static_cast<int64_t>(type));
    return message;
  }
  OnnxAttributes& add(const WireWriter& message) {
    messages_.push_back(message);
    return *this;
  }
  std::vector<WireWriter> messages_;
};

inline WireWriter onnx_node(std::string_view op, const std::vector<std::string>& inputs,
                            const std::vector<std::string>& outputs, const OnnxAttributes& attributes = {},
                            std::string_view name = "", std::string_view domain = "") {
  WireWriter node;
  for (const std::string& input : inputs) node.bytes(field::node::input, input);
  for (const std::string& output : outputs) node.bytes(field::node::output, output);
  if (!name.empty()) node.bytes(field::node::name, name);
  node.bytes(field::node::op_type, op);
  for (const WireWriter& attribute : attributes.messages()) node.message(field::node::attribute, attribute);
  if (!domain.empty()) node.bytes(field::node::domain, domain);
  return node;
}

// Symbols in place of extents: "batch".
struct OnnxDim {
  OnnxDim(int64_t extent) : value(extent) {}          // NOLINT: an extent is a dimension
  OnnxDim(const char* symbol) : parameter(symbol) {}  // NOLINT
  int64_t value = -1;
  std::string parameter;
};

inline WireWriter onnx_value(std::string_view name, ElementType type, const std::vector<OnnxDim>& dims) {
  WireWriter shape;
  for (const OnnxDim& dim : dims) {
    WireWriter message;
    if (dim.parameter.empty()) {
      message.integer(field::dim::value, dim.value);
    } else {
      message.bytes(field::dim::parameter, dim.parameter);
    }
    shape.message(field::shape::dim, message);
  }
  WireWriter tensor;
  tensor.integer(field::tensor_type::elem_type, static_cast<int64_t>(type));
  tensor.message(field::tensor_type::shape, shape);
  WireWriter type_message;
  type_message.message(field::type::tensor_type, tensor);
  WireWriter result;
  result.bytes(field::value_info::name, name);
  result.message(field::value_info::type, type_message);
  return result;
}

class OnnxFile {
 public:
  explicit OnnxFile(int64_t opset) : opset_(opset) {}

  OnnxFile& input(std::string_view name, const std::vector<OnnxDim>& dims, ElementType type = ElementType::float32) {
    graph_.message(field::graph::input, onnx_value(name, type, dims));
    return *this;
  }
  OnnxFile& output(std::string_view name) {
    WireWriter message;
    message.bytes(field::value_info::name, name);
    graph_.message(field::graph::output, message);
    return *this;
  }
  OnnxFile& initializer(std::string_view name, const Tensor& tensor) {
    return initializer(onnx::encode_tensor(tensor, name));
  }
  OnnxFile& initializer(const WireWriter& tensor) {
    graph_.message(field::graph::initializer, tensor);
    return *this;
  }
  OnnxFile& node(std::string_view op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
                 const OnnxAttributes& attributes = {}, std::string_view name = "", std::string_view domain = "") {
    graph_.message(field::graph::node, onnx_node(op, inputs, outputs, attributes, name, domain));
    return *this;
  }
  OnnxFile& metadata(std::string_view key, std::string_view value) {
    WireWriter entry;
    entry.bytes(field::entry::key, key);
    entry.bytes(field::entry::value, value);
    extra_.message(field::model::metadata_props, entry);
    return *this;
  }
  OnnxFile& function(const WireWriter& message) {
    extra_.message(field::model::functions, message);
    return *this;
  }
  WireWriter& graph() { return graph_; }

  std::string bytes() const {
    WireWriter opset;
    opset.bytes(field::opset::domain, "");
    opset.integer(field::opset::version, opset_);
    WireWriter model;
    model.integer(field::model::ir_version, 8);
    model.message(field::model::opset_import, opset);
    model.message(field::model::graph, graph_);
    return model.take() + extra_.buffer();
  }

 private:
  int64_t opset_;
  WireWriter graph_;
  WireWriter extra_;
};

}  // namespace nacre::testing
