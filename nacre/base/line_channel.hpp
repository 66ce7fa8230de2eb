// Text lines, most of them JSON objects, over sockets or pipes: what nacre says to its worker processes and to the programs
// that a user names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "nacre/base/json.hpp"

namespace nacre {

class LineChannel {
 public:
  // Takes the descriptors over; -1 for a direction that is not used. One number twice is a socket.
  LineChannel(int incoming, int outgoing) : read_(incoming), write_(outgoing) {}
  explicit LineChannel(int socket) : LineChannel(socket, socket) {}
  ~LineChannel();
  LineChannel(LineChannel&& other) noexcept;
  LineChannel& operator=(LineChannel&& other) noexcept;

  int release() { return std::exchange(read_, write_ = -1); }  // of a socket: no longer this object's

  int descriptor() const { return read_; }
  int outgoing_descriptor() const { return write_; }
  bool is_closed() const { return closed_; }  // nothing more will come

  // --- without blocking (the descriptors are O_NONBLOCK)
  void queue(const Json& message) { queue_text(message.dump() + "\n"); }
  void queue_text(const std::string& text) { outgoing_ += text; }
  bool has_outgoing() const { return !outgoing_.empty() && !refused_; }
  void flush();                // writes what the other side takes
  void fill();                 // reads what is there
  std::optional<Json> next();  // a message that was read; UserError when it is malformed
  std::optional<std::string> next_line();
  // What came after the last whole line: the end of a text without a final line's end, or a line that never ends.
  const std::string& unfinished() const { return incoming_; }
  // The other side reads its end after what is queued. Not for sockets.
  void close_outgoing();

  // --- blocking
  void send(const Json& message);
  std::optional<Json> receive();  // nothing at the end of the stream

 private:
  int read_ = -1;
  int write_ = -1;
  bool closed_ = false;
  bool refused_ = false;  // the other side reads no more
  bool close_when_sent_ = false;
  std::string incoming_;
  size_t searched_ = 0;  // of incoming_, without a line's end
  std::string outgoing_;
};

}  // namespace nacre
