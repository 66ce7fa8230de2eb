// What is particular to the SQLite store: it outlives its process, refuses what is no study, and synchronises rarely.
#include "nacre/study/sqlite_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/random.hpp"
#include "nacre/study/sqlite_database.hpp"
#include "tests/study/store_fixture.hpp"

// Counts how often anything in this program waits for the disk: SQLite finds these in place of the C library's.
namespace {
std::atomic<int64_t> synchronisations{0};
}
extern "C" int fsync(int descriptor) {
  ++synchronisations;
  return static_cast<int>(syscall(SYS_fsync, descriptor));
}
extern "C" int fdatasync(int descriptor) {
  ++synchronisations;
  return static_cast<int>(syscall(SYS_fdatasync, descriptor));
}

namespace nacre {
namespace {

using test::asked_trial;
using test::told_trial;

class SqliteStudy : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "study.sqlite"; }
  std::unique_ptr<Store> open(StoreMode mode = StoreMode::open_or_create) const {
    return open_sqlite_store(path(), mode);
  }
  static void fill(Store& store, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      store.record_ask(asked_trial(store.next_ask_number()));
      const Lease lease = *store.lease_next("w", {});
      store.tell(lease, told_trial(lease.trial));
    }
  }
  std::string refusal(StoreMode mode = StoreMode::open_or_create) const {
    try {
      open(mode)->trials();
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }

  test::TemporaryFolder folder_;
};

TEST_F(SqliteStudy, OutlivesItsProcess) {
  std::string tables;
  {
    const std::unique_ptr<Store> store = open();
    store->create_study({{{"a", 1}}, {}, "0.1.0"});
    store->begin_sitting({{"host", "x"}});
    fill(*store, 5);
    tables = store->tables_text();
  }
  EXPECT_EQ(open(StoreMode::open)->tables_text(), tables);
  EXPECT_EQ(open(StoreMode::read_only)->tables_text(), tables);
}

TEST_F(SqliteStudy, NothingRecordedIsLostToSigkill) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::unique_ptr<Store> store = open();
    for (int64_t told = 0;;) {
      fill(*store, 1);
      ++told;
      if (write(ready[1], &told, sizeof told) != sizeof told) _exit(1);
    }
  }
  int64_t told = 0;
  while (told < 50) ASSERT_EQ(read(ready[0], &told, sizeof told), static_cast<ssize_t>(sizeof told));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[1]);
  while (read(ready[0], &told, sizeof told) == static_cast<ssize_t>(sizeof told)) {
  }
  close(ready[0]);
  const std::unique_ptr<Store> store = open(StoreMode::open);
  EXPECT_GE(store->status_counts()[TrialStatus::ok], told);
  const std::string tables = store->tables_text();
  store->rebuild();
  EXPECT_EQ(store->tables_text(), tables);
}

TEST_F(SqliteStudy, NeitherReadingNorRecordingWaitsForTheDisk) {
  const std::unique_ptr<Store> store = open();
  fill(*store, 20);
  store->flush();
  fill(*store, 1);  // the first write after a checkpoint may synchronize the log's new header
  const int64_t before = synchronisations;
  fill(*store, 20);
  EXPECT_EQ(synchronisations, before);  // 60 transactions, not enough for a checkpoint
  for (int i = 0; i < 20; ++i) {
    store->trials();
    store->find_result("key3");
    store->status_counts();
    store->tables_text();
  }
  EXPECT_EQ(synchronisations, before);
  store->flush();
  EXPECT_GT(synchronisations, before);  // the count works, and flush() reaches the disk
}

TEST_F(SqliteStudy, MetricsCanBeQueriedUnknownOnesAreNull) {
  fill(*open(), 3);
  SqliteDatabase database(path(), SqliteDatabase::Mode::read_only, "study");
  EXPECT_EQ(database.integer("SELECT count(*) FROM metrics WHERE name = 'latency_s' AND value IS NULL AND unit = 's'"),
            3);
  EXPECT_EQ(database.text("SELECT origin || ' ' || source || ' ' || count || ' ' || spread FROM metrics "
                          "WHERE name = 'accuracy' AND trial = 1"),
            "trained validation split 360 0.01");
  EXPECT_EQ(database.integer("SELECT t.number FROM trials t JOIN metrics m ON m.trial = t.number WHERE m.name = 'macs' "
                             "ORDER BY m.value DESC LIMIT 1"),
            2);
}

TEST_F(SqliteStudy, TheLogIsAppendOnly) {
  fill(*open(), 1);
  SqliteDatabase database(path(), SqliteDatabase::Mode::read_write, "study");
  EXPECT_THROW(database.execute("UPDATE events SET payload = '{}'"), InternalError);
  EXPECT_THROW(database.execute("DELETE FROM events"), InternalError);
}

TEST_F(SqliteStudy, AReadOnlyStudyRefusesCommands) {
  open();
  const std::unique_ptr<Store> store = open(StoreMode::read_only);
  EXPECT_THROW(store->record_ask(asked_trial(0)), UserError);
  EXPECT_EQ(store->trial_count(), 0);
}

// --- refusals

TEST_F(SqliteStudy, RefusesAMissingFile) {
  EXPECT_EQ(refusal(StoreMode::open), "there is no study '" + path().string() + "'; nacre search begins one");
  EXPECT_EQ(refusal(StoreMode::read_only), "there is no study '" + path().string() + "'; nacre search begins one");
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(SqliteStudy, RefusesWhatIsNoDatabase) {
  write_file_atomically(path(), std::string(5000, 'x'));
  EXPECT_EQ(refusal(), "the study '" + path().string() +
                           "' is not a SQLite database; choose another output_dir or remove the file");
  EXPECT_EQ(read_file(path()), std::string(5000, 'x'));
}

TEST_F(SqliteStudy, RefusesAnotherProgramsDatabase) {
  SqliteDatabase(path(), SqliteDatabase::Mode::create, "test").execute("CREATE TABLE t (a)");
  EXPECT_EQ(refusal(), "'" + path().string() + "' is not a nacre study; choose another output_dir or remove the file");
}

TEST_F(SqliteStudy, AnEmptyFileIsAStudyThatWasKilledWhileItBegan) {
  write_file_atomically(path(), "");
  EXPECT_THAT(refusal(StoreMode::open), testing::HasSubstr("is not a nacre study"));
  EXPECT_EQ(refusal(StoreMode::open_or_create), "no error");
  EXPECT_EQ(refusal(StoreMode::open), "no error");
}

TEST_F(SqliteStudy, RefusesANewerFormat) {
  open();
  SqliteDatabase(path(), SqliteDatabase::Mode::read_write, "study").execute("PRAGMA user_version = 99");
  EXPECT_EQ(refusal(), "the study '" + path().string() + "' has format 99, this nacre reads up to " +
                           std::to_string(kStudySchemaVersion) + "; use the newer nacre that wrote it");
}

TEST_F(SqliteStudy, RefusesAnEventOfANewerNacre) {
  open();
  SqliteDatabase(path(), SqliteDatabase::Mode::read_write, "study")
      .execute("INSERT INTO events (time_s, kind, trial, payload) VALUES (0, 'teleported', -1, '{}')");
  const std::unique_ptr<Store> store = open();
  EXPECT_THROW(store->rebuild(), UserError);
}

TEST_F(SqliteStudy, ATruncatedStudyIsRefusedWhereverItEnds) {
  {
    const std::unique_ptr<Store> store = open();
    fill(*store, 100);
    store->flush();
  }
  const std::string whole = read_file(path());
  ASSERT_GT(whole.size(), 100'000u);
  for (const double share : {0.0001, 0.01, 0.3, 0.6, 0.9, 0.999}) {
    std::ofstream(path(), std::ios::binary | std::ios::trunc)
        << whole.substr(0, static_cast<size_t>(share * static_cast<double>(whole.size())));
    const std::string message = refusal(StoreMode::open);
    EXPECT_THAT(message, testing::AnyOf(testing::HasSubstr("is damaged"), testing::HasSubstr("is not a"))) << share;
    EXPECT_THAT(message, testing::HasSubstr(path().string()));
  }
}

TEST_F(SqliteStudy, RandomDamageNeverCrashesAndNeverBlamesNacre) {
  {
    const std::unique_ptr<Store> store = open();
    fill(*store, 40);
    store->flush();
  }
  const std::string whole = read_file(path());
  Random random(8);
  int refused = 0;
  for (int round = 0; round < 60; ++round) {
    std::string damaged = whole;
    for (int i = 0; i < 20; ++i) damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << damaged;
    std::filesystem::remove(path().string() + "-wal");
    std::filesystem::remove(path().string() + "-shm");
    try {
      const std::unique_ptr<Store> store = open(StoreMode::open);
      store->tables_text();
      store->rebuild();
    } catch (const UserError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 20);
}

}  // namespace
}  // namespace nacre
