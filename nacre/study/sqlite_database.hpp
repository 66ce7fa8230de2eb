// SQLite's C interface as values that close themselves and errors that say what to do. sqlite3.h stays behind this file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace nacre {

class SqliteDatabase;

// A prepared statement in use; returned to the database's cache, reset, when it goes.
//   for (auto s = database.prepare("SELECT a FROM t WHERE b = ?"); s.bind(1, 7), s.step();) use(s.integer(0));
class SqliteStatement {
 public:
  SqliteStatement(SqliteDatabase& database, std::string_view sql);
  ~SqliteStatement();
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  // Parameters count from 1. Text is not copied: it must outlive the statement.
  SqliteStatement& bind(int index, int64_t value);
  SqliteStatement& bind(int index, double value);  // NaN becomes NULL
  SqliteStatement& bind(int index, std::string_view text);
  SqliteStatement& bind(int index, std::optional<double> value);
  SqliteStatement& bind_null(int index);

  bool step();  // true: a row is there; false: done
  void run();   // to the end, rows ignored

  // Columns count from 0.
  int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  bool is_null(int column) const;
  std::optional<double> optional_real(int column) const;

 private:
  SqliteDatabase& database_;
  std::string sql_;
  sqlite3_stmt* statement_ = nullptr;
};

class SqliteDatabase {
 public:
  enum class Mode { read_only, read_write, create };

  // UserError when the file cannot be opened. `description` names the file's role in messages ("study").
  SqliteDatabase(const std::filesystem::path& path, Mode mode, std::string description);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  void execute(const char* sql);  // one or several statements without parameters
  SqliteStatement prepare(std::string_view sql) { return SqliteStatement(*this, sql); }
  int64_t integer(std::string_view sql);  // of a query with one number
  std::string text(std::string_view sql);
  int64_t last_insert_rowid() const;
  // Tells whether a transaction is open (SQLite rolls back by itself on some errors).
  bool in_transaction() const;
  const std::filesystem::path& path() const { return path_; }

  // Throws: UserError for a damaged, locked, full or read-only file, else InternalError.
  [[noreturn]] void fail(int code);

 private:
  friend class SqliteStatement;
  sqlite3_stmt* take(const std::string& sql);
  void give_back(const std::string& sql, sqlite3_stmt* statement);

  std::filesystem::path path_;
  std::string description_;
  sqlite3* handle_ = nullptr;
  std::multimap<std::string, sqlite3_stmt*> idle_;  // prepared once, used many times
};

}  // namespace nacre
