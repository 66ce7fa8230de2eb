#include "nacre/ir/protobuf_wire.hpp"

#include <bit>
#include <cstring>

namespace nacre {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors and wire words are copied as they lie in memory");

// Well-formed UTF-8 (RFC 3629) without zero bytes.
bool is_text(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  for (size_t i = 0; i < text.size();) {
    const uint8_t lead = byte(i);
    if (lead == 0) return false;
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xc2 && lead < 0xe0 ? 2
                          : lead >= 0xe0 && lead < 0xf0 ? 3
                          : lead >= 0xf0 && lead < 0xf5 ? 4
                                                        : 0;
    if (length == 0 || length > text.size() - i) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    }
    // Overlong forms, surrogates and code points past U+10FFFF.
    if (lead == 0xe0 && byte(i + 1) < 0xa0) return false;
    if (lead == 0xed && byte(i + 1) >= 0xa0) return false;
    if (lead == 0xf0 && byte(i + 1) < 0x90) return false;
    if (lead == 0xf4 && byte(i + 1) >= 0x90) return false;
    i += length;
  }
  return true;
}

template <class T>
T read_word(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

// --- reading ------------------------------------------------------------------------------------------------------

void WireReader::fail(const std::string& message) const {
  throw UserError(source_->origin + ": byte " + std::to_string(at_ - source_->file.data()) + ": " + message);
}

WireReader WireReader::message() {
  const std::string_view content = bytes();
  if (--source_->messages_left < 0) fail("more than four million messages; this is no ONNX model");
  return WireReader(content, *source_);
}

uint64_t WireReader::read_varint(const char*& at, const char* end, const WireReader& reader) {
  uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (at == end) reader.fail("the file ends inside a number; it is cut off or no ONNX model");
    const auto byte = static_cast<uint8_t>(*at++);
    if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7fU) << shift;
    if (byte < 0x80) return value;
  }
  reader.fail("a number of more than ten bytes; this is no ONNX model");
}

bool WireReader::next() {
  if (at_ == end_) return false;
  const uint64_t tag = read_varint(at_, end_, *this);
  if (tag >> 32 != 0 || tag >> 3 == 0) fail("a field with an impossible number; this is no ONNX model");
  field_ = static_cast<int>(tag >> 3);
  type_ = static_cast<Type>(tag & 7);
  const auto left = static_cast<uint64_t>(end_ - at_);
  switch (type_) {
    case Type::varint: number_ = read_varint(at_, end_, *this); return true;
    case Type::word32:
      if (left < 4) fail("the file ends inside a number; it is cut off or no ONNX model");
      number_ = read_word<uint32_t>(at_);
      at_ += 4;
      return true;
    case Type::word64:
      if (left < 8) fail("the file ends inside a number; it is cut off or no ONNX model");
      number_ = read_word<uint64_t>(at_);
      at_ += 8;
      return true;
    case Type::bytes: {
      const uint64_t length = read_varint(at_, end_, *this);
      const auto present = static_cast<uint64_t>(end_ - at_);
      if (length > present) {
        fail("field " + std::to_string(field_) + " claims " + std::to_string(length) + " bytes but " +
             std::to_string(present) + " are left; the file is cut off or no ONNX model");
      }
      bytes_ = std::string_view(at_, length);
      at_ += length;
      return true;
    }
    default: fail("an unknown wire type; this is no ONNX model");
  }
}

void WireReader::expect(Type type, const char* expected) const {
  if (type_ != type) fail("field " + std::to_string(field_) + " is not " + expected + "; this is no ONNX model");
}

int64_t WireReader::integer() {
  expect(Type::varint, "an integer");
  return static_cast<int64_t>(number_);
}

float WireReader::real() {
  expect(Type::word32, "a 32-bit number");
  return std::bit_cast<float>(static_cast<uint32_t>(number_));
}

std::string_view WireReader::bytes() {
  expect(Type::bytes, "a string or message");
  return bytes_;
}

std::string_view WireReader::text() {
  expect(Type::bytes, "a string");
  if (!is_text(bytes_)) fail("field " + std::to_string(field_) + " is not valid UTF-8 text");
  return bytes_;
}

void WireReader::append_integers(std::vector<int64_t>& list) {
  if (type_ == Type::varint) {
    list.push_back(static_cast<int64_t>(number_));
    return;
  }
  const std::string_view packed = bytes();
  const char* at = packed.data();
  const char* end = at + packed.size();
  while (at != end) list.push_back(static_cast<int64_t>(read_varint(at, end, *this)));
}

void WireReader::append_reals(std::vector<float>& list) {
  if (type_ == Type::word32) {
    list.push_back(real());
    return;
  }
  const std::string_view packed = bytes();
  if (packed.size() % sizeof(float) != 0)
    fail("a packed list of floats of " + std::to_string(packed.size()) + " bytes");
  const size_t old = list.size();
  list.resize(old + packed.size() / sizeof(float));
  if (!packed.empty()) std::memcpy(list.data() + old, packed.data(), packed.size());
}

void WireReader::append_doubles(std::vector<double>& list) {
  if (type_ == Type::word64) {
    list.push_back(std::bit_cast<double>(number_));
    return;
  }
  const std::string_view packed = bytes();
  if (packed.size() % sizeof(double) != 0)
    fail("a packed list of doubles of " + std::to_string(packed.size()) + " bytes");
  const size_t old = list.size();
  list.resize(old + packed.size() / sizeof(double));
  if (!packed.empty()) std::memcpy(list.data() + old, packed.data(), packed.size());
}

// --- writing ------------------------------------------------------------------------------------------------------

void WireWriter::varint(uint64_t value) {
  while (value >= 0x80) {
    buffer_.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  buffer_.push_back(static_cast<char>(value));
}

void WireWriter::integer(int field, int64_t value) {
  varint(static_cast<uint64_t>(field) << 3);
  varint(static_cast<uint64_t>(value));
}

void WireWriter::real(int field, float value) {
  varint(static_cast<uint64_t>(field) << 3 | 5);
  const auto word = std::bit_cast<uint32_t>(value);
  buffer_.append(reinterpret_cast<const char*>(&word), sizeof word);
}

void WireWriter::real64(int field, double value) {
  varint(static_cast<uint64_t>(field) << 3 | 1);
  const auto word = std::bit_cast<uint64_t>(value);
  buffer_.append(reinterpret_cast<const char*>(&word), sizeof word);
}

void WireWriter::bytes(int field, std::string_view value) {
  varint(static_cast<uint64_t>(field) << 3 | 2);
  varint(value.size());
  buffer_.append(value);
}

}  // namespace nacre
