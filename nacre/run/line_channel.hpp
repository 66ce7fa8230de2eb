// JSON objects, one a line, over a stream socket: what the drive loop and its worker processes say to each other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "nacre/base/json.hpp"

namespace nacre {

class LineChannel {
 public:
  // Takes the descriptor over.
  explicit LineChannel(int descriptor) : descriptor_(descriptor) {}
  ~LineChannel();
  LineChannel(LineChannel&& other) noexcept;
  LineChannel& operator=(LineChannel&& other) noexcept;

  int descriptor() const { return descriptor_; }
  bool is_closed() const { return closed_; }  // the other end is gone

  // --- without blocking (the descriptor is O_NONBLOCK)
  void queue(const Json& message) { outgoing_ += message.dump() + "\n"; }
  bool has_outgoing() const { return !outgoing_.empty() && !closed_; }
  void flush();                // writes what the socket takes
  void fill();                 // reads what is there
  std::optional<Json> next();  // a message that was read; UserError when it is malformed

  // --- blocking
  void send(const Json& message);
  std::optional<Json> receive();  // nothing at the end of the stream

 private:
  int descriptor_ = -1;
  bool closed_ = false;
  std::string incoming_;
  size_t searched_ = 0;  // of incoming_, without a line's end
  std::string outgoing_;
};

}  // namespace nacre
