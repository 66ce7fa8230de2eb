#include "nacre/hw/accelerator/dataflow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <span>
#include <utility>

#include "nacre/base/error.hpp"
#include "nacre/base/options.hpp"
#include "nacre/hw/accelerator/description_file.hpp"

// Files of data/dataflows, built in by CMake.
namespace nacre::dataflow_templates {
extern const std::span<const std::pair<std::string_view, std::string_view>> files;
}

namespace nacre {
namespace {

constexpr const char* kSquareRoot = "square_root";

int64_t steps(int64_t size, int64_t width) { return (size + width - 1) / width; }

std::vector<Parameter> dataflow_parameters() {
  return {{.name = "name", .description = "of the dataflow", .required = true},
          {.name = "summary", .description = "one line", .default_value = ""},
          {.name = "source", .description = "where it comes from", .default_value = ""},
          {.name = "parameters", .type = ParameterType::any, .description = "widths by name"},
          {.name = "spread",
           .type = ParameterType::any,
           .description = "what the array does side by side, inner axis first"},
          {.name = "order", .type = ParameterType::text_list, .description = "temporal loops, outer to inner"},
          {.name = "registers",
           .type = ParameterType::text_list,
           .description = "what the innermost memory keeps; left out: all that it may",
           .choices = {"weights", "inputs", "outputs"}}};
}

std::vector<Parameter> spread_parameters() {
  return {{.name = "dimensions",
           .type = ParameterType::text_list,
           .description = "taken one after the other while children are left",
           .required = true},
          {.name = "at_most",
           .description = "width where several entries share an axis: a number, a parameter or square_root",
           .default_value = ""}};
}

void refuse_twice(const std::vector<std::string>& words, const SourcePosition& position, const char* what) {
  std::set<std::string> seen;
  for (const std::string& word : words)
    if (!seen.insert(word).second) throw UserError(position, fmt::format("{}: '{}' stands here twice", what, word));
}

std::optional<int64_t> whole_number(const std::string& text) {
  if (text.empty() || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }) || text.size() > 12)
    return std::nullopt;
  return std::stoll(text);
}

int64_t width_of(const Dataflow& dataflow, const DataflowSpread& entry, int64_t axis) {
  if (entry.at_most == kSquareRoot) return static_cast<int64_t>(std::sqrt(static_cast<double>(axis)));
  if (const std::optional<int64_t> number = whole_number(entry.at_most)) return *number;
  return dataflow.parameters.find(entry.at_most)->second;
}

struct Axis {
  size_t level;
  LoopKind kind;
  int64_t children;
};

// Inner first.
std::vector<Axis> axes_of(const AcceleratorDescription& accelerator) {
  std::vector<Axis> axes;
  for (size_t i = accelerator.levels.size(); i-- > 0;) {
    const Fanout& fanout = accelerator.levels[i].fanout;
    if (fanout.y > 1) axes.push_back({i, LoopKind::spatial_y, fanout.y});
    if (fanout.x > 1) axes.push_back({i, LoopKind::spatial_x, fanout.x});
  }
  return axes;
}

// The mapping while it grows: how much of each dimension is inside, level by level.
class Builder {
 public:
  Builder(const Workload& workload, const AcceleratorDescription& accelerator, const Dataflow& dataflow)
      : workload_(workload), accelerator_(accelerator), dataflow_(dataflow) {
    const size_t dimensions = workload.dimensions.size();
    temporal_.assign(accelerator.levels.size(), std::vector<int64_t>(dimensions, 1));
    spatial_.assign(accelerator.levels.size(), std::vector<int64_t>(dimensions, 1));
    for (const LoopDimension& dimension : workload.dimensions) left_.push_back(dimension.size);
    mapping_.levels.resize(accelerator.levels.size());
    decide_keeps();
  }

  Mapping build() {
    spread_over_axes();
    for (size_t d = 0; d < left_.size(); ++d) left_[d] = steps(workload_.dimensions[d].size, spread_of(d));
    const std::vector<int> order = loop_order();
    for (size_t level = accelerator_.levels.size(); level-- > 1;) {
      for (size_t i = order.size(); i-- > 0;) grow(level, order[i]);
    }
    for (size_t d = 0; d < left_.size(); ++d) temporal_[0][d] = left_[d];
    write_loops(order);
    return std::move(mapping_);
  }

 private:
  int dimension_index(const std::string& name) const {
    const auto found = std::ranges::find(workload_.dimensions, name, &LoopDimension::name);
    return found == workload_.dimensions.end() ? -1 : static_cast<int>(found - workload_.dimensions.begin());
  }

  void decide_keeps() {
    for (size_t i = 0; i < mapping_.levels.size(); ++i) {
      const std::vector<TensorRole>& holds = accelerator_.levels[i].holds;
      for (const WorkloadTensor& tensor : workload_.tensors)
        mapping_.levels[i].keeps.push_back(i == 0 || std::ranges::find(holds, tensor.role) != holds.end());
    }
    // The innermost memory is the last level that holds anything.
    size_t innermost = mapping_.levels.size() - 1;
    while (innermost > 0 && accelerator_.levels[innermost].holds.empty()) --innermost;
    if (innermost == 0 || !dataflow_.registers) return;
    for (size_t t = 0; t < workload_.tensors.size(); ++t) {
      const bool wanted =
          std::ranges::find(*dataflow_.registers, workload_.tensors[t].role) != dataflow_.registers->end();
      if (!wanted) mapping_.levels[innermost].keeps[t] = false;
    }
  }

  void spread_over_axes() {
    const std::vector<Axis> axes = axes_of(accelerator_);
    const std::vector<DataflowSpread>& entries = dataflow_.spread;
    if (entries.empty()) return;
    for (size_t a = 0; a < axes.size(); ++a) {
      std::vector<const DataflowSpread*> mine = {&entries[std::min(a, entries.size() - 1)]};
      if (a + 1 == axes.size())
        for (size_t e = a + 1; e < entries.size(); ++e) mine.push_back(&entries[e]);
      fill_axis(axes[a], mine);
    }
  }

  void fill_axis(const Axis& axis, const std::vector<const DataflowSpread*>& entries) {
    int64_t children = axis.children;
    size_t longest = 0;
    for (const DataflowSpread* entry : entries) longest = std::max(longest, entry->dimensions.size());
    for (size_t round = 0; round < longest; ++round) {
      for (const DataflowSpread* entry : entries) {
        if (round >= entry->dimensions.size()) continue;
        const bool limited = entries.size() > 1 && !entry->at_most.empty();
        if (limited && round > 0) continue;  // its width was used up by the first
        int64_t width = children;
        if (limited) width = std::clamp<int64_t>(width_of(dataflow_, *entry, axis.children), 1, children);
        int64_t used = 1;
        // Within a width that is its own an entry goes through all of its dimensions.
        for (size_t r = round; r < (limited ? entry->dimensions.size() : round + 1); ++r) {
          const int d = dimension_index(entry->dimensions[r]);
          if (d < 0) continue;
          const auto at = static_cast<size_t>(d);
          const int64_t take = std::min(left_[at], width / used);
          spatial_at(axis, at) *= take;
          left_[at] = steps(left_[at], take);
          used *= take;
        }
        children /= limited ? width : used;
      }
    }
  }

  int64_t& spatial_at(const Axis& axis, size_t dimension) {
    // x and y of one level are told apart when the loops are written.
    if (axis.kind == LoopKind::spatial_y) return spatial_y_.try_emplace({axis.level, dimension}, 1).first->second;
    return spatial_[axis.level][dimension];
  }

  int64_t spread_at(size_t level, size_t dimension) const {
    const auto y = spatial_y_.find({level, dimension});
    return spatial_[level][dimension] * (y == spatial_y_.end() ? 1 : y->second);
  }

  int64_t spread_of(size_t dimension) const {
    int64_t product = 1;
    for (size_t level = 0; level < spatial_.size(); ++level) product *= spread_at(level, dimension);
    return product;
  }

  std::vector<int> loop_order() const {
    std::vector<int> named;
    for (const std::string& name : dataflow_.order)
      if (const int d = dimension_index(name); d >= 0) named.push_back(d);
    std::vector<int> order;
    for (int d = 0; d < static_cast<int>(workload_.dimensions.size()); ++d)
      if (std::ranges::find(named, d) == named.end()) order.push_back(d);
    order.insert(order.end(), named.begin(), named.end());
    return order;
  }

  // What one instance of the level sees of a dimension: all loops of the level and inside it.
  int64_t extent(size_t level, size_t dimension) const {
    const int64_t size = workload_.dimensions[dimension].size;
    int64_t product = 1;
    for (size_t i = level; i < temporal_.size() && product < size; ++i)
      product *= temporal_[i][dimension] * spread_at(i, dimension);
    return std::min(product, size);
  }

  double tile_bits(size_t level, const WorkloadTensor& tensor) const {
    double elements = 1;
    for (const TensorAxis& axis : tensor.axes) {
      double length = 1;
      for (const ProjectionTerm& term : axis.terms) {
        length += static_cast<double>(term.coefficient) *
                  static_cast<double>(extent(level, static_cast<size_t>(term.dimension)) - 1);
      }
      elements *= length;
    }
    const int64_t bits =
        tensor.role == TensorRole::outputs ? std::max(tensor.bits, workload_.partial_sum_bits) : tensor.bits;
    return elements * static_cast<double>(bits);
  }

  bool fits_from(size_t innermost) const {
    for (size_t level = 0; level <= innermost; ++level) {
      const MemoryLevel& memory = accelerator_.levels[level];
      if (!memory.capacity_bits) continue;
      double bits = 0;
      for (size_t t = 0; t < workload_.tensors.size(); ++t)
        if (mapping_.levels[level].keeps[t]) bits += tile_bits(level, workload_.tensors[t]);
      if (bits > static_cast<double>(*memory.capacity_bits / (memory.double_buffered ? 2 : 1))) return false;
    }
    return true;
  }

  // As many steps of the dimension at the level as fit. Where it is spread further out, a number of steps that divides: others
  // would leave children idle.
  void grow(size_t level, int dimension) {
    const auto d = static_cast<size_t>(dimension);
    if (left_[d] == 1) return;
    bool spread_outside = false;
    for (size_t i = 0; i < level; ++i) spread_outside = spread_outside || spread_at(i, d) > 1;
    const auto fits = [&](int64_t factor) {
      temporal_[level][d] = factor;
      const bool good = fits_from(level);
      temporal_[level][d] = 1;
      return good;
    };
    int64_t low = 1;
    int64_t high = left_[d];
    if (!fits(1)) return;  // the array itself asks for too much: mapping_misfit says where
    while (low < high) {
      const int64_t middle = low + (high - low + 1) / 2;
      if (fits(middle))
        low = middle;
      else
        high = middle - 1;
    }
    if (spread_outside) {
      while (left_[d] % low != 0) --low;
    } else {
      low = steps(left_[d], steps(left_[d], low));  // even steps
    }
    temporal_[level][d] = low;
    left_[d] = steps(left_[d], low);
  }

  void write_loops(const std::vector<int>& order) {
    for (size_t level = 0; level < mapping_.levels.size(); ++level) {
      std::vector<MappedLoop>& loops = mapping_.levels[level].loops;
      for (const int d : order) {
        const int64_t factor = temporal_[level][static_cast<size_t>(d)];
        if (factor > 1) loops.push_back({d, factor, LoopKind::temporal});
      }
      for (const int d : order) {
        const int64_t factor = spatial_[level][static_cast<size_t>(d)];
        if (factor > 1) loops.push_back({d, factor, LoopKind::spatial_x});
      }
      for (const int d : order) {
        const auto y = spatial_y_.find({level, static_cast<size_t>(d)});
        if (y != spatial_y_.end() && y->second > 1) loops.push_back({d, y->second, LoopKind::spatial_y});
      }
    }
  }

  const Workload& workload_;
  const AcceleratorDescription& accelerator_;
  const Dataflow& dataflow_;
  Mapping mapping_;
  std::vector<int64_t> left_;                   // steps that no loop does yet
  std::vector<std::vector<int64_t>> temporal_;  // factors by level and dimension
  std::vector<std::vector<int64_t>> spatial_;   // of spatial_x
  std::map<std::pair<size_t, size_t>, int64_t> spatial_y_;
};

}  // namespace

const Registry<DataflowFactory>& dataflow_registry() {
  static const Registry<DataflowFactory> kRegistry = [] {
    Registry<DataflowFactory> registry("dataflow", "dataflows");
    for (const auto& [name, text] : dataflow_templates::files) {
      const Dataflow dataflow = dataflow_from_config(parse_config(text, "dataflow " + std::string(name)));
      registry.add({.name = std::string(name),
                    .summary = dataflow.summary,
                    .source = dataflow.source,
                    .example = std::string(text)},
                   [dataflow] { return dataflow; });
    }
    return registry;
  }();
  return kRegistry;
}

Dataflow dataflow_from_config(const ConfigNode& node) {
  if (!node.is_map()) throw UserError(node.position, "expected a dataflow: a map with name, spread and order");
  const Options options = resolve_options(node, dataflow_parameters(), "dataflow");
  Dataflow dataflow;
  dataflow.name = options.text("name");
  dataflow.summary = options.text("summary");
  dataflow.source = options.text("source");
  if (options.has("order")) dataflow.order = options.texts("order");
  refuse_twice(dataflow.order, options.position("order"), "order");
  if (const ConfigNode* values = node.find("parameters"); values != nullptr && !values->is_null()) {
    if (!values->is_map()) throw UserError(values->position, "parameters: expected a map such as {cluster: 64}");
    for (const auto& [name, value] : values->entries) {
      const int64_t width = value.as_integer("parameters." + name);
      if (width < 1) throw UserError(value.position, fmt::format("parameters.{}: expected at least 1", name));
      dataflow.parameters[name] = width;
    }
  }
  if (const ConfigNode* spread = node.find("spread"); spread != nullptr && !spread->is_null()) {
    if (spread->kind != ConfigNode::Kind::sequence) throw UserError(spread->position, "spread: expected a list");
    for (const ConfigNode& item : spread->items) {
      const Options entry = resolve_options(item, spread_parameters(), "spread");
      DataflowSpread known{entry.texts("dimensions"), entry.text("at_most")};
      if (known.dimensions.empty()) throw UserError(item.position, "spread: an entry without dimensions");
      refuse_twice(known.dimensions, item.position, "dimensions");
      const std::optional<int64_t> number = whole_number(known.at_most);
      const bool word =
          known.at_most.empty() || known.at_most == kSquareRoot || dataflow.parameters.contains(known.at_most);
      if ((number && *number < 1) || (!number && !word)) {
        throw UserError(
            entry.position("at_most"),
            fmt::format("at_most: expected a number from 1 on, square_root or a parameter, found '{}'", known.at_most));
      }
      dataflow.spread.push_back(std::move(known));
    }
  }
  if (options.has("registers")) {
    dataflow.registers.emplace();
    for (const std::string& word : options.texts("registers")) {
      for (const TensorRole role : {TensorRole::weights, TensorRole::inputs, TensorRole::outputs})
        if (word == tensor_role_name(role)) dataflow.registers->push_back(role);
    }
  }
  return dataflow;
}

std::string dataflow_yaml(const Dataflow& dataflow) {
  Json json = {{"name", dataflow.name}};
  if (!dataflow.summary.empty()) json["summary"] = dataflow.summary;
  if (!dataflow.source.empty()) json["source"] = dataflow.source;
  for (const auto& [name, value] : dataflow.parameters) json["parameters"][name] = value;
  Json& spread = json["spread"] = Json::array();
  for (const DataflowSpread& entry : dataflow.spread) {
    spread.push_back({{"dimensions", entry.dimensions}});
    if (!entry.at_most.empty()) spread.back()["at_most"] = entry.at_most;
  }
  json["order"] = dataflow.order;
  if (dataflow.registers) {
    Json& registers = json["registers"] = Json::array();
    for (const TensorRole role : *dataflow.registers) registers.push_back(tensor_role_name(role));
  }
  return yaml_text(json);
}

Dataflow load_dataflow(const std::string& name_or_path, const std::filesystem::path& base_folder) {
  if (const auto* entry = dataflow_registry().find(name_or_path)) return entry->make();
  const std::filesystem::path path = base_folder / name_or_path;
  const bool is_path = name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".yaml") ||
                       name_or_path.ends_with(".yml") || std::filesystem::is_regular_file(path);
  if (is_path) return dataflow_from_config(load_config(path));
  throw UserError(
      unknown_name_message("dataflow", name_or_path, dataflow_registry().names(), "nacre list dataflows, or a file"));
}

Dataflow with_parameters(Dataflow dataflow, const std::map<std::string, int64_t, std::less<>>& values) {
  std::vector<std::string> names;
  for (const auto& [name, value] : dataflow.parameters) names.push_back(name);
  for (const auto& [name, value] : values) {
    const auto found = dataflow.parameters.find(name);
    if (found == dataflow.parameters.end())
      throw UserError(unknown_name_message("parameter of dataflow " + dataflow.name, name, names));
    if (value < 1)
      throw UserError(fmt::format("dataflow {}: {} is {}, expected at least 1", dataflow.name, name, value));
    found->second = value;
  }
  return dataflow;
}

Mapping fixed_dataflow_mapping(const Workload& workload, const AcceleratorDescription& accelerator,
                               const Dataflow& dataflow) {
  if (accelerator.levels.empty()) throw UserError(fmt::format("accelerator '{}' has no levels", accelerator.name));
  return Builder(workload, accelerator, dataflow).build();
}

AcceleratorDescription flat_array(const FlatArray& array) {
  AcceleratorDescription accelerator;
  accelerator.name = "flat_array";
  accelerator.summary = fmt::format("{} elements under one shared memory", array.elements);
  accelerator.levels.resize(2);
  accelerator.levels[0].name = "L2";
  accelerator.levels[0].access_bits = array.word_bits;
  accelerator.levels[0].read_bits_per_cycle = array.bits_per_cycle;
  accelerator.levels[0].fanout.x = array.elements;
  accelerator.levels[1].name = "L1";
  accelerator.levels[1].access_bits = array.word_bits;
  check_accelerator(accelerator);
  return accelerator;
}

}  // namespace nacre
