#include "nacre/base/line_channel.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace nacre {
namespace {

// write(2) that reports a closed pipe by EPIPE and never by SIGPIPE, whatever the program does with that signal.
ssize_t write_quietly(int descriptor, const char* data, size_t size) {
  const ssize_t sent = ::send(descriptor, data, size, MSG_NOSIGNAL);
  if (sent >= 0 || errno != ENOTSOCK) return sent;
  sigset_t pipe, pending, before;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  const ssize_t count = ::write(descriptor, data, size);
  const int code = errno;
  if (count < 0 && code == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
    const timespec none{};
    while (sigtimedwait(&pipe, nullptr, &none) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = code;
  return count;
}

}  // namespace

LineChannel::~LineChannel() {
  if (read_ >= 0) close(read_);
  if (write_ >= 0 && write_ != read_) close(write_);
}

LineChannel::LineChannel(LineChannel&& other) noexcept { *this = std::move(other); }

LineChannel& LineChannel::operator=(LineChannel&& other) noexcept {
  std::swap(read_, other.read_);
  std::swap(write_, other.write_);
  std::swap(closed_, other.closed_);
  std::swap(refused_, other.refused_);
  std::swap(close_when_sent_, other.close_when_sent_);
  std::swap(incoming_, other.incoming_);
  std::swap(searched_, other.searched_);
  std::swap(outgoing_, other.outgoing_);
  return *this;
}

void LineChannel::flush() {
  size_t sent = 0;
  while (sent < outgoing_.size() && !refused_) {
    const ssize_t count = write_quietly(write_, outgoing_.data() + sent, outgoing_.size() - sent);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        refused_ = true;
        if (read_ == write_) closed_ = true;
      }
      break;
    }
    sent += static_cast<size_t>(count);
  }
  outgoing_.erase(0, sent);
  if (close_when_sent_ && !has_outgoing() && write_ >= 0) {
    close(write_);
    write_ = -1;
    refused_ = true;
  }
}

void LineChannel::close_outgoing() {
  close_when_sent_ = true;
  flush();
}

// One read: a program that writes faster than it is read must not keep us here, what was read is handed out before the next,
// and a second read of a blocking socket could wait for what never comes.
void LineChannel::fill() {
  char buffer[1 << 16];
  while (!closed_) {
    const ssize_t count = ::read(read_, buffer, sizeof buffer);
    if (count > 0) {
      incoming_.append(buffer, static_cast<size_t>(count));
      return;
    }
    if (count < 0 && errno == EINTR) continue;
    if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) closed_ = true;
    return;
  }
}

std::optional<std::string> LineChannel::next_line() {
  const size_t end = incoming_.find('\n', searched_);
  if (end == std::string::npos) {
    searched_ = incoming_.size();
    return std::nullopt;
  }
  std::string line = incoming_.substr(0, end);
  incoming_.erase(0, end + 1);
  searched_ = 0;
  return line;
}

std::optional<Json> LineChannel::next() {
  const std::optional<std::string> line = next_line();
  if (!line) return std::nullopt;
  return parse_json(*line, "message between processes");
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
