#include <algorithm>
#include <unordered_set>

#include "nacre/base/file.hpp"
#include "nacre/ir/onnx_annotation.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/onnx_lower.hpp"
#include "nacre/ir/onnx_proto.hpp"
#include "nacre/ir/onnx_tensor.hpp"
#include "nacre/ir/protobuf_wire.hpp"
#include "nacre/ir/unique_names.hpp"

namespace nacre {
namespace {

namespace field = onnx::field;
using onnx::AttributeType;

constexpr int64_t kMaximumFileBytes = (int64_t{1} << 31) - 1;  // of a protocol buffer
constexpr int64_t kInlineBytes = 1'500'000'000;                // weights past this go beside the model
constexpr int64_t kExternalTensorBytes = 1024;                 // smaller tensors stay inside
constexpr uint64_t kExternalAlignment = 4096;

int ir_version(int opset) { return opset <= 18 ? 8 : opset <= 20 ? 9 : 10; }

// The weights that go into a file of their own.
struct ExternalData {
  std::string file;  // name, beside the model
  std::string bytes;
};

class GraphWriter {
 public:
  // `taken`: names of the graphs around this one. `captures`: the outer names of the last inputs.
  GraphWriter(const Graph& graph, int opset, ExternalData* external, UniqueNames taken,
              const std::vector<std::string>& captures)
      : graph_(graph),
        opset_(opset),
        external_(external),
        taken_(std::move(taken)),
        formal_(graph.inputs.size() - captures.size()) {
    name_values(captures);
    name_nodes();
  }

  WireWriter write() {
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      if (!graph_.nodes()[i].dead) write_node(static_cast<NodeId>(i));
    }
    result_.bytes(field::graph::name, graph_.name.empty() ? "graph" : graph_.name);
    for (const Initializer& initializer : graph_.initializers()) write_initializer(initializer);
    for (size_t i = 0; i < formal_; ++i) result_.message(field::graph::input, value_info(graph_.inputs[i]));
    write_outputs();
    write_value_infos();
    return std::move(result_);
  }

  // After write(): what ONNX has no place for, nested graphs included.
  Json annotation() const {
    Json result = make_annotation(graph_, names_, node_names_);
    if (!bodies_.is_null()) result["bodies"] = bodies_;
    return result;
  }

 private:
  // --- names
  const std::string& name_of(ValueId id) const { return names_[static_cast<size_t>(id)]; }

  // Named values keep their names; made-up ones step aside.
  void name_values(const std::vector<std::string>& captures) {
    names_.resize(graph_.values().size());
    for (size_t i = 0; i < captures.size(); ++i) names_[static_cast<size_t>(graph_.inputs[formal_ + i])] = captures[i];
    std::vector<char> used(names_.size(), 0);
    const auto use = [&](ValueId id) {
      if (id != kNone) used[static_cast<size_t>(id)] = 1;
    };
    std::ranges::for_each(graph_.inputs, use);
    std::ranges::for_each(graph_.outputs, use);
    for (const Node& node : graph_.nodes()) {
      if (node.dead) continue;
      std::ranges::for_each(node.inputs, use);
      std::ranges::for_each(node.outputs, use);
      for (const Body& body : node.bodies) std::ranges::for_each(body.captures, use);
    }
    for (const bool named : {true, false}) {
      for (size_t i = 0; i < names_.size(); ++i) {
        if (used[i] == 0 || !names_[i].empty() || graph_.values()[i].name.empty() == named) continue;
        names_[i] = taken_.make(value_text(graph_, static_cast<ValueId>(i)));
      }
    }
  }

  void name_nodes() {
    node_names_.resize(graph_.nodes().size());
    UniqueNames taken;
    for (const bool named : {true, false}) {
      for (size_t i = 0; i < node_names_.size(); ++i) {
        const Node& node = graph_.nodes()[i];
        if (node.dead || node.name.empty() == named) continue;
        std::string wish = node.name;
        if (wish.empty()) {
          const std::string& scope = graph_.scope(node.scope);
          wish = (scope.empty() ? "" : scope + "/") + node.op + "_" + std::to_string(i);
        }
        node_names_[i] = taken.make(wish);
      }
    }
  }

  // --- nodes
  void write_node(NodeId id) {
    const Node node = lowered(graph_, graph_.node(id), opset_);
    WireWriter message;
    size_t inputs = node.inputs.size();
    while (inputs > 0 && node.inputs[inputs - 1] == kNone) --inputs;
    for (size_t i = 0; i < inputs; ++i)
      message.bytes(field::node::input, node.inputs[i] == kNone ? "" : read(node.inputs[i]));
    for (const ValueId output : node.outputs)
      message.bytes(field::node::output, output == kNone ? "" : name_of(output));
    message.bytes(field::node::name, node_names_[static_cast<size_t>(id)]);
    message.bytes(field::node::op_type, node.op);
    for (const auto& [name, attribute] : node.attributes)
      message.message(field::node::attribute, attribute_message(name, attribute));
    for (const Body& body : node.bodies) message.message(field::node::attribute, body_message(id, body));
    if (!node.domain.empty()) message.bytes(field::node::domain, node.domain);
    result_.message(field::graph::node, message);
  }

  // The name of a value that is read; initializers that nobody reads are not written.
  const std::string& read(ValueId id) {
    if (read_.empty()) read_.assign(names_.size(), 0);
    read_[static_cast<size_t>(id)] = 1;
    return name_of(id);
  }

  WireWriter attribute_message(const std::string& name, const Attribute& attribute) const {
    WireWriter message;
    message.bytes(field::attribute::name, name);
    const auto type = [&](AttributeType value) {
      message.integer(field::attribute::type, static_cast<int64_t>(value));
    };
    if (const auto* integer = std::get_if<int64_t>(&attribute)) {
      message.integer(field::attribute::i, *integer);
      type(AttributeType::integer);
    } else if (const auto* real = std::get_if<float>(&attribute)) {
      message.real(field::attribute::f, *real);
      type(AttributeType::real);
    } else if (const auto* text = std::get_if<std::string>(&attribute)) {
      message.bytes(field::attribute::s, *text);
      type(AttributeType::text);
    } else if (const auto* integers = std::get_if<std::vector<int64_t>>(&attribute)) {
      for (const int64_t item : *integers) message.integer(field::attribute::ints, item);
      type(AttributeType::integers);
    } else if (const auto* reals = std::get_if<std::vector<float>>(&attribute)) {
      for (const float item : *reals) message.real(field::attribute::floats, item);
      type(AttributeType::reals);
    } else if (const auto* texts = std::get_if<std::vector<std::string>>(&attribute)) {
      for (const std::string& item : *texts) message.bytes(field::attribute::strings, item);
      type(AttributeType::texts);
    } else {
      message.message(field::attribute::t, onnx::encode_tensor(std::get<Tensor>(attribute), ""));
      type(AttributeType::tensor);
    }
    return message;
  }

  WireWriter body_message(NodeId id, const Body& body) {
    std::vector<std::string> captures;
    for (const ValueId capture : body.captures) captures.push_back(read(capture));
    GraphWriter writer(*body.graph, opset_, external_, taken_, captures);
    WireWriter message;
    message.bytes(field::attribute::name, body.name);
    message.message(field::attribute::g, writer.write());
    message.integer(field::attribute::type, static_cast<int64_t>(AttributeType::graph));
    const Json annotation = writer.annotation();
    if (!annotation.is_null()) bodies_[node_names_[static_cast<size_t>(id)] + "/" + body.name] = annotation;
    return message;
  }

  // --- values
  void write_initializer(const Initializer& initializer) {
    const bool is_output = std::ranges::find(graph_.outputs, initializer.value) != graph_.outputs.end();
    const bool is_read = !read_.empty() && read_[static_cast<size_t>(initializer.value)] != 0;
    if (!is_read && !is_output) return;
    const std::string& name = name_of(initializer.value);
    if (initializer.data == nullptr) {
      throw UserError("parameter '" + name +
                      "' has no data; an ONNX file needs weights (materialize the parameters first)");
    }
    const Tensor& data = *initializer.data;
    if (external_ == nullptr || data.type() == ElementType::string || data.bytes() < kExternalTensorBytes) {
      result_.message(field::graph::initializer, onnx::encode_tensor(data, name));
      return;
    }
    std::string& bytes = external_->bytes;
    bytes.resize((bytes.size() + kExternalAlignment - 1) / kExternalAlignment * kExternalAlignment);
    result_.message(field::graph::initializer,
                    onnx::encode_tensor(data, name, onnx::ExternalLocation{external_->file, bytes.size()}));
    bytes.append(reinterpret_cast<const char*>(data.data()), static_cast<size_t>(data.bytes()));
  }

  // ONNX tells outputs apart by name: an output that repeats another gets an Identity of its own.
  void write_outputs() {
    std::unordered_set<ValueId> seen;
    for (const ValueId id : graph_.outputs) {
      if (seen.insert(id).second) {
        result_.message(field::graph::output, value_info(id));
        continue;
      }
      const std::string name = taken_.make(name_of(id) + "_again");
      WireWriter node;
      node.bytes(field::node::input, name_of(id));
      node.bytes(field::node::output, name);
      node.bytes(field::node::name, name);
      node.bytes(field::node::op_type, "Identity");
      result_.message(field::graph::node, node);
      result_.message(field::graph::output, value_info(id, name));
    }
  }

  void write_value_infos() {
    for (const Node& node : graph_.nodes()) {
      if (node.dead) continue;
      for (const ValueId id : node.outputs) {
        if (id == kNone || graph_.value(id).type == ElementType::undefined) continue;
        if (std::ranges::find(graph_.outputs, id) == graph_.outputs.end())
          result_.message(field::graph::value_info, value_info(id));
      }
    }
  }

  WireWriter value_info(ValueId id, const std::string& name = "") const {
    const Value& value = graph_.value(id);
    WireWriter message;
    message.bytes(field::value_info::name, name.empty() ? name_of(id) : name);
    if (value.type == ElementType::undefined) return message;
    WireWriter tensor;
    tensor.integer(field::tensor_type::elem_type, static_cast<int64_t>(value.type));
    if (value.shape.has_value()) {
      WireWriter shape;
      for (const Dim dim : *value.shape) {
        WireWriter extent;
        if (dim.is_fixed()) extent.integer(field::dim::value, dim.extent());
        if (dim.is_symbol()) extent.bytes(field::dim::parameter, graph_.symbol_name(dim));
        shape.message(field::shape::dim, extent);
      }
      tensor.message(field::tensor_type::shape, shape);
    }
    WireWriter type;
    type.message(field::type::tensor_type, tensor);
    message.message(field::value_info::type, type);
    return message;
  }

  const Graph& graph_;
  int opset_;
  ExternalData* external_;
  UniqueNames taken_;
  size_t formal_;
  std::vector<std::string> names_;
  std::vector<std::string> node_names_;
  std::vector<char> read_;
  Json bodies_;
  WireWriter result_;
};

// --- the opset ----------------------------------------------------------------------------------------------------

void raise_opset(const Graph& graph, OnnxWriteReport& report) {
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.dead) continue;
    const int needed = required_opset(graph, node);
    if (needed > kOpset) {
      throw UserError(node_text(graph, static_cast<NodeId>(i)) + " needs opset " + std::to_string(needed) +
                      "; nacre writes up to " + std::to_string(kOpset));
    }
    if (needed > report.opset) {
      report.opset = needed;
      report.reason = node_text(graph, static_cast<NodeId>(i)) + " needs opset " + std::to_string(needed);
    }
    for (const Body& body : node.bodies) raise_opset(*body.graph, report);
  }
}

void collect_domains(const Graph& graph, std::map<std::string, int64_t>& domains) {
  for (const Node& node : graph.nodes()) {
    if (!node.dead && !node.domain.empty()) domains.emplace(node.domain, 1);
    for (const Body& body : node.bodies) collect_domains(*body.graph, domains);
  }
}

int64_t weight_bytes(const Graph& graph) {
  int64_t result = 0;
  for (const Initializer& initializer : graph.initializers()) {
    if (initializer.data != nullptr) result += initializer.data->bytes();
  }
  return result;
}

void write_entry(WireWriter& model, int entry_field, std::string_view key, std::string_view value) {
  WireWriter entry;
  entry.bytes(field::entry::key, key);
  entry.bytes(field::entry::value, value);
  model.message(entry_field, entry);
}

void write_opset(WireWriter& model, std::string_view domain, int64_t version) {
  WireWriter message;
  message.bytes(field::opset::domain, domain);
  message.integer(field::opset::version, version);
  model.message(field::model::opset_import, message);
}

std::string write_model(const Graph& graph, OnnxWriteReport& report, ExternalData* external) {
  report = {};
  raise_opset(graph, report);
  WireWriter model;
  model.integer(field::model::ir_version, ir_version(report.opset));
  model.bytes(field::model::producer_name, "nacre");
  const auto description = graph.metadata.find("description");
  if (description != graph.metadata.end()) model.bytes(field::model::doc_string, description->second);
  GraphWriter writer(graph, report.opset, external, {}, {});
  model.message(field::model::graph, writer.write());
  write_opset(model, "", report.opset);
  std::map<std::string, int64_t> domains = graph.opset_imports;
  collect_domains(graph, domains);
  for (const auto& [domain, version] : domains) write_opset(model, domain, version);
  for (const auto& [key, value] : graph.metadata) write_entry(model, field::model::metadata_props, key, value);
  const Json annotation = writer.annotation();
  if (!annotation.is_null()) write_entry(model, field::model::metadata_props, kAnnotationKey, annotation.dump());
  if (static_cast<int64_t>(model.buffer().size()) > kMaximumFileBytes) {
    throw UserError(
        "the model takes " + std::to_string(model.buffer().size()) +
        " bytes, an ONNX file holds at most 2^31 - 1; write it to a path, so that its weights go beside it");
  }
  return model.take();
}

}  // namespace

std::string write_onnx_bytes(const Graph& graph, OnnxWriteReport* report) {
  OnnxWriteReport local;
  return write_model(graph, report == nullptr ? local : *report, nullptr);
}

OnnxWriteReport write_onnx(const Graph& graph, const std::filesystem::path& path) {
  OnnxWriteReport report;
  if (weight_bytes(graph) <= kInlineBytes) {
    write_file_atomically(path, write_model(graph, report, nullptr));
    return report;
  }
  ExternalData external{.file = path.filename().string() + ".data", .bytes = ""};
  const std::string model = write_model(graph, report, &external);
  write_file_atomically(path.parent_path() / external.file, external.bytes);
  write_file_atomically(path, model);
  return report;
}

}  // namespace nacre
