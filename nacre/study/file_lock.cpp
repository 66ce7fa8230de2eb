#include "nacre/study/file_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>
#include <utility>

#include "nacre/base/error.hpp"

namespace nacre {

// --- FileLock -----------------------------------------------------------------------------------------------------

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);  // the lock goes with the open file
}

std::optional<FileLock> FileLock::try_lock(const std::filesystem::path& path, Mode mode) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) throw UserError("cannot make the lock file '" + path.string() + "': " + std::strerror(errno));
  FileLock lock(descriptor);
  int code = 0;
  do {
    code = flock(descriptor, (mode == Mode::shared ? LOCK_SH : LOCK_EX) | LOCK_NB);
  } while (code != 0 && errno == EINTR);
  if (code != 0) {
    if (errno == EWOULDBLOCK) return std::nullopt;
    throw UserError("cannot lock '" + path.string() + "': " + std::strerror(errno));
  }
  if (mode == Mode::exclusive) {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    const std::string text = fmt::format("process {} on {}\n", getpid(), host);
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, text.data(), text.size(), 0) < 0) {
      throw UserError("cannot write the lock file '" + path.string() + "': " + std::strerror(errno));
    }
  }
  return lock;
}

std::string FileLock::holder(const std::filesystem::path& path) {
  std::ifstream stream(path);
  std::string line;
  std::getline(stream, line);
  return line;
}

FileLock lock_study_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw UserError("cannot create the folder '" + folder.string() + "': " + error.message());
  const std::filesystem::path path = folder / "study.lock";
  std::optional<FileLock> lock = FileLock::try_lock(path, FileLock::Mode::exclusive);
  if (lock) return std::move(*lock);
  const std::string holder = FileLock::holder(path);
  throw UserError("the study in '" + folder.string() + "' is being worked on by " +
                  (holder.empty() ? std::string("another process") : holder) +
                  "; wait for it, stop it, or choose another output_dir");
}

// --- DeviceLock ---------------------------------------------------------------------------------------------------

std::filesystem::path DeviceLock::folder() {
  if (const char* given = std::getenv("NACRE_LOCK_DIR"); given != nullptr && *given != '\0') return given;
  return std::filesystem::temp_directory_path() / ("nacre-locks-" + std::to_string(getuid()));
}

bool DeviceLock::is_wanted(const std::string& device) {
  std::filesystem::create_directories(folder());
  return !FileLock::try_lock(folder() / (device + ".turnstile"), FileLock::Mode::shared).has_value();
}

DeviceLock::DeviceLock(const std::string& device, FileLock::Mode mode, const std::function<bool()>& interrupted) {
  NACRE_CHECK(!device.empty() && device.find('/') == std::string::npos, "a device's name is a plain word");
  std::filesystem::create_directories(folder());
  const std::filesystem::path path = folder() / (device + ".lock");
  const std::filesystem::path turnstile_path = folder() / (device + ".turnstile");
  // Everybody passes the turnstile; a measurement stays in it until the shared holders have left.
  std::optional<FileLock> turnstile;
  while (true) {
    if (!turnstile) turnstile = FileLock::try_lock(turnstile_path, FileLock::Mode::exclusive);
    if (turnstile) lock_ = FileLock::try_lock(path, mode);
    if (lock_) return;
    if (mode == FileLock::Mode::shared) turnstile.reset();
    if (interrupted()) throw Interrupted();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace nacre
