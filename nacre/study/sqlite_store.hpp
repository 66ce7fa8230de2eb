// A study in one SQLite file.
//
// Durability: write-ahead log with synchronous=NORMAL. What a call has recorded survives any end of the process (kill -9,
// crash) at any moment. A loss of power or a crash of the operating system may take the last transactions since the
// log was last synchronised (a checkpoint or flush()), never part of one, and never damages the file. Reading never
// synchronises. Several processes may use one file at once; the file must be on a local disk (WAL needs shared memory).
//
// For people with the sqlite3 shell: table `trials` (one row per trial; `body` is JSON), `metrics` (trial, name, value or
// NULL when unknown, unit, origin, source, count, spread), `artifacts`, `sittings`, `devices`, `events` (the log).
//   SELECT t.number, m.value FROM trials t JOIN metrics m ON m.trial = t.number WHERE m.name = 'accuracy' ORDER BY 2 DESC;
#pragma once

#include <filesystem>
#include <memory>

#include "nacre/study/store.hpp"

namespace nacre {

// Of the tables and events; a file of a newer one is refused.
inline constexpr int64_t kStudySchemaVersion = 1;

enum class StoreMode {
  open_or_create,
  open,       // UserError when there is none
  read_only,  // as open; commands are refused by SQLite
};

// UserError when the file is damaged, is not a study, was written by a newer nacre, or cannot be used.
std::unique_ptr<Store> open_sqlite_store(const std::filesystem::path& path, StoreMode mode,
                                         Store::Clock clock = wall_clock_s);

}  // namespace nacre
