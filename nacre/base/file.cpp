#include "nacre/base/file.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "nacre/base/error.hpp"
#include "nacre/base/json.hpp"

namespace nacre {
namespace {

[[noreturn]] void fail_file(const char* verb, const std::filesystem::path& path) {
  throw UserError(std::string("cannot ") + verb + " '" + path.string() + "': " + std::strerror(errno));
}

void check_size(const std::filesystem::path& path, uint64_t size, uint64_t limit) {
  if (size > limit) {
    throw UserError("'" + path.string() + "' is larger than the limit of " + std::to_string(limit) + " bytes");
  }
}

}  // namespace

std::string read_file(const std::filesystem::path& path, uint64_t limit_bytes) {
  if (std::filesystem::is_directory(path)) throw UserError("'" + path.string() + "' is a folder, expected a file");
  std::ifstream stream(path, std::ios::binary);
  if (!stream) fail_file("read", path);
  std::string content;
  char buffer[1 << 16];
  while (stream.read(buffer, sizeof buffer) || stream.gcount() > 0) {
    content.append(buffer, static_cast<size_t>(stream.gcount()));
    check_size(path, content.size(), limit_bytes);
  }
  return content;
}

std::string read_possibly_gzipped_file(const std::filesystem::path& path, uint64_t limit_bytes) {
  if (std::filesystem::is_directory(path)) throw UserError("'" + path.string() + "' is a folder, expected a file");
  gzFile file = gzopen(path.c_str(), "rb");  // gzread passes content through when it is not gzip
  if (file == nullptr) fail_file("read", path);
  gzbuffer(file, 1 << 17);
  std::string content;
  char buffer[1 << 16];
  int got = 0;
  while ((got = gzread(file, buffer, sizeof buffer)) > 0) {
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > limit_bytes) break;
  }
  int code = Z_OK;
  const std::string reason = gzerror(file, &code);
  const bool truncated = got == 0 && code == Z_BUF_ERROR;
  gzclose(file);
  check_size(path, content.size(), limit_bytes);
  if (got < 0 || truncated) {
    throw UserError("cannot decompress '" + path.string() + "': " + (truncated ? "the file ends too early" : reason));
  }
  return content;
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  if (path.has_parent_path()) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) throw UserError("cannot create folder '" + path.parent_path().string() + "': " + error.message());
  }
  const std::filesystem::path partial = path.string() + ".partial-" + std::to_string(getpid());
  const int descriptor = open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) fail_file("write", path);
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t written = write(descriptor, content.data() + done, content.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int reason = errno;
      close(descriptor);
      unlink(partial.c_str());
      errno = reason;
      fail_file("write", path);
    }
    done += static_cast<size_t>(written);
  }
  fsync(descriptor);
  close(descriptor);
  if (std::rename(partial.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    unlink(partial.c_str());
    errno = reason;
    fail_file("write", path);
  }
}

Json parse_json(std::string_view text, const std::string& origin) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    SourcePosition position{origin, 1, 1};
    for (size_t i = 0; i + 1 < error.byte && i < text.size(); ++i) {
      if (text[i] == '\n') {
        ++position.line;
        position.column = 1;
      } else {
        ++position.column;
      }
    }
    std::string what = error.what();
    const size_t colon = what.rfind("syntax error");
    throw UserError(position, "invalid JSON: " + (colon == std::string::npos ? what : what.substr(colon)));
  } catch (const Json::exception& error) {  // a number that no double holds
    throw UserError(SourcePosition{origin, 0, 0}, "invalid JSON: " + std::string(error.what()));
  }
}

}  // namespace nacre
