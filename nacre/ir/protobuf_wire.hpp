// The protocol-buffer wire format, read in place and written forward.
//
// ONNX files are protocol buffers, and nacre reads them without libprotobuf, for four reasons: libtorch builds bring their
// own copy of it (two copies in one process abort or corrupt each other); weights need no second copy in memory; every
// length is checked against the bytes that are present before anything is allocated; and the fuzzer sees all the code. The
// format is five rules (protobuf.dev, "Encoding"): a message is a row of (tag, payload); a tag is field * 8 + wire type;
// numbers are varints or little-endian words; strings, messages and packed lists are a length and that many bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/error.hpp"

namespace nacre {

// Walks the fields of one message. Bytes are not copied: views point into the caller's buffer.
//
//   while (reader.next()) switch (reader.field()) { case 1: name = reader.text(); break; ... }
//
// A field that is not read is skipped. Malformed bytes are a UserError that names `origin` and the offset.
class WireReader {
 public:
  // What all readers of one file share. Decoded messages take up to a hundred times their bytes (an empty one takes two),
  // so their number is bounded.
  struct Source {
    std::string_view file;
    std::string origin;
    int64_t messages_left = int64_t{1} << 22;
  };

  // `source` must outlive the reader and all readers made from it.
  explicit WireReader(Source& source) : WireReader(source.file, source) {}

  // Advances to the next field; false at the end of the message.
  bool next();
  int field() const { return field_; }

  int64_t integer();         // of a varint field
  float real();              // of a 32-bit field
  std::string_view bytes();  // of a length-delimited field
  std::string_view text();   // the same, checked to be UTF-8 without zero bytes
  WireReader message();

  // Repeated numbers arrive one by one or packed; both are appended.
  void append_integers(std::vector<int64_t>& list);
  void append_reals(std::vector<float>& list);
  void append_doubles(std::vector<double>& list);

  const std::string& origin() const { return source_->origin; }
  [[noreturn]] void fail(const std::string& message) const;

 private:
  WireReader(std::string_view bytes, Source& source)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()), source_(&source) {}

  enum class Type : uint8_t { varint = 0, word64 = 1, bytes = 2, group_begin = 3, group_end = 4, word32 = 5 };

  static uint64_t read_varint(const char*& at, const char* end, const WireReader& reader);
  void expect(Type type, const char* expected) const;

  const char* at_;
  const char* end_;
  Source* source_;
  int field_ = 0;
  Type type_ = Type::varint;
  uint64_t number_ = 0;     // payload of varint and word types
  std::string_view bytes_;  // payload of the bytes type
};

// Appends fields to a string. Nested messages are built in a writer of their own and appended.
class WireWriter {
 public:
  void integer(int field, int64_t value);
  void real(int field, float value);
  void real64(int field, double value);
  void bytes(int field, std::string_view value);
  void message(int field, const WireWriter& value) { bytes(field, value.buffer_); }

  const std::string& buffer() const { return buffer_; }
  std::string take() { return std::move(buffer_); }
  void reserve(size_t size) { buffer_.reserve(size); }

 private:
  void varint(uint64_t value);
  std::string buffer_;
};

}  // namespace nacre
