#include "recount/record.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace recount {
namespace {

using Json = nlohmann::json;

std::optional<double> number(const Json& from, const char* key) {
  const auto found = from.find(key);
  if (found == from.end() || found->is_null()) return std::nullopt;
  return found->get<double>();
}

template <class Names>
int index_of(const Names& names, const std::string& name, const char* what) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) throw std::runtime_error(std::string("no ") + what + " '" + name + "'");
  return int(found - names.begin());
}

void read_layer(const Json& layer, Record& record) {
  record.name = layer.at("name");
  record.partial_sum_bits = layer.at("partial_sum_bits");
  for (const auto& [name, size] : layer.at("dimensions").items()) {
    record.dimensions.push_back(name);
    record.sizes.push_back(size);
  }
  for (const Json& item : layer.at("tensors")) {
    Tensor tensor{.name = item.at("name"),
                  .output = item.at("role") == "outputs",
                  .bits = item.at("bits"),
                  .density = item.at("density"),
                  .axes = {}};
    for (const Json& axis : item.at("axes")) {
      auto& terms = tensor.axes.emplace_back();
      for (const auto& [name, coefficient] : axis.items())
        terms.push_back({index_of(record.dimensions, name, "dimension"), coefficient});
    }
    record.tensors.push_back(tensor);
  }
}

void read_machine(const Json& machine, Record& record) {
  record.lanes = machine.at("lanes");
  record.rate = machine.at("rate");
  record.mac_energy_j = number(machine, "mac_energy_j");
  record.clock_hz = number(machine, "clock_hz");
  for (const Json& item : machine.at("levels")) {
    Level level{.name = item.at("name"),
                .capacity_bits = number(item, "capacity_bits"),
                .access_bits = item.at("access_bits"),
                .read_bits_per_cycle = number(item, "read_bits_per_cycle"),
                .write_bits_per_cycle = number(item, "write_bits_per_cycle"),
                .shared_bits_per_cycle = number(item, "shared_bits_per_cycle"),
                .read_energy_j = number(item, "read_energy_j"),
                .write_energy_j = number(item, "write_energy_j"),
                .leakage_w = number(item, "leakage_w"),
                .double_buffered = item.at("double_buffered"),
                .holds = item.at("holds").get<std::vector<std::string>>(),
                .x = item.at("x"),
                .y = item.at("y"),
                .multicast = item.at("multicast"),
                .reduction = item.at("reduction"),
                .wire_energy_j = number(item, "wire_energy_j")};
    record.levels.push_back(level);
  }
}

// "DRAM[WIO] K4 P7 | buffer[W] C2 K8:X": by level the loops from outer to inner. What a level keeps is told apart.
void read_mapping(const std::string& text, Record& record) {
  std::istringstream words(text);
  int level = -1;
  for (std::string word; words >> word;) {
    if (word == "|") continue;
    if (const auto open = word.find('['); open != std::string::npos) {
      ++level;
      if (std::size_t(level) >= record.levels.size() || word.substr(0, open) != record.levels[std::size_t(level)].name)
        throw std::runtime_error("level '" + word + "' is not the machine's");
      continue;
    }
    Loop loop{.level = level};
    if (const auto colon = word.find(':'); colon != std::string::npos) {
      loop.kind = word.substr(colon + 1) == "X" ? 'x' : 'y';
      word.resize(colon);
    }
    const auto digits = word.find_last_not_of("0123456789") + 1;
    loop.dimension = index_of(record.dimensions, word.substr(0, digits), "dimension");
    loop.factor = std::stoll(word.substr(digits));
    record.loops.push_back(loop);
  }
  if (std::size_t(level) + 1 != record.levels.size()) throw std::runtime_error("the mapping has too few levels");
  std::vector<int64_t> inside(record.sizes.size(), 1);
  for (std::size_t i = record.loops.size(); i-- > 0;) {
    record.loops[i].step = inside[std::size_t(record.loops[i].dimension)];
    inside[std::size_t(record.loops[i].dimension)] *= record.loops[i].factor;
  }
  for (std::size_t d = 0; d < inside.size(); ++d)
    if (inside[d] < record.sizes[d])
      throw std::runtime_error("dimension '" + record.dimensions[d] + "' is not covered");
}

}  // namespace

Record read_record(const std::string& line) {
  const Json root = Json::parse(line);
  Record record;
  read_layer(root.at("layer"), record);
  read_machine(root.at("machine"), record);
  const Json& rules = root.at("rules");
  record.keep_halos = rules.at("keep_halos");
  record.zero_first_reads = rules.at("zero_first_reads");
  record.read_when_evicted = rules.at("read_when_evicted");
  record.stall_on_exchange = rules.at("stall_on_exchange");
  read_mapping(root.at("mapping"), record);
  const Json& claimed = root.at("claimed");
  record.cycles = claimed.at("cycles");
  record.energy_j = number(claimed, "energy_j");
  std::vector<std::string> levels, tensors;
  for (const Level& level : record.levels) levels.push_back(level.name);
  for (const Tensor& tensor : record.tensors) tensors.push_back(tensor.name);
  for (const Json& names : root.at("keeps")) {
    auto& kept = record.keeps.emplace_back(record.tensors.size(), false);
    for (const Json& name : names) kept[std::size_t(index_of(tensors, name, "tensor"))] = true;
  }
  if (record.keeps.size() != record.levels.size()) throw std::runtime_error("what is kept is not told for each level");
  for (const Json& item : claimed.at("traffic"))
    record.traffic[{index_of(levels, item.at("level"), "level"), index_of(tensors, item.at("tensor"), "tensor")}] = {
        item.at("reads"), item.at("fills"), item.at("updates")};
  return record;
}

}  // namespace recount
