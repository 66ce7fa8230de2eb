// The messages of onnx.proto that nacre reads, as plain structs that point into the file's bytes; and the numbers of their
// fields (onnx/onnx.proto, IR version 10), which reader and writer share. Internal to the ONNX sources.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nacre::onnx {

namespace field {
namespace model {
enum : int {
  ir_version = 1,
  producer_name = 2,
  producer_version = 3,
  domain = 4,
  model_version = 5,
  doc_string = 6,
  graph = 7,
  opset_import = 8,
  metadata_props = 14,
  functions = 25
};
}
namespace opset {
enum : int { domain = 1, version = 2 };
}
namespace entry {
enum : int { key = 1, value = 2 };
}
namespace graph {
enum : int {
  node = 1,
  name = 2,
  initializer = 5,
  doc_string = 10,
  input = 11,
  output = 12,
  value_info = 13,
  sparse_initializer = 15
};
}
namespace node {
enum : int { input = 1, output = 2, name = 3, op_type = 4, attribute = 5, doc_string = 6, domain = 7 };
}
namespace attribute {
enum : int {
  name = 1,
  f = 2,
  i = 3,
  s = 4,
  t = 5,
  g = 6,
  floats = 7,
  ints = 8,
  strings = 9,
  tensors = 10,
  graphs = 11,
  doc_string = 13,
  type = 20,
  ref_attr_name = 21
};
}
namespace tensor {
enum : int {
  dims = 1,
  data_type = 2,
  segment = 3,
  float_data = 4,
  int32_data = 5,
  string_data = 6,
  int64_data = 7,
  name = 8,
  raw_data = 9,
  double_data = 10,
  uint64_data = 11,
  doc_string = 12,
  external_data = 13,
  data_location = 14
};
}
namespace value_info {
enum : int { name = 1, type = 2, doc_string = 3 };
}
namespace type {
enum : int { tensor_type = 1 };
}
namespace tensor_type {
enum : int { elem_type = 1, shape = 2 };
}
namespace shape {
enum : int { dim = 1 };
}
namespace dim {
enum : int { value = 1, parameter = 2 };
}
namespace function {
enum : int {
  name = 1,
  input = 4,
  output = 5,
  attribute = 6,
  node = 7,
  opset_import = 9,
  domain = 10,
  attribute_proto = 11
};
}
}  // namespace field

// AttributeProto.AttributeType
enum class AttributeType : uint8_t {
  undefined = 0,
  real = 1,
  integer = 2,
  text = 3,
  tensor = 4,
  graph = 5,
  reals = 6,
  integers = 7,
  texts = 8
};

struct Tensor {
  std::string_view name;
  std::vector<int64_t> dims;
  int64_t data_type = 0;
  bool external = false;
  std::vector<std::pair<std::string_view, std::string_view>> external_data;
  std::optional<std::string_view> raw_data;
  std::vector<float> float_data;
  std::vector<int64_t> int32_data;
  std::vector<int64_t> int64_data;
  std::vector<int64_t> uint64_data;
  std::vector<double> double_data;
  std::vector<std::string_view> string_data;

  bool has_data() const {
    return raw_data.has_value() || !float_data.empty() || !int32_data.empty() || !int64_data.empty() ||
           !uint64_data.empty() || !double_data.empty() || !string_data.empty();
  }
};

struct Dim {
  std::optional<int64_t> value;
  std::string_view parameter;
};

struct ValueInfo {
  std::string_view name;
  bool is_tensor = false;  // else a sequence, a map, an optional
  int64_t element_type = 0;
  std::optional<std::vector<Dim>> shape;
};

struct Graph;

struct Attribute {
  std::string_view name;
  AttributeType type = AttributeType::undefined;
  int64_t declared_type = 0;
  std::string_view reference;  // ref_attr_name: an attribute of the function around
  float real = 0;
  int64_t integer = 0;
  std::string_view text;
  std::shared_ptr<const Tensor> tensor;
  std::shared_ptr<const Graph> graph;
  std::vector<float> reals;
  std::vector<int64_t> integers;
  std::vector<std::string_view> texts;
};

struct Node {
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  std::string_view name;
  std::string_view op;
  std::string_view domain;
  std::vector<Attribute> attributes;
};

struct Graph {
  std::string_view name;
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
  std::vector<ValueInfo> value_infos;
};

// A model-local function: a node of that name stands for its nodes.
struct Function {
  std::string_view name;
  std::string_view domain;
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  std::vector<Attribute> defaults;
  std::vector<Node> nodes;
  std::vector<std::pair<std::string_view, int64_t>> opsets;
};

struct Model {
  int64_t ir_version = 0;
  std::string_view doc_string;
  std::vector<std::pair<std::string_view, int64_t>> opsets;
  std::vector<std::pair<std::string_view, std::string_view>> metadata;
  Graph graph;
  std::vector<Function> functions;
  std::deque<std::string> strings;  // names made while inlining; the views above may point here
};

// UserError naming `origin` for bytes that are no model, for nesting deeper than 16 and for sparse tensors.
Model decode_model(std::string_view bytes, const std::string& origin);

// A file that holds one TensorProto. UserError naming `origin` for bytes that are none.
Tensor decode_tensor_file(std::string_view bytes, const std::string& origin);

// Replaces nodes that call the model's functions by the functions' nodes, until none is left. UserError for functions that
// call themselves, or that grow the graph beyond 200,000 nodes.
void inline_functions(Model& model, const std::string& origin);

}  // namespace nacre::onnx
