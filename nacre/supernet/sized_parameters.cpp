#include "nacre/supernet/sized_parameters.hpp"

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

std::map<std::string, std::vector<int64_t>> parameter_extents(const Graph& graph) {
  std::map<std::string, std::vector<int64_t>> result;
  for (const Initializer& initializer : graph.initializers()) {
    const Value& value = graph.value(initializer.value);
    if (!initializer.trainable || !is_floating(value.type) || value.name.starts_with(kMixPrefix)) continue;
    std::vector<int64_t> extents;
    for (const Dim dim : *value.shape) extents.push_back(dim.extent());
    result.emplace(plain_parameter_name(value.name), std::move(extents));
  }
  return result;
}

struct Reader {
  std::string op;
  bool depthwise = false;
};

std::map<std::string, Reader> readers_of(const Graph& graph) {
  std::map<std::string, Reader> readers;
  for (const Node& node : graph.nodes()) {
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNone || graph.value(node.inputs[i]).initializer == kNone) continue;
      const Value& value = graph.value(node.inputs[i]);
      const bool depthwise = node.op == "Conv" && value.shape->rank() > 1 && (*value.shape)[1].extent() == 1;
      readers.emplace(plain_parameter_name(value.name), Reader{node.op, depthwise});
    }
  }
  return readers;
}

}  // namespace

std::set<size_t> SizedParameter::read_axes() const {
  std::set<size_t> axes_read;
  for (const size_t axis : axes)
    if (!is_vector() && axis != output_axis) axes_read.insert(axis);
  return axes_read;
}

std::map<std::string, bool> depthwise_kernels(const Graph& graph) {
  std::map<std::string, bool> result;
  for (const auto& [name, reader] : readers_of(graph)) result.emplace(name, reader.depthwise);
  return result;
}

std::vector<SizedParameter> parameters_sized_by(const Space& space, const SupernetForm& form, const Supernet& whole,
                                                const OpenDecision& number) {
  const auto largest = parameter_extents(whole.graph);
  const auto readers = readers_of(whole.graph);
  std::vector<std::map<std::string, std::vector<int64_t>>> sizes;
  for (size_t alternative = 0; alternative < number.labels.size(); ++alternative) {
    Decisions decided;
    decided.set(number.key, static_cast<int64_t>(alternative));
    const Supernet network = build_supernet(space, form, &decided);
    sizes.push_back(parameter_extents(network.graph));
    if (network.graph.nodes().size() == whole.graph.nodes().size() && sizes.back().size() == largest.size()) continue;
    throw UserError("decision '" + number.key + "': its alternative " + number.labels[alternative] +
                    " is a network of another structure, not a slice of the largest");
  }
  std::vector<SizedParameter> result;
  for (const auto& [name, extents] : largest) {
    SizedParameter parameter{.name = name, .whole = extents, .extents = {}, .axes = {}};
    for (const auto& one : sizes) {
      parameter.extents.push_back(one.at(name));
      for (size_t axis = 0; axis < extents.size(); ++axis)
        if (parameter.extents.back()[axis] != extents[axis]) parameter.axes.insert(axis);
    }
    if (parameter.axes.empty()) continue;
    const auto reader = readers.find(name);
    if (reader != readers.end()) {
      parameter.output_axis = reader->second.op == "Conv" || reader->second.op == "Gemm" ? 0 : 1;
      parameter.depthwise = reader->second.depthwise;
    }
    result.push_back(std::move(parameter));
  }
  return result;
}

}  // namespace nacre
