#include "nacre/hw/calibration/measured_layers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "nacre/base/file.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/loopnest/nest.hpp"
#include "nacre/hw/loopnest/network_workloads.hpp"

namespace nacre {
namespace {

const std::vector<std::string> kShape = {"N", "C",        "K",        "P",          "Q",         "R",
                                         "S", "h_stride", "w_stride", "h_dilation", "w_dilation"};

struct Field {
  std::string text;
  int column = 1;  // of its first character
};

// Quoted fields may hold commas and doubled quotes, no line ends.
std::vector<Field> fields_of(const std::string& line, const SourcePosition& position) {
  std::vector<Field> fields;
  std::size_t at = 0;
  while (true) {
    Field field{.text = {}, .column = static_cast<int>(at) + 1};
    if (at < line.size() && line[at] == '"') {
      for (++at;; ++at) {
        if (at >= line.size())
          throw UserError({position.file, position.line, field.column}, "a quoted field that does not end in its line");
        if (line[at] == '"' && (at + 1 >= line.size() || line[at + 1] != '"')) break;
        if (line[at] == '"') ++at;
        field.text += line[at];
      }
      ++at;
      if (at < line.size() && line[at] != ',')
        throw UserError({position.file, position.line, static_cast<int>(at) + 1},
                        fmt::format("expected ',' after a quoted field, found '{}'", line[at]));
    } else {
      while (at < line.size() && line[at] != ',') field.text += line[at++];
    }
    fields.push_back(std::move(field));
    if (at >= line.size()) return fields;
    ++at;
  }
}

// One row, by the names of the header.
class Row {
 public:
  Row(const std::vector<std::string>& names, std::vector<Field> fields, SourcePosition position)
      : names_(names), fields_(std::move(fields)), position_(std::move(position)) {
    if (fields_.size() != names_.size())
      throw UserError(position_, fmt::format("{} fields, the header has {}", fields_.size(), names_.size()));
  }

  const Field* find(std::string_view name) const {
    const auto found = std::ranges::find(names_, name);
    return found == names_.end() ? nullptr : &fields_[static_cast<std::size_t>(found - names_.begin())];
  }
  SourcePosition position(const Field& field) const { return {position_.file, position_.line, field.column}; }
  const SourcePosition& position() const { return position_; }

  double number(std::string_view name, const Field& field) const {
    double value = 0;
    const char* end = field.text.data() + field.text.size();
    const auto [stop, failed] = std::from_chars(field.text.data(), end, value);
    if (failed != std::errc() || stop != end || !std::isfinite(value) || value < 0)
      throw UserError(position(field),
                      fmt::format("{}: expected a finite number of at least 0, found '{}'", name, field.text));
    return value;
  }
  int64_t size(std::string_view name) const {
    const Field* field = find(name);
    if (!field) return 1;
    const double value = number(name, *field);
    if (value < 1 || value != std::floor(value) || value > 1e9)
      throw UserError(position(*field),
                      fmt::format("{}: expected a whole number from 1 to 1e9, found '{}'", name, field->text));
    return static_cast<int64_t>(value);
  }

 private:
  const std::vector<std::string>& names_;
  std::vector<Field> fields_;
  SourcePosition position_;
};

Workload workload_of(const Row& row, const OperandFormats& native, const std::string& name) {
  const std::string weights = native.weights.empty() ? "int8" : native.weights;
  const std::string activations = native.activations.empty() ? "int8" : native.activations;
  const auto tensor = [&](const char* title, TensorRole role, std::vector<TensorAxis> axes) {
    const std::string& format = role == TensorRole::weights ? weights : activations;
    return WorkloadTensor{
        .name = title, .role = role, .axes = std::move(axes), .bits = format_bits(format), .format = format};
  };
  const auto one = [](int dimension) { return TensorAxis{{{dimension, 1}}}; };
  Workload workload{.name = name};
  workload.partial_sum_bits = format_bits(native.partial_sums.empty() ? "int32" : native.partial_sums);
  enum : int { N, C, K, P, Q, R, S };
  for (int d = N; d <= S; ++d)
    workload.dimensions.push_back({kShape[static_cast<std::size_t>(d)], row.size(kShape[static_cast<std::size_t>(d)])});
  const auto size = [&](int d) { return workload.dimensions[static_cast<std::size_t>(d)].size; };
  if (size(Q) == 1 && size(R) == 1 && size(S) == 1) {
    workload.tensors = {tensor("Weights", TensorRole::weights, {one(C), one(K)}),
                        tensor("Inputs", TensorRole::inputs, {one(N), one(P), one(C)}),
                        tensor("Outputs", TensorRole::outputs, {one(N), one(P), one(K)})};
    return workload;
  }
  const TensorAxis rows{{{P, row.size("h_stride")}, {R, row.size("h_dilation")}}};
  const TensorAxis columns{{{Q, row.size("w_stride")}, {S, row.size("w_dilation")}}};
  workload.tensors = {tensor("Weights", TensorRole::weights, {one(R), one(S), one(C), one(K)}),
                      tensor("Inputs", TensorRole::inputs, {one(N), rows, columns, one(C)}),
                      tensor("Outputs", TensorRole::outputs, {one(N), one(P), one(Q), one(K)})};
  return workload;
}

std::string layer_of(const Row& row) {
  if (const Field* field = row.find("layer"); field && !field->text.empty()) return field->text;
  std::string result;
  for (const std::string& name : kShape) {
    const int64_t size = row.size(name);
    if (size != 1) result += fmt::format("{}{}{}", result.empty() ? "" : " ", name, size);
  }
  return result.empty() ? "1" : result;
}

Mapping mapping_of(const Row& row, const Workload& workload, const AcceleratorDescription& accelerator,
                   const Dataflow& dataflow) {
  const Field* field = row.find("mapping");
  if (!field || field->text.empty()) return fixed_dataflow_mapping(workload, accelerator, dataflow);
  try {
    const bool ours = field->text.find('|') != std::string::npos;
    Mapping mapping = ours ? parse_mapping(field->text, workload, accelerator)
                           : parse_dosa_mapping(field->text, workload, accelerator);
    check_mapping(workload, accelerator, mapping);
    return mapping;
  } catch (const UserError& error) {
    throw UserError(row.position(*field), error.what());
  }
}

bool is_setting(const std::string& name) {
  return name == "rows" || name == "request_bytes" ||
         std::ranges::find(command_constants(), name, &CommandConstant::key) != command_constants().end();
}

void check_header(const std::vector<std::string>& names, const std::vector<Field>& header,
                  const SourcePosition& position, const MeasuredLayerOptions& options) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::ranges::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<std::ptrdiff_t>(i))
      throw UserError({position.file, position.line, header[i].column},
                      fmt::format("column '{}' stands here twice", names[i]));
  }
  const auto has = [&](std::string_view name) { return std::ranges::find(names, name) != names.end(); };
  if (!has("cycles") && !has("rtl_cycles")) {
    const std::string near = nearest_name("cycles", names);
    throw UserError(position, fmt::format("no column 'cycles' of what was measured{}",
                                          near.empty() ? std::string() : fmt::format(" (there is '{}')", near)));
  }
  if (std::ranges::none_of(kShape, has)) throw UserError(position, "no column of a layer's shape: N, C, K, P, Q, R, S");
  for (const auto& [column, text] : options.where)
    if (!has(column)) throw UserError(position, unknown_name_message("column", column, names));
}

}  // namespace

std::vector<MeasuredLayer> read_measured_layers(const std::filesystem::path& path,
                                                const AcceleratorDescription& accelerator,
                                                const MeasuredLayerOptions& options) {
  const std::string text = read_possibly_gzipped_file(path);
  std::vector<std::string> names;
  std::vector<MeasuredLayer> result;
  SourcePosition position{path.string(), 0, 1};
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++position.line;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    std::vector<Field> fields = fields_of(line, position);
    if (names.empty()) {
      for (const Field& field : fields) names.push_back(field.text);
      check_header(names, fields, position, options);
      continue;
    }
    const Row row(names, std::move(fields), position);
    if (!std::ranges::all_of(
            options.where, [&](const auto& condition) { return row.find(condition.first)->text == condition.second; }))
      continue;
    MeasuredLayer one;
    one.position = position;
    one.layer = layer_of(row);
    const char* column = row.find("cycles") ? "cycles" : "rtl_cycles";
    one.cycles = row.number(column, *row.find(column));
    if (one.cycles <= 0) throw UserError(row.position(*row.find(column)), fmt::format("{}: expected above 0", column));
    for (const std::string& name : names)
      if (is_setting(name)) one.settings[name] = row.number(name, *row.find(name));
    one.workload = workload_of(row, accelerator.native, one.layer);
    one.mapping = mapping_of(row, one.workload, accelerator, options.dataflow);
    result.push_back(std::move(one));
  }
  if (names.empty()) throw UserError({path.string(), 1, 1}, "an empty file; expected a header and rows");
  if (result.empty()) throw UserError({path.string(), 1, 1}, "no rows that were asked for");
  return result;
}

}  // namespace nacre
