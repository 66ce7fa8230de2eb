// Locks that end with the process that holds them, however it ends.
//
// StudyLock keeps a second master out of a study's folder. DeviceLock keeps the measurements of all nacre processes on a
// machine apart, also those of other studies: a measurement holds its device exclusively, work that would disturb one
// (training) holds it shared. A waiting measurement lets no new shared holder in, so that it is not starved.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace nacre {

// An open file under flock(2); released when it goes. Not inherited by programs that this process starts.
class FileLock {
 public:
  enum class Mode { shared, exclusive };

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

  // Nothing when somebody else holds it. UserError when the file cannot be made. The file's text says who holds it.
  static std::optional<FileLock> try_lock(const std::filesystem::path& path, Mode mode);
  // What the holder wrote, "" when it cannot be read.
  static std::string holder(const std::filesystem::path& path);

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

// Locks `folder` ("study.lock" in it) for one master. UserError naming the other master's process when there is one.
FileLock lock_study_folder(const std::filesystem::path& folder);

// Waits for the device; throws Interrupted when `interrupted` says so meanwhile. `device` is a plain word ("host").
class DeviceLock {
 public:
  DeviceLock(
      const std::string& device, FileLock::Mode mode, const std::function<bool()>& interrupted = [] { return false; });

  // True when somebody waits for the device: a shared holder should let go for a moment.
  static bool is_wanted(const std::string& device);
  // Where the lock files of this machine stand: $NACRE_LOCK_DIR, else a folder of the user in the system's folder for
  // temporary files.
  static std::filesystem::path folder();

 private:
  std::optional<FileLock> lock_;
};

}  // namespace nacre
