#include "nacre/data/npy.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/data/dataset.hpp"
#include "nacre/data/zip_archive.hpp"

namespace nacre {
namespace {

struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> extents;
};

// The header is a Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const ByteReader& reader) : text_(text), reader_(reader) {}

  NpyHeader parse() {
    NpyHeader header;
    bool seen[3] = {};
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") {
        if (peek() == '[') reader_.fail("holds records (a structured dtype), expected plain numbers");
        header.descr = quoted();
        seen[0] = true;
      } else if (key == "fortran_order") {
        header.fortran_order = boolean();
        seen[1] = true;
      } else if (key == "shape") {
        header.extents = tuple();
        seen[2] = true;
      } else {
        reader_.fail("unknown key '" + key + "' in the NPY header");
      }
      if (!accept(',') && peek() != '}') malformed();
    }
    if (!seen[0] || !seen[1] || !seen[2]) malformed();
    return header;
  }

 private:
  [[noreturn]] void malformed() const { reader_.fail("malformed NPY header: " + std::string(text_.substr(0, 120))); }
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) malformed();
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') malformed();
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) malformed();
    std::string word(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return word;
  }
  bool boolean() {
    peek();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return word == "True";
      }
    }
    malformed();
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> extents;
    expect('(');
    while (!accept(')')) {
      peek();
      int64_t extent = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), extent);
      if (error != std::errc() || extent < 0 || extents.size() == static_cast<size_t>(kMaximumRank)) malformed();
      at_ = static_cast<size_t>(end - text_.data());
      accept('L');  // written by Python 2
      extents.push_back(extent);
      if (!accept(',') && peek() != ')') malformed();
    }
    return extents;
  }

  std::string_view text_;
  const ByteReader& reader_;
  size_t at_ = 0;
};

// NumPy's names of element types, without the byte order.
constexpr std::pair<std::string_view, ElementType> kKinds[] = {
    {"b1", ElementType::boolean}, {"i1", ElementType::int8},    {"i2", ElementType::int16},
    {"i4", ElementType::int32},   {"i8", ElementType::int64},   {"u1", ElementType::uint8},
    {"u2", ElementType::uint16},  {"u4", ElementType::uint32},  {"u8", ElementType::uint64},
    {"f2", ElementType::float16}, {"f4", ElementType::float32}, {"f8", ElementType::float64}};

ElementType element_type_of_descr(std::string_view descr) {
  if (descr.size() < 3) return ElementType::undefined;
  const std::string_view kind = descr.substr(1);
  for (const auto& [name, type] : kKinds) {
    if (kind == name) return type;
  }
  return ElementType::undefined;
}

// Fortran order is C order of the reversed shape, transposed.
Tensor to_row_major(const Tensor& columns, const std::vector<int64_t>& extents) {
  const int64_t width = element_bits(columns.type()) / 8;
  const int rank = static_cast<int>(extents.size());
  UnsetTensor result = make_unset_tensor(columns.type(), extents);
  std::vector<int64_t> strides(extents.size());
  int64_t stride = width;
  for (int axis = 0; axis < rank; ++axis) {
    strides[static_cast<size_t>(axis)] = stride;
    stride *= extents[static_cast<size_t>(axis)];
  }
  std::vector<int64_t> index(extents.size(), 0);
  int64_t from = 0;
  for (int64_t i = 0; i < columns.elements(); ++i) {
    std::memcpy(result.bytes + i * width, columns.data() + from, static_cast<size_t>(width));
    for (int axis = rank - 1; axis >= 0; --axis) {
      const auto a = static_cast<size_t>(axis);
      from += strides[a];
      if (++index[a] < extents[a]) break;
      from -= strides[a] * extents[a];
      index[a] = 0;
    }
  }
  return std::move(result.tensor);
}

}  // namespace

Tensor read_npy(ByteReader& reader) {
  char magic[6] = {};
  reader.read(magic, sizeof magic, "header");
  if (std::memcmp(magic, "\x93NUMPY", sizeof magic) != 0) reader.fail("not an NPY file: the first six bytes are wrong");
  const uint64_t major = reader.read_unsigned(1, false, "header");
  reader.read_unsigned(1, false, "header");
  if (major < 1 || major > 3) reader.fail("NPY version " + std::to_string(major) + ", expected 1 to 3");
  const uint64_t header_size = reader.read_unsigned(major == 1 ? 2 : 4, false, "header");
  if (header_size > (1 << 20)) reader.fail("declares a header of " + std::to_string(header_size) + " bytes");
  std::string text(header_size, '\0');
  reader.read(text.data(), header_size, "header");
  const NpyHeader header = HeaderParser(text, reader).parse();
  const ElementType type = element_type_of_descr(header.descr);
  if (type == ElementType::undefined) {
    reader.fail("element type '" + header.descr +
                "' is not supported, expected booleans, integers or floats of up to 8 bytes");
  }
  const std::optional<int64_t> elements = Shape::fixed(header.extents).elements();
  const int64_t width = element_bits(type) / 8;
  if (!elements || *elements > kDatasetLimitBytes) reader.fail("declares more elements than can be held");
  const auto bytes = static_cast<uint64_t>(*elements * width);
  reader.check_declared(bytes, "elements");
  UnsetTensor result = make_unset_tensor(type, header.extents);
  reader.read(result.bytes, bytes, "elements");
  reader.expect_end();
  if (header.descr[0] == '>') {
    for (uint64_t at = 0; at < bytes; at += static_cast<uint64_t>(width)) {
      std::reverse(result.bytes + at, result.bytes + at + width);
    }
  }
  if (header.fortran_order && header.extents.size() > 1) return to_row_major(result.tensor, header.extents);
  return std::move(result.tensor);
}

Tensor read_npy(const std::filesystem::path& path) { return read_npy(*open_file_reader(path)); }

std::string npy_text(const Tensor& tensor) {
  static_assert(std::endian::native == std::endian::little);
  std::string_view kind;
  for (const auto& [name, type] : kKinds) {
    if (tensor.type() == type) kind = name;
  }
  if (kind.empty()) throw UserError("NPY has no element type for " + std::string(element_type_name(tensor.type())));
  std::string header = "{'descr': '" + std::string(element_bits(tensor.type()) == 8 ? "|" : "<") + std::string(kind) +
                       "', 'fortran_order': False, 'shape': (";
  for (const int64_t extent : tensor.extents()) header += std::to_string(extent) + ",";
  header += "), }";
  constexpr size_t kPrefix = 10;
  header.append(63 - (kPrefix + header.size()) % 64, ' ');  // the elements start at a multiple of 64
  header += '\n';
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(header.size() & 0xff);
  text += static_cast<char>(header.size() >> 8);
  text += header;
  text.append(reinterpret_cast<const char*>(tensor.data()), static_cast<size_t>(tensor.bytes()));
  return text;
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  write_file_atomically(path, npy_text(tensor));
}

std::map<std::string, Tensor, std::less<>> read_npz(const std::filesystem::path& path) {
  const ZipArchive archive(read_file(path), path.string());
  std::map<std::string, Tensor, std::less<>> arrays;
  uint64_t total = 0;
  for (const std::string& name : archive.names()) {
    if (!name.ends_with(".npy")) continue;
    const std::string content = archive.read(name);
    total += content.size();  // entries may share their compressed bytes: the sum is not bounded by the file
    if (total > static_cast<uint64_t>(kDatasetLimitBytes))
      throw UserError("'" + path.string() + "': the arrays are too large");
    arrays[name.substr(0, name.size() - 4)] = read_npy(*open_memory_reader(content, path.string() + "/" + name));
  }
  return arrays;
}

}  // namespace nacre
