#include "nacre/run/mapping_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"

namespace nacre {
namespace {

// The file, open and locked until it goes.
class LockedFile {
 public:
  LockedFile(const std::filesystem::path& path, int flags, int lock)
      : path_(path), descriptor_(open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) fail("opened");
    while (flock(descriptor_, lock) != 0)
      if (errno != EINTR) fail("locked");
  }
  ~LockedFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  // Takes off what stands behind the last line break.
  void cut_torn_line() const {
    struct stat state = {};
    if (fstat(descriptor_, &state) != 0) fail("read");
    off_t end = state.st_size;
    char last = '\n';
    while (end > 0 && pread(descriptor_, &last, 1, end - 1) == 1 && last != '\n') --end;
    if (end < state.st_size && ftruncate(descriptor_, end) != 0) fail("written");
  }

  void write_all(const std::string& text) const {
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t written = write(descriptor_, text.data() + done, text.size() - done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("written");
      done += static_cast<std::size_t>(written);
    }
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw UserError("'" + path_.string() + "' cannot be " + what + ": " + std::strerror(errno));
  }

  const std::filesystem::path& path_;
  int descriptor_ = -1;
};

}  // namespace

std::string MappingFile::read() {
  std::error_code ignored;
  if (!std::filesystem::exists(path_, ignored)) return "";
  const LockedFile lock(path_, O_RDONLY, LOCK_SH);
  std::string text = read_file(path_);
  text.resize(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
  return text;
}

void MappingFile::append(const std::string& line) {
  std::error_code ignored;
  if (path_.has_parent_path() && !std::filesystem::is_directory(path_.parent_path(), ignored)) return;
  const LockedFile file(path_, O_RDWR | O_CREAT | O_APPEND, LOCK_EX);
  file.cut_torn_line();
  file.write_all(line);
}

}  // namespace nacre
