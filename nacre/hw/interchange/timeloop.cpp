#include "nacre/hw/interchange/timeloop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/hw/interchange/timeloop_parts.hpp"

namespace nacre {
namespace timeloop {
namespace {

const std::vector<std::string> kConvolution = {"R", "S", "P", "Q", "C", "K", "N"};

// Words of a text or of a list: "N1 P1", "N=1, P=1", [N=1, P=1].
std::vector<std::string> words_of(const ConfigNode& node) {
  std::vector<std::string> words;
  const auto split = [&](const std::string& text) {
    std::string word;
    for (const char c : text + " ") {
      if (c != ' ' && c != ',' && c != '\t' && c != '\n') {
        word += c;
      } else if (!word.empty()) {
        words.push_back(std::move(word));
        word.clear();
      }
    }
  };
  if (node.kind == ConfigNode::Kind::sequence) {
    for (const ConfigNode& item : node.items) split(item.as_text("word"));
  } else if (!node.is_null()) {
    split(node.as_text("words"));
  }
  return words;
}

void read_factors(const ConfigNode& node, MappingDirective& directive) {
  for (const std::string& word : words_of(node)) {
    size_t letters = 0;
    while (letters < word.size() && std::isalpha(static_cast<unsigned char>(word[letters])) != 0) ++letters;
    size_t digits = letters;
    if (digits < word.size() && word[digits] == '=') ++digits;
    int64_t factor = -1;
    try {
      size_t end = 0;
      factor = std::stoll(word.substr(digits), &end);
      if (digits + end != word.size()) factor = -1;
    } catch (const std::exception&) {  // no number
    }
    if (letters == 0 || factor < 0) {
      throw UserError(node.position,
                      fmt::format("factor '{}': expected a dimension and a whole number, such as K16 or K=16", word));
    }
    if (!directive.factors.emplace(word.substr(0, letters), factor).second)
      throw UserError(node.position, fmt::format("factor of {} stands here twice", word.substr(0, letters)));
  }
}

// A text without separators is one letter a dimension.
void read_permutation(const ConfigNode& node, MappingDirective& directive) {
  const bool letters = node.kind == ConfigNode::Kind::scalar && node.scalar.find(',') == std::string::npos;
  for (const std::string& word : words_of(node)) {
    if (!letters) {
      directive.permutation.push_back(word);
    } else {
      for (const char c : word) directive.permutation.emplace_back(1, c);
    }
  }
}

MappingDirective read_directive(const ConfigNode& node, const std::string& target, const std::string& type,
                                std::vector<std::string>& warnings) {
  MappingDirective directive;
  directive.position = node.position;
  ForeignMap map(node, target.empty() ? "directive" : fmt::format("constraint of '{}'", target), warnings);
  const ConfigNode* named = map.take("target");
  directive.target = named != nullptr ? named->as_text("target") : target;
  const ConfigNode* stated = map.take("type");
  const std::string word = stated != nullptr ? stated->as_text("type") : type;
  if (word == "temporal") {
    directive.kind = MappingDirective::Kind::temporal;
  } else if (word == "spatial") {
    directive.kind = MappingDirective::Kind::spatial;
  } else if (word == "datatype" || word == "bypass" || word == "bypassing" || word == "dataspace") {
    directive.kind = MappingDirective::Kind::tensors;
  } else {
    warnings.push_back(fmt::format("constraint of type '{}' on '{}' is not modelled", word, directive.target));
    directive.target.clear();
    map.ignore({"factors", "permutation", "split", "keep", "bypass"});
    return directive;
  }
  if (const ConfigNode* factors = map.take("factors")) read_factors(*factors, directive);
  if (const ConfigNode* permutation = map.take("permutation")) read_permutation(*permutation, directive);
  directive.split = map.whole("split");
  if (const ConfigNode* keep = map.take("keep")) directive.keep = words_of(*keep);
  if (const ConfigNode* bypass = map.take("bypass")) directive.bypass = words_of(*bypass);
  map.finish();
  return directive;
}

void add_projection(const ConfigNode& node, const std::map<std::string, int64_t>& coefficients, Workload& workload,
                    WorkloadTensor& tensor) {
  if (node.kind != ConfigNode::Kind::sequence) throw UserError(node.position, "projection: expected a list of axes");
  for (const ConfigNode& axis : node.items) {
    TensorAxis made;
    for (const ConfigNode& term : axis.items) {
      if (term.kind != ConfigNode::Kind::sequence || term.items.empty())
        throw UserError(term.position, "projection: expected [dimension] or [dimension, coefficient]");
      const std::string name = term.items[0].as_text("dimension");
      const auto found = std::ranges::find(workload.dimensions, name, &LoopDimension::name);
      if (found == workload.dimensions.end())
        throw UserError(term.position, fmt::format("projection: '{}' is no dimension", name));
      ProjectionTerm known{static_cast<int>(found - workload.dimensions.begin()), 1};
      for (size_t i = 1; i < term.items.size(); ++i) {
        const std::string coefficient = term.items[i].as_text("coefficient");
        const auto value = coefficients.find(coefficient);
        known.coefficient = checked_product(
            known.coefficient, value != coefficients.end() ? value->second : term.items[i].as_integer("coefficient"),
            term.position);
      }
      made.terms.push_back(known);
    }
    if (made.terms.empty()) throw UserError(axis.position, "projection: an axis without terms");
    tensor.axes.push_back(std::move(made));
  }
}

TensorRole role_of_tensor(const std::string& name, bool written, const Workload& workload) {
  if (written) return TensorRole::outputs;
  if (const std::optional<TensorRole> role = role_of_name(name); role && *role != TensorRole::outputs) return *role;
  const bool inputs = std::ranges::any_of(
      workload.tensors, [](const WorkloadTensor& tensor) { return tensor.role == TensorRole::inputs; });
  return inputs ? TensorRole::weights : TensorRole::inputs;
}

Workload shaped(const ConfigNode& shape, const ConfigNode* instance, const std::string& name,
                std::vector<std::string>& warnings) {
  Workload workload;
  workload.name = name;
  ForeignMap map(shape, "shape", warnings);
  map.take("name");
  std::map<std::string, int64_t> coefficients;
  if (const ConfigNode* list = map.take("coefficients")) {
    for (const ConfigNode& item : list->items) {
      ForeignMap coefficient(item, "coefficient", warnings);
      const std::string key = coefficient.need("name").as_text("name");
      coefficients[key] = coefficient.whole("default").value_or(1);
      coefficient.finish();
    }
  }
  const ConfigNode& dimensions = map.need("dimensions");
  for (const ConfigNode& item : dimensions.items) workload.dimensions.push_back({item.as_text("dimension"), 1});
  if (workload.dimensions.empty() || workload.dimensions.size() > static_cast<size_t>(kMaximumLoopDimensions)) {
    throw UserError(dimensions.position,
                    fmt::format("{} dimensions; expected 1 to {}", workload.dimensions.size(), kMaximumLoopDimensions));
  }
  if (instance == nullptr) {
    warnings.push_back(fmt::format("problem '{}' has a shape and no instance: every dimension is 1", name));
  } else if (!instance->is_map()) {
    throw UserError(instance->position, "instance: expected a map of sizes");
  } else {
    std::vector<std::string> left;
    for (const auto& [key, value] : instance->entries) {
      const auto found = std::ranges::find(workload.dimensions, key, &LoopDimension::name);
      if (found == workload.dimensions.end() && !coefficients.contains(key)) {
        left.push_back(key);
        continue;
      }
      const int64_t size = value.as_integer(key);
      if (size < 1) throw UserError(value.position, fmt::format("{}: expected at least 1, found {}", key, size));
      if (found != workload.dimensions.end())
        found->size = size;
      else
        coefficients[key] = size;
    }
    if (!left.empty()) warnings.push_back(fmt::format("problem '{}': not modelled: {}", name, fmt::join(left, ", ")));
  }
  const ConfigNode* spaces = map.take_any({"data-spaces", "data_spaces"});
  if (spaces == nullptr || spaces->items.empty()) throw UserError(shape.position, "shape: 'data-spaces' is missing");
  for (const ConfigNode& item : spaces->items) {
    ForeignMap space(item, "data space", warnings);
    WorkloadTensor tensor;
    tensor.name = space.need("name").as_text("name");
    const ConfigNode* written = space.take_any({"read-write", "read_write"});
    add_projection(space.need("projection"), coefficients, workload, tensor);
    space.finish();
    tensor.role = role_of_tensor(tensor.name, written != nullptr && written->as_boolean("read-write"), workload);
    workload.tensors.push_back(std::move(tensor));
  }
  map.finish();
  const auto outputs = std::ranges::count(workload.tensors, TensorRole::outputs, &WorkloadTensor::role);
  if (outputs != 1)
    throw UserError(spaces->position, fmt::format("{} data spaces are read-write; expected 1", outputs));
  if (workload.tensors.size() > static_cast<size_t>(kMaximumWorkloadTensors))
    throw UserError(spaces->position, fmt::format("more than {} data spaces", kMaximumWorkloadTensors));
  workload.points();
  return workload;
}

// Timeloop's own convolution, which a problem without a shape means.
ConfigNode convolution_shape() {
  return parse_config(
      "name: CNN-Layer\ndimensions: [R, S, P, Q, C, K, N]\ncoefficients: [{name: Wstride}, {name: Hstride}, {name: "
      "Wdilation}, {name: Hdilation}]\ndata-spaces:\n- {name: Weights, projection: [[[C]], [[K]], [[R]], [[S]]]}\n- "
      "{name: "
      "Inputs, projection: [[[N]], [[C]], [[R, Wdilation], [P, Wstride]], [[S, Hdilation], [Q, Hstride]]]}\n- {name: "
      "Outputs, projection: [[[N]], [[K]], [[Q]], [[P]]], read-write: true}\n",
      "Timeloop's convolution");
}

}  // namespace

std::optional<TensorRole> role_of_name(std::string_view name) {
  if (name == "Weights") return TensorRole::weights;
  if (name == "Inputs") return TensorRole::inputs;
  if (name == "Outputs") return TensorRole::outputs;
  return std::nullopt;
}

void read_problem(const ConfigNode& node, const std::string& name, Imported& imported) {
  ForeignMap map(node, "problem", imported.warnings);
  map.take("version");
  if (const ConfigNode* shape = map.take("shape"); shape != nullptr && shape->is_map()) {
    imported.workloads.push_back(shaped(*shape, map.take("instance"), name, imported.warnings));
    map.finish();
    return;
  }
  if (node.find("shape") != nullptr)
    throw UserError(node.at("shape").position, "shape: expected a map; shapes of other files are not looked for");
  if (const ConfigNode* instance = map.take("instance")) {
    imported.workloads.push_back(shaped(convolution_shape(), instance, name, imported.warnings));
    map.finish();
    return;
  }
  imported.workloads.push_back(shaped(convolution_shape(), &node, name, imported.warnings));
}

void read_directives(const ConfigNode& list, bool constraints, Imported& imported) {
  if (list.kind == ConfigNode::Kind::scalar) return;  // the name of one of several lists
  const ConfigNode* items = &list;
  if (list.is_map()) {
    items = list.find("targets");
    if (items == nullptr) throw UserError(list.position, "expected a list of constraints");
  }
  for (const ConfigNode& item : items->items) {
    MappingDirective directive = read_directive(item, "", "temporal", imported.warnings);
    directive.constraint = constraints;
    if (!directive.target.empty()) imported.directives.push_back(std::move(directive));
  }
}

void read_inline_constraints(const ConfigNode& constraints, const std::string& target, Imported& imported) {
  ForeignMap map(constraints, fmt::format("constraints of '{}'", target), imported.warnings);
  for (const char* type : {"spatial", "temporal", "dataspace"}) {
    if (const ConfigNode* found = map.take(type)) {
      imported.directives.push_back(read_directive(*found, target, type, imported.warnings));
      imported.directives.back().constraint = true;
    }
  }
  map.finish();
}

}  // namespace timeloop

Imported read_timeloop(const ConfigNode& root, const std::string& name) {
  using namespace timeloop;
  Imported imported;
  imported.kind = "timeloop";
  ForeignMap map(root, "file", imported.warnings);
  if (const ConfigNode* mapspace = map.take_any({"mapspace", "mapspace_constraints", "architecture_constraints"})) {
    if (mapspace->is_map()) {
      for (const auto& [key, value] : mapspace->entries) {
        if (key.starts_with("constraints") || key == "targets") {
          read_directives(value, true, imported);
        } else {
          imported.warnings.push_back(fmt::format("mapspace: not modelled: {}", key));
        }
      }
    } else {
      read_directives(*mapspace, true, imported);
    }
  }
  if (const ConfigNode* mapping = map.take("mapping")) read_directives(*mapping, false, imported);
  if (const ConfigNode* arch = map.take_any({"arch", "architecture"})) read_architecture(*arch, name, imported);
  if (const ConfigNode* problem = map.take("problem")) {
    read_problem(*problem, name, imported);
  } else if (root.find("shape") != nullptr) {
    map.take("shape");
    map.take("instance");
    read_problem(root, name, imported);
  }
  for (const auto& [key, value] : root.entries) {
    if (!key.starts_with("problem_base") || !value.is_map()) continue;
    map.take(key);
    read_problem(value, name, imported);
  }
  map.finish();
  if (imported.accelerators.empty() && imported.workloads.empty() && imported.directives.empty())
    throw UserError(root.position, "no architecture, problem, mapping or constraints of Timeloop");
  return imported;
}

}  // namespace nacre
