#include "nacre/study/sqlite_database.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <utility>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr int kBusyTimeoutMilliseconds = 60'000;

// In a folder that we may not write (a mounted archive) the write-ahead log's helper files cannot be made. Nobody else
// is writing there either when no log is left, so SQLite may read without them.
bool is_unchangeable(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  return access(folder.c_str(), W_OK) != 0 && !std::filesystem::exists(path.string() + "-wal");
}

std::string immutable_uri(const std::filesystem::path& path) {
  std::string uri = "file:";
  for (const char c : path.string()) {
    if (c == '?' || c == '#' || c == '%') {
      constexpr std::string_view kDigits = "0123456789ABCDEF";
      uri += {'%', kDigits[static_cast<unsigned char>(c) >> 4], kDigits[c & 15]};
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

// --- the database -------------------------------------------------------------------------------------------------

SqliteDatabase::SqliteDatabase(const std::filesystem::path& path, Mode mode, std::string description)
    : path_(path), description_(std::move(description)) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= mode == Mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (mode == Mode::create) flags |= SQLITE_OPEN_CREATE;
  std::string name = path.string();
  if (mode == Mode::read_only && is_unchangeable(path)) {
    flags |= SQLITE_OPEN_URI;
    name = immutable_uri(path);
  }
  const int code = sqlite3_open_v2(name.c_str(), &handle_, flags, nullptr);
  if (code != SQLITE_OK) {
    const std::string reason = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
    sqlite3_close(handle_);
    throw UserError("cannot open the " + description_ + " '" + path.string() + "': " + reason);
  }
  sqlite3_busy_timeout(handle_, kBusyTimeoutMilliseconds);
}

SqliteDatabase::~SqliteDatabase() {
  for (const auto& [sql, statement] : idle_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

void SqliteDatabase::fail(int code) {
  const std::string file = "the " + description_ + " '" + path_.string() + "'";
  const std::string reason = sqlite3_errmsg(handle_);
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
      throw UserError(file + " is damaged (" + reason + "); restore it from a copy or choose another output_dir");
    case SQLITE_NOTADB:
      throw UserError(file + " is not a SQLite database; choose another output_dir or remove the file");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw UserError(file + " has been locked by another process for " +
                      std::to_string(kBusyTimeoutMilliseconds / 1000) + " s; stop that process");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG: throw UserError("cannot use " + file + ": " + reason);
    default: throw InternalError("internal error: SQLite on " + file + ": " + reason);
  }
}

void SqliteDatabase::execute(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

int64_t SqliteDatabase::integer(std::string_view sql) {
  SqliteStatement statement(*this, sql);
  NACRE_CHECK(statement.step(), "the query gives one row");
  return statement.integer(0);
}

std::string SqliteDatabase::text(std::string_view sql) {
  SqliteStatement statement(*this, sql);
  NACRE_CHECK(statement.step(), "the query gives one row");
  return statement.text(0);
}

int64_t SqliteDatabase::last_insert_rowid() const { return sqlite3_last_insert_rowid(handle_); }

bool SqliteDatabase::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

sqlite3_stmt* SqliteDatabase::take(const std::string& sql) {
  const auto found = idle_.find(sql);
  if (found != idle_.end()) {
    sqlite3_stmt* statement = found->second;
    idle_.erase(found);
    return statement;
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  if (code != SQLITE_OK) fail(code);
  return statement;
}

void SqliteDatabase::give_back(const std::string& sql, sqlite3_stmt* statement) {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  idle_.emplace(sql, statement);
}

// --- a statement --------------------------------------------------------------------------------------------------

SqliteStatement::SqliteStatement(SqliteDatabase& database, std::string_view sql)
    : database_(database), sql_(sql), statement_(database.take(sql_)) {}

SqliteStatement::~SqliteStatement() { database_.give_back(sql_, statement_); }

SqliteStatement& SqliteStatement::bind(int index, int64_t value) {
  sqlite3_bind_int64(statement_, index, value);
  return *this;
}

SqliteStatement& SqliteStatement::bind(int index, double value) {
  sqlite3_bind_double(statement_, index, value);
  return *this;
}

SqliteStatement& SqliteStatement::bind(int index, std::string_view text) {
  sqlite3_bind_text64(statement_, index, text.data() != nullptr ? text.data() : "", text.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
  return *this;
}

SqliteStatement& SqliteStatement::bind(int index, std::optional<double> value) {
  return value ? bind(index, *value) : bind_null(index);
}

SqliteStatement& SqliteStatement::bind_null(int index) {
  sqlite3_bind_null(statement_, index);
  return *this;
}

bool SqliteStatement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail(code);
  return false;
}

void SqliteStatement::run() {
  while (step()) {
  }
}

int64_t SqliteStatement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double SqliteStatement::real(int column) const { return sqlite3_column_double(statement_, column); }

std::string SqliteStatement::text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return text != nullptr ? std::string(reinterpret_cast<const char*>(text), static_cast<size_t>(size)) : std::string();
}

bool SqliteStatement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

std::optional<double> SqliteStatement::optional_real(int column) const {
  return is_null(column) ? std::nullopt : std::optional(real(column));
}

}  // namespace nacre
