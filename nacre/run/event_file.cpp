#include "nacre/run/event_file.hpp"

#include <array>

#include "nacre/ir/protobuf_wire.hpp"

namespace nacre {
namespace {

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0x82F63B78U : 0);
    table[i] = value;
  }
  return table;
}

void append_word(std::string& text, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

// Field numbers of event.proto, summary.proto, tensor.proto and the HParams plugin's messages.
enum Event { kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5 };
enum Summary { kValue = 1 };
enum Value { kTag = 1, kSimpleValue = 2, kTensor = 8, kMetadata = 9 };
enum Metadata { kPluginData = 1 };
enum PluginData { kPluginName = 1, kContent = 2 };
enum HParams { kVersion = 1, kSessionStart = 3, kSessionEnd = 4 };
enum SessionStart { kHyperparameters = 1, kGroupName = 4, kStartTime = 5 };
enum SessionEnd { kStatus = 1, kEndTime = 2 };
enum Status { kSuccess = 1, kFailure = 2 };
enum MapEntry { kKey = 1, kEntryValue = 2 };
enum Struct { kNumber = 2, kString = 3 };  // google.protobuf.Value

}  // namespace

uint32_t crc32c(std::string_view data) {
  static constexpr std::array<uint32_t, 256> kTable = crc_table();
  uint32_t crc = ~uint32_t{0};
  for (const char c : data) crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~crc;
}

uint32_t masked_crc32c(std::string_view data) {
  const uint32_t crc = crc32c(data);
  return (crc >> 15 | crc << 17) + 0xA282EAD8U;
}

EventFile::EventFile(double wall_time_s) {
  WireWriter event;
  event.real64(kWallTime, wall_time_s);
  event.bytes(kFileVersion, "brain.Event:2");
  record(event.buffer());
}

void EventFile::record(std::string_view message) {
  std::string length;
  append_word(length, message.size(), 8);
  content_ += length;
  append_word(content_, masked_crc32c(length), 4);
  content_ += message;
  append_word(content_, masked_crc32c(message), 4);
}

void EventFile::scalar(std::string_view tag, int64_t step, double value, double wall_time_s) {
  WireWriter entry, summary, event;
  entry.bytes(kTag, tag);
  entry.real(kSimpleValue, static_cast<float>(value));
  summary.message(kValue, entry);
  event.real64(kWallTime, wall_time_s);
  event.integer(kStep, step);
  event.message(kSummary, summary);
  record(event.buffer());
}

void EventFile::plugin(std::string_view tag, const std::string& data, double wall_time_s) {
  WireWriter plugin_data, metadata, extent, shape, tensor, entry, summary, event;
  plugin_data.bytes(kPluginName, "hparams");
  plugin_data.bytes(kContent, data);
  metadata.message(kPluginData, plugin_data);
  // TensorBoard drops values without a tensor: one float, which is never read.
  extent.integer(1, 1);
  shape.message(2, extent);
  tensor.integer(1, 1);  // DT_FLOAT
  tensor.message(2, shape);
  tensor.real(5, 0);
  entry.bytes(kTag, tag);
  entry.message(kTensor, tensor);
  entry.message(kMetadata, metadata);
  summary.message(kValue, entry);
  event.real64(kWallTime, wall_time_s);
  event.message(kSummary, summary);
  record(event.buffer());
}

void EventFile::hyperparameters(const std::map<std::string, std::string>& words,
                                const std::map<std::string, double>& numbers, const std::string& group,
                                double wall_time_s) {
  WireWriter start, data;
  const auto add = [&](const std::string& name, const WireWriter& value) {
    WireWriter entry;
    entry.bytes(kKey, name);
    entry.message(kEntryValue, value);
    start.message(kHyperparameters, entry);
  };
  for (const auto& [name, word] : words) {
    WireWriter value;
    value.bytes(kString, word);
    add(name, value);
  }
  for (const auto& [name, number] : numbers) {
    WireWriter value;
    value.real64(kNumber, number);
    add(name, value);
  }
  start.bytes(kGroupName, group);
  start.real64(kStartTime, wall_time_s);
  data.integer(kVersion, 0);
  data.message(kSessionStart, start);
  plugin("_hparams_/session_start_info", data.buffer(), wall_time_s);
}

void EventFile::end(bool success, double wall_time_s) {
  WireWriter end, data;
  end.integer(kStatus, success ? kSuccess : kFailure);
  end.real64(kEndTime, wall_time_s);
  data.integer(kVersion, 0);
  data.message(kSessionEnd, end);
  plugin("_hparams_/session_end_info", data.buffer(), wall_time_s);
}

}  // namespace nacre
