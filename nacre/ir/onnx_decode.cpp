// Bytes -> the structs of onnx_proto.hpp. Nothing is interpreted here; everything is bounded by the bytes present.
#include "nacre/ir/onnx_proto.hpp"
#include "nacre/ir/protobuf_wire.hpp"

namespace nacre::onnx {
namespace {

constexpr int kMaximumDepth = 16;  // of graphs in graphs

Graph decode_graph(WireReader reader, int depth);

std::pair<std::string_view, std::string_view> decode_entry(WireReader reader) {
  std::pair<std::string_view, std::string_view> result;
  while (reader.next()) {
    switch (reader.field()) {
      case field::entry::key: result.first = reader.text(); break;
      case field::entry::value: result.second = reader.text(); break;
      default: break;
    }
  }
  return result;
}

Tensor decode_tensor(WireReader reader) {
  Tensor result;
  while (reader.next()) {
    switch (reader.field()) {
      case field::tensor::dims: reader.append_integers(result.dims); break;
      case field::tensor::data_type: result.data_type = reader.integer(); break;
      case field::tensor::segment: reader.fail("segmented tensors are not supported");
      case field::tensor::float_data: reader.append_reals(result.float_data); break;
      case field::tensor::int32_data: reader.append_integers(result.int32_data); break;
      case field::tensor::string_data: result.string_data.push_back(reader.bytes()); break;
      case field::tensor::int64_data: reader.append_integers(result.int64_data); break;
      case field::tensor::name: result.name = reader.text(); break;
      case field::tensor::raw_data: result.raw_data = reader.bytes(); break;
      case field::tensor::double_data: reader.append_doubles(result.double_data); break;
      case field::tensor::uint64_data: reader.append_integers(result.uint64_data); break;
      case field::tensor::external_data: result.external_data.push_back(decode_entry(reader.message())); break;
      case field::tensor::data_location: result.external = reader.integer() == 1; break;
      default: break;
    }
  }
  return result;
}

Dim decode_dim(WireReader reader) {
  Dim result;
  while (reader.next()) {
    switch (reader.field()) {
      case field::dim::value: result.value = reader.integer(); break;
      case field::dim::parameter: result.parameter = reader.text(); break;
      default: break;
    }
  }
  return result;
}

void decode_tensor_type(WireReader reader, ValueInfo& result) {
  result.is_tensor = true;
  while (reader.next()) {
    switch (reader.field()) {
      case field::tensor_type::elem_type: result.element_type = reader.integer(); break;
      case field::tensor_type::shape: {
        result.shape.emplace();
        WireReader shape = reader.message();
        while (shape.next()) {
          if (shape.field() == field::shape::dim) result.shape->push_back(decode_dim(shape.message()));
        }
        break;
      }
      default: break;
    }
  }
}

ValueInfo decode_value_info(WireReader reader) {
  ValueInfo result;
  while (reader.next()) {
    switch (reader.field()) {
      case field::value_info::name: result.name = reader.text(); break;
      case field::value_info::type: {
        WireReader type = reader.message();
        while (type.next()) {
          if (type.field() == field::type::tensor_type) decode_tensor_type(type.message(), result);
        }
        break;
      }
      default: break;
    }
  }
  return result;
}

Attribute decode_attribute(WireReader reader, int depth) {
  Attribute result;
  AttributeType seen = AttributeType::undefined;  // old files leave the type out
  while (reader.next()) {
    switch (reader.field()) {
      case field::attribute::name: result.name = reader.text(); break;
      case field::attribute::f: result.real = reader.real(), seen = AttributeType::real; break;
      case field::attribute::i: result.integer = reader.integer(), seen = AttributeType::integer; break;
      case field::attribute::s: result.text = reader.bytes(), seen = AttributeType::text; break;
      case field::attribute::t:
        result.tensor = std::make_shared<const Tensor>(decode_tensor(reader.message()));
        seen = AttributeType::tensor;
        break;
      case field::attribute::g:
        result.graph = std::make_shared<const Graph>(decode_graph(reader.message(), depth + 1));
        seen = AttributeType::graph;
        break;
      case field::attribute::floats: reader.append_reals(result.reals), seen = AttributeType::reals; break;
      case field::attribute::ints: reader.append_integers(result.integers), seen = AttributeType::integers; break;
      case field::attribute::strings: result.texts.push_back(reader.bytes()), seen = AttributeType::texts; break;
      case field::attribute::type: result.declared_type = reader.integer(); break;
      case field::attribute::ref_attr_name: result.reference = reader.text(); break;
      default: break;
    }
  }
  if (result.declared_type == 0) {
    result.type = seen;
  } else if (result.declared_type > 0 && result.declared_type <= static_cast<int64_t>(AttributeType::texts)) {
    result.type = static_cast<AttributeType>(result.declared_type);
  }
  const bool missing = (result.type == AttributeType::tensor && result.tensor == nullptr) ||
                       (result.type == AttributeType::graph && result.graph == nullptr);
  if (missing) reader.fail("attribute '" + std::string(result.name) + "' lacks the value its type announces");
  return result;
}

Node decode_node(WireReader reader, int depth) {
  Node result;
  while (reader.next()) {
    switch (reader.field()) {
      case field::node::input: result.inputs.push_back(reader.text()); break;
      case field::node::output: result.outputs.push_back(reader.text()); break;
      case field::node::name: result.name = reader.text(); break;
      case field::node::op_type: result.op = reader.text(); break;
      case field::node::attribute: result.attributes.push_back(decode_attribute(reader.message(), depth)); break;
      case field::node::domain: result.domain = reader.text(); break;
      default: break;
    }
  }
  if (result.domain == "ai.onnx") result.domain = "";
  return result;
}

Graph decode_graph(WireReader reader, int depth) {
  if (depth > kMaximumDepth) reader.fail("graphs nested deeper than 16");
  Graph result;
  while (reader.next()) {
    switch (reader.field()) {
      case field::graph::node: result.nodes.push_back(decode_node(reader.message(), depth)); break;
      case field::graph::name: result.name = reader.text(); break;
      case field::graph::initializer: result.initializers.push_back(decode_tensor(reader.message())); break;
      case field::graph::input: result.inputs.push_back(decode_value_info(reader.message())); break;
      case field::graph::output: result.outputs.push_back(decode_value_info(reader.message())); break;
      case field::graph::value_info: result.value_infos.push_back(decode_value_info(reader.message())); break;
      case field::graph::sparse_initializer: reader.fail("sparse initializers are not supported; store them dense");
      default: break;
    }
  }
  return result;
}

std::pair<std::string_view, int64_t> decode_opset(WireReader reader) {
  std::pair<std::string_view, int64_t> result{"", 0};
  while (reader.next()) {
    switch (reader.field()) {
      case field::opset::domain: result.first = reader.text(); break;
      case field::opset::version: result.second = reader.integer(); break;
      default: break;
    }
  }
  if (result.first == "ai.onnx") result.first = "";
  return result;
}

Function decode_function(WireReader reader) {
  Function result;
  while (reader.next()) {
    switch (reader.field()) {
      case field::function::name: result.name = reader.text(); break;
      case field::function::domain: result.domain = reader.text(); break;
      case field::function::input: result.inputs.push_back(reader.text()); break;
      case field::function::output: result.outputs.push_back(reader.text()); break;
      case field::function::attribute_proto: result.defaults.push_back(decode_attribute(reader.message(), 0)); break;
      case field::function::node: result.nodes.push_back(decode_node(reader.message(), 0)); break;
      case field::function::opset_import: result.opsets.push_back(decode_opset(reader.message())); break;
      default: break;
    }
  }
  if (result.domain == "ai.onnx") result.domain = "";
  return result;
}

}  // namespace

Model decode_model(std::string_view bytes, const std::string& origin) {
  Model result;
  bool has_graph = false;
  WireReader::Source source{.file = bytes, .origin = origin};
  WireReader reader(source);
  while (reader.next()) {
    switch (reader.field()) {
      case field::model::ir_version: result.ir_version = reader.integer(); break;
      case field::model::doc_string: result.doc_string = reader.text(); break;
      case field::model::graph:
        if (has_graph) reader.fail("a second graph; this is no ONNX model");
        result.graph = decode_graph(reader.message(), 0);
        has_graph = true;
        break;
      case field::model::opset_import: result.opsets.push_back(decode_opset(reader.message())); break;
      case field::model::metadata_props: result.metadata.push_back(decode_entry(reader.message())); break;
      case field::model::functions: result.functions.push_back(decode_function(reader.message())); break;
      default: break;
    }
  }
  if (!has_graph) throw UserError(origin + ": the file holds no graph; it is no ONNX model");
  return result;
}

Tensor decode_tensor_file(std::string_view bytes, const std::string& origin) {
  WireReader::Source source{.file = bytes, .origin = origin};
  const Tensor result = decode_tensor(WireReader(source));
  if (result.data_type == 0) throw UserError(origin + ": the file names no element type; it is no ONNX tensor");
  return result;
}

}  // namespace nacre::onnx
