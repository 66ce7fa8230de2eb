// TensorBoard's event files: a TFRecord file of Event messages, written without TensorFlow.
//
//   record: length (8 bytes), masked CRC-32C of the length (4), message, masked CRC-32C of the message (4)
//
// tensorflow/core/lib/io/record_writer.h, core/util/event.proto, core/framework/summary.proto; the mask keeps a CRC of data
// that holds CRCs from being weak.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace nacre {

// Castagnoli's polynomial, reflected (RFC 3720, appendix B.4).
uint32_t crc32c(std::string_view data);
uint32_t masked_crc32c(std::string_view data);

// The content of one event file.
class EventFile {
 public:
  explicit EventFile(double wall_time_s);

  void scalar(std::string_view tag, int64_t step, double value, double wall_time_s);
  // What the HParams plugin shows beside the run: words and numbers it was made with, and whether it ended well.
  void hyperparameters(const std::map<std::string, std::string>& words, const std::map<std::string, double>& numbers,
                       const std::string& group, double wall_time_s);
  void end(bool success, double wall_time_s);

  const std::string& content() const { return content_; }

 private:
  void record(std::string_view message);
  void plugin(std::string_view tag, const std::string& data, double wall_time_s);
  std::string content_;
};

}  // namespace nacre
