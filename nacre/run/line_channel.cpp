#include "nacre/run/line_channel.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "nacre/base/error.hpp"

namespace nacre {

LineChannel::~LineChannel() {
  if (descriptor_ >= 0) close(descriptor_);
}

LineChannel::LineChannel(LineChannel&& other) noexcept { *this = std::move(other); }

LineChannel& LineChannel::operator=(LineChannel&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(closed_, other.closed_);
  std::swap(incoming_, other.incoming_);
  std::swap(searched_, other.searched_);
  std::swap(outgoing_, other.outgoing_);
  return *this;
}

void LineChannel::flush() {
  size_t sent = 0;
  while (sent < outgoing_.size()) {
    const ssize_t count = ::send(descriptor_, outgoing_.data() + sent, outgoing_.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) closed_ = true;
      break;
    }
    sent += static_cast<size_t>(count);
  }
  outgoing_.erase(0, sent);
}

void LineChannel::fill() {
  char buffer[1 << 16];
  while (!closed_) {
    const ssize_t count = recv(descriptor_, buffer, sizeof buffer, 0);
    if (count > 0) {
      incoming_.append(buffer, static_cast<size_t>(count));
      if (static_cast<size_t>(count) < sizeof buffer) return;
    } else if (count == 0) {
      closed_ = true;
    } else if (errno != EINTR) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) closed_ = true;
      return;
    }
  }
}

std::optional<Json> LineChannel::next() {
  const size_t end = incoming_.find('\n', searched_);
  if (end == std::string::npos) {
    searched_ = incoming_.size();
    return std::nullopt;
  }
  const std::string line = incoming_.substr(0, end);
  incoming_.erase(0, end + 1);
  searched_ = 0;
  return parse_json(line, "message between processes");
}

void LineChannel::send(const Json& message) {
  queue(message);
  while (has_outgoing()) flush();
}

std::optional<Json> LineChannel::receive() {
  while (true) {
    if (std::optional<Json> message = next()) return message;
    if (closed_) return std::nullopt;
    fill();
  }
}

}  // namespace nacre
