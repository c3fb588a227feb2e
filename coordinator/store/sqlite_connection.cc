#include "coordinator/store/sqlite_connection.h"

#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/status_macros.h"

namespace keel {
namespace {

absl::StatusCode CodeOf(int sqlite_code, int system_error) {
  // Extended codes have the primary one in their low byte.
  switch (sqlite_code & 0xff) {
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kUnavailable;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::StatusCode::kPermissionDenied;
    case SQLITE_CANTOPEN:
      return absl::StatusCode::kNotFound;
    case SQLITE_IOERR:
      return system_error == ENOSPC || system_error == EDQUOT
                 ? absl::StatusCode::kResourceExhausted
                 : absl::StatusCode::kInternal;
    default:
      return absl::StatusCode::kInternal;
  }
}

std::string ReasonFor(absl::StatusCode code) {
  if (code == absl::StatusCode::kResourceExhausted) return "DISK_FULL";
  return code == absl::StatusCode::kDataLoss ? "DATABASE_DAMAGED" : "";
}

}  // namespace

SqliteRun::SqliteRun(const SqliteConnection& connection,
                     sqlite3_stmt* statement)
    : connection_(connection), statement_(statement) {}

SqliteRun::~SqliteRun() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void SqliteRun::BindBytes(int parameter, std::string_view bytes) {
  // A null pointer would bind NULL, not an empty value.
  sqlite3_bind_blob64(statement_, parameter, bytes.empty() ? "" : bytes.data(),
                      bytes.size(), SQLITE_STATIC);
}

void SqliteRun::BindInteger(int parameter, int64_t value) {
  sqlite3_bind_int64(statement_, parameter, value);
}

absl::StatusOr<bool> SqliteRun::Next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return connection_.Error(code, sqlite3_sql(statement_));
}

std::string SqliteRun::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return std::string(static_cast<const char*>(data), size);
}

int64_t SqliteRun::Integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

SqliteConnection::SqliteConnection(std::string path, sqlite3* handle)
    : path_(std::move(path)), handle_(handle) {}

SqliteConnection::~SqliteConnection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(
    const std::string& path, absl::Duration busy_timeout) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                          SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                      nullptr);
  // Even a failed opening leaves a handle that is to be closed.
  std::unique_ptr<SqliteConnection> connection(
      new SqliteConnection(path, handle));
  if (code != SQLITE_OK) return connection->Error(code, "open");
  sqlite3_busy_timeout(handle, absl::ToInt64Milliseconds(busy_timeout));
  return connection;
}

absl::Status SqliteConnection::Execute(const std::string& sql) {
  const int code =
      sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Error(code, sql);
}

absl::StatusOr<std::string> SqliteConnection::QueryText(
    const std::string& sql) {
  KEEL_ASSIGN_OR_RETURN(const auto run, Start(sql));
  KEEL_ASSIGN_OR_RETURN(const bool row, run->Next());
  if (!row) return Error(SQLITE_ERROR, absl::StrCat(sql, " gave no row"));
  return run->Bytes(0);
}

absl::StatusOr<int64_t> SqliteConnection::QueryInteger(const std::string& sql) {
  KEEL_ASSIGN_OR_RETURN(const auto run, Start(sql));
  KEEL_ASSIGN_OR_RETURN(const bool row, run->Next());
  if (!row) return Error(SQLITE_ERROR, absl::StrCat(sql, " gave no row"));
  return run->Integer(0);
}

absl::StatusOr<std::unique_ptr<SqliteRun>> SqliteConnection::Start(
    const std::string& sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    const int code =
        sqlite3_prepare_v3(handle_, sql.c_str(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return Error(code, sql);
  }
  return std::unique_ptr<SqliteRun>(new SqliteRun(*this, statement));
}

absl::Status SqliteConnection::Rollback() {
  // Some errors have rolled the transaction back already.
  if (sqlite3_get_autocommit(handle_) != 0) return absl::OkStatus();
  return Execute("ROLLBACK");
}

absl::Status SqliteConnection::Error(int code, const std::string& doing) const {
  const char* detail =
      handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_);
  const int system_error =
      handle_ == nullptr ? 0 : sqlite3_system_errno(handle_);
  const absl::Status status(
      CodeOf(code, system_error),
      absl::StrCat("database ", path_, ": ", detail, " (", sqlite3_errstr(code),
                   " ", code, ", at: ", doing, ")"));
  const std::string reason = ReasonFor(status.code());
  return reason.empty() ? status
                        : WithReason(status, {reason, {{"path", path_}}});
}

}  // namespace keel
