#include "nacre/ir/weights_file.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <set>

#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"

namespace nacre {
namespace {

static_assert(std::endian::native == std::endian::little, "weights are written as they lie in memory");

struct TypeName {
  ElementType type;
  std::string_view name;
};

constexpr std::array<TypeName, 15> kTypeNames = {{
    {ElementType::float32, "F32"},
    {ElementType::float64, "F64"},
    {ElementType::float16, "F16"},
    {ElementType::bfloat16, "BF16"},
    {ElementType::int8, "I8"},
    {ElementType::int16, "I16"},
    {ElementType::int32, "I32"},
    {ElementType::int64, "I64"},
    {ElementType::uint8, "U8"},
    {ElementType::uint16, "U16"},
    {ElementType::uint32, "U32"},
    {ElementType::uint64, "U64"},
    {ElementType::boolean, "BOOL"},
    {ElementType::float8_e4m3fn, "F8_E4M3"},
    {ElementType::float8_e5m2, "F8_E5M2"},
}};

constexpr uint64_t kMaximumHeaderBytes = uint64_t{100} << 20;

std::string_view type_name(ElementType type, std::string_view tensor) {
  for (const TypeName& entry : kTypeNames) {
    if (entry.type == type) return entry.name;
  }
  throw UserError("weight '" + std::string(tensor) + "' has type " + std::string(element_type_name(type)) +
                  ", which a weights file cannot hold");
}

ElementType type_from_name(const std::string& name) {
  for (const TypeName& entry : kTypeNames) {
    if (entry.name == name) return entry.type;
  }
  return ElementType::undefined;
}

[[noreturn]] void fail(const std::string& origin, const std::string& message) {
  throw UserError(SourcePosition{origin, 0, 0}, message);
}

Tensor read_entry(const std::string& name, const Json& entry, std::string_view data, const std::string& origin) {
  const auto malformed = [&](const std::string& what) { fail(origin, "weight '" + name + "': " + what); };
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string()) malformed("no dtype");
  const ElementType type = type_from_name(entry["dtype"].get<std::string>());
  if (type == ElementType::undefined) malformed("unknown dtype '" + entry["dtype"].get<std::string>() + "'");
  if (!entry.contains("shape") || !entry["shape"].is_array()) malformed("no shape");
  std::vector<int64_t> extents;
  for (const Json& extent : entry["shape"]) {
    if (!extent.is_number_unsigned() || extents.size() == kMaximumRank) malformed("malformed shape");
    extents.push_back(extent.get<int64_t>());
  }
  if (!entry.contains("data_offsets") || !entry["data_offsets"].is_array() || entry["data_offsets"].size() != 2 ||
      !entry["data_offsets"][0].is_number_unsigned() || !entry["data_offsets"][1].is_number_unsigned()) {
    malformed("malformed data_offsets");
  }
  const auto begin = entry["data_offsets"][0].get<uint64_t>();
  const auto end = entry["data_offsets"][1].get<uint64_t>();
  if (begin > end || end > data.size()) malformed("data_offsets past the end of the file");
  const std::optional<int64_t> elements = Shape::fixed(extents).elements();
  if (!elements.has_value() || *elements > (int64_t{1} << 50) ||
      static_cast<uint64_t>(packed_bytes(type, *elements)) != end - begin) {
    malformed("shape and data_offsets disagree");
  }
  Tensor tensor(type, extents);
  if (end > begin) std::memcpy(tensor.mutable_data(), data.data() + begin, end - begin);
  return tensor;
}

}  // namespace

const Tensor* Weights::find(std::string_view name) const {
  for (const auto& [key, tensor] : tensors) {
    if (key == name) return &tensor;
  }
  return nullptr;
}

std::string write_weights_bytes(const Weights& weights) {
  Json header = Json::object();
  if (!weights.metadata.empty()) header["__metadata__"] = weights.metadata;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : weights.tensors) {
    NACRE_CHECK(!header.contains(name), "two weights named " + name);
    const uint64_t size = static_cast<uint64_t>(tensor.bytes());
    header[name] = {{"dtype", type_name(tensor.type(), name)},
                    {"shape", tensor.extents()},
                    {"data_offsets", {offset, offset + size}}};
    offset += size;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes.reserve(sizeof(length) + text.size() + offset);
  bytes += text;
  for (const auto& [name, tensor] : weights.tensors) {
    bytes.append(reinterpret_cast<const char*>(tensor.data()), static_cast<size_t>(tensor.bytes()));
  }
  return bytes;
}

Weights read_weights_bytes(std::string_view bytes, const std::string& origin) {
  uint64_t length = 0;
  if (bytes.size() < sizeof(length)) fail(origin, "not a weights file: shorter than 8 bytes");
  std::memcpy(&length, bytes.data(), sizeof(length));
  if (length > kMaximumHeaderBytes || length > bytes.size() - sizeof(length)) {
    fail(origin, "not a weights file: a header of " + std::to_string(length) + " bytes does not fit");
  }
  const Json header = parse_json(bytes.substr(sizeof(length), length), origin);
  if (!header.is_object()) fail(origin, "not a weights file: the header is no map");
  const std::string_view data = bytes.substr(sizeof(length) + length);
  Weights weights;
  std::set<std::string> seen;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      for (const auto& [key, value] : entry.items()) {
        if (value.is_string()) weights.metadata[key] = value.get<std::string>();
      }
      continue;
    }
    if (!seen.insert(name).second) fail(origin, "weight '" + name + "' stands twice");
    weights.tensors.emplace_back(name, read_entry(name, entry, data, origin));
  }
  return weights;
}

Weights read_weights(const std::filesystem::path& path) { return read_weights_bytes(read_file(path), path.string()); }

std::string write_weights_artifact(const Weights& weights, const std::filesystem::path& folder) {
  const std::string bytes = write_weights_bytes(weights);
  const std::string name = hash_text(bytes).hex() + ".safetensors";
  if (!std::filesystem::exists(folder / name)) write_file_atomically(folder / name, bytes);
  return name;
}

Weights weights_of(const Graph& graph) {
  Weights weights;
  for (const Initializer& initializer : graph.initializers()) {
    if (initializer.data != nullptr)
      weights.tensors.emplace_back(value_text(graph, initializer.value), *initializer.data);
  }
  return weights;
}

void apply_weights(Graph& graph, const Weights& weights) {
  std::map<std::string_view, const Tensor*> by_name;
  for (const auto& [name, tensor] : weights.tensors) by_name[name] = &tensor;
  for (size_t i = 0; i < graph.initializers().size(); ++i) {
    Initializer& initializer = graph.initializer(static_cast<int32_t>(i));
    const std::string name = value_text(graph, initializer.value);
    const Value& value = graph.value(initializer.value);
    const auto found = by_name.find(name);
    if (found == by_name.end()) {
      if (initializer.data != nullptr && !initializer.trainable) continue;  // a constant of the graph
      throw UserError("the weights have no tensor '" + name + "', which the network needs");
    }
    const Tensor& tensor = *found->second;
    if (value.type != tensor.type() || !value.shape.has_value() || !(tensor.shape() == *value.shape)) {
      throw UserError("weight '" + name + "': expected " + std::string(element_type_name(value.type)) + " " +
                      (value.shape ? graph.shape_text(*value.shape) : "?") + ", found " +
                      std::string(element_type_name(tensor.type())) + " " + graph.shape_text(tensor.shape()));
    }
    initializer.data = std::make_shared<const Tensor>(tensor);
  }
}

}  // namespace nacre
