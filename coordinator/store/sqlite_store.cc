#include "coordinator/store/sqlite_store.h"

#include <filesystem>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/store/table_names.h"

namespace keel {
namespace {

// Marks the file as Keel's: "Keel" in ASCII.
constexpr int64_t kApplicationId = 0x4b65656c;
// Grows with every change that an older program could not read.
constexpr int64_t kSchema = 1;
constexpr int64_t kPageBytes = 4096;

absl::Status CheckTable(std::string_view table) {
  if (IsTable(table)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("no table \"", std::string(table), "\""));
}

int64_t Checksum(std::string_view table, std::string_view key,
                 std::string_view value) {
  return Crc32(value, Crc32(key, Crc32(table)));
}

// The smallest key that is greater than all that start with `prefix`; none,
// if there is no such key.
std::optional<std::string> EndOfPrefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xff) {
    end.pop_back();
  }
  if (end.empty()) return std::nullopt;
  ++end.back();
  return end;
}

// A value with its checksum, at two neighbouring columns.
absl::StatusOr<std::string> CheckedValue(const SqliteRun& run, int column,
                                         const std::string& path,
                                         std::string_view table,
                                         std::string_view key) {
  std::string value = run.Bytes(column);
  if (run.Integer(column + 1) == Checksum(table, key, value)) return value;
  return WithReason(
      absl::DataLossError(absl::StrCat(
          "database ", path, ": the value of key \"", std::string(key),
          "\" in table ", std::string(table), " does not match its checksum")),
      {"DATABASE_DAMAGED", {{"path", path}}});
}

// A file of this program, of a schema that it knows, or an empty one.
absl::Status CheckSchema(SqliteConnection& connection) {
  KEEL_ASSIGN_OR_RETURN(
      const int64_t objects,
      connection.QueryInteger("SELECT count(*) FROM sqlite_schema"));
  KEEL_ASSIGN_OR_RETURN(const int64_t id,
                        connection.QueryInteger("PRAGMA application_id"));
  KEEL_ASSIGN_OR_RETURN(const int64_t schema,
                        connection.QueryInteger("PRAGMA user_version"));
  const bool empty = objects == 0 && id == 0 && schema == 0;
  if (!empty && id != kApplicationId) {
    return absl::FailedPreconditionError(
        absl::StrCat(connection.path(), " is the database of another program"));
  }
  if (schema <= kSchema) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("database ", connection.path(), " has schema ", schema,
                   "; this version of Keel knows those up to ", kSchema));
}

absl::Status UseWriteAheadLog(SqliteConnection& connection) {
  KEEL_ASSIGN_OR_RETURN(const std::string mode,
                        connection.QueryText("PRAGMA journal_mode=WAL"));
  if (mode == "wal") return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "database ", connection.path(), " cannot have a write-ahead log: ",
      "its file system has no shared memory"));
}

absl::Status CreateTables(SqliteConnection& connection) {
  std::string sql =
      absl::StrCat("BEGIN IMMEDIATE; PRAGMA application_id=", kApplicationId,
                   "; PRAGMA user_version=", kSchema, ";");
  for (std::string_view name : table::kAll) {
    absl::StrAppend(&sql, "CREATE TABLE IF NOT EXISTS ", std::string(name),
                    " (key BLOB NOT NULL PRIMARY KEY, value BLOB NOT NULL,"
                    " checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID;");
  }
  return connection.Execute(absl::StrCat(sql, "COMMIT"));
}

absl::Status Prepare(SqliteConnection& writer,
                     const SqliteStore::Options& options) {
  KEEL_RETURN_IF_ERROR(CheckSchema(writer));
  KEEL_RETURN_IF_ERROR(UseWriteAheadLog(writer));
  KEEL_RETURN_IF_ERROR(writer.Execute("PRAGMA synchronous=FULL"));
  KEEL_RETURN_IF_ERROR(writer.Execute("PRAGMA cell_size_check=ON"));
  KEEL_RETURN_IF_ERROR(CreateTables(writer));
  if (options.max_bytes > 0) {
    const std::string sql =
        absl::StrCat("PRAGMA max_page_count=", options.max_bytes / kPageBytes);
    KEEL_RETURN_IF_ERROR(writer.QueryInteger(sql).status());
  }
  // SQLite syncs the folder for its log, not for a new database.
  const std::string folder =
      std::filesystem::path(options.path).parent_path().string();
  return SyncDirectory(folder.empty() ? "." : folder);
}

}  // namespace

SqliteStore::SqliteStore(std::unique_ptr<SqliteConnection> reader,
                         std::unique_ptr<SqliteConnection> writer)
    : reader_(std::move(reader)), writer_(std::move(writer)) {}

absl::StatusOr<std::unique_ptr<Store>> SqliteStore::Open(
    const Options& options) {
  KEEL_ASSIGN_OR_RETURN(
      auto writer, SqliteConnection::Open(options.path, options.busy_timeout));
  KEEL_RETURN_IF_ERROR(Prepare(*writer, options));
  KEEL_ASSIGN_OR_RETURN(
      auto reader, SqliteConnection::Open(options.path, options.busy_timeout));
  KEEL_RETURN_IF_ERROR(reader->Execute("PRAGMA query_only=ON"));
  KEEL_RETURN_IF_ERROR(reader->Execute("PRAGMA cell_size_check=ON"));
  return std::unique_ptr<Store>(
      new SqliteStore(std::move(reader), std::move(writer)));
}

absl::StatusOr<std::unique_ptr<Store>> SqliteStore::Open(
    const std::string& path) {
  Options options;
  options.path = path;
  return Open(options);
}

absl::StatusOr<std::string> SqliteStore::Get(std::string_view table,
                                             std::string_view key) {
  KEEL_RETURN_IF_ERROR(CheckTable(table));
  absl::MutexLock lock(&read_mutex_);
  KEEL_ASSIGN_OR_RETURN(
      const auto run,
      reader_->Start(absl::StrCat("SELECT value, checksum FROM ",
                                  std::string(table), " WHERE key=?1")));
  run->BindBytes(1, key);
  KEEL_ASSIGN_OR_RETURN(const bool found, run->Next());
  if (found) return CheckedValue(*run, 0, reader_->path(), table, key);
  return absl::NotFoundError(absl::StrCat("no key \"", std::string(key),
                                          "\" in table ", std::string(table)));
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>>
SqliteStore::Scan(std::string_view table, std::string_view prefix,
                  std::string_view after, int limit) {
  KEEL_RETURN_IF_ERROR(CheckTable(table));
  // The smallest key greater than `after` has a zero byte more.
  const std::string begin = after.empty() || after < prefix
                                ? std::string(prefix)
                                : std::string(after) + '\0';
  const std::optional<std::string> end = EndOfPrefix(prefix);
  absl::MutexLock lock(&read_mutex_);
  KEEL_ASSIGN_OR_RETURN(
      const auto run,
      reader_->Start(absl::StrCat("SELECT key, value, checksum FROM ",
                                  std::string(table), " WHERE key>=?1",
                                  end.has_value() ? " AND key<?3" : "",
                                  " ORDER BY key LIMIT ?2")));
  run->BindBytes(1, begin);
  run->BindInteger(2, limit > 0 ? limit : -1);
  if (end.has_value()) run->BindBytes(3, *end);
  std::vector<std::pair<std::string, std::string>> pairs;
  while (true) {
    KEEL_ASSIGN_OR_RETURN(const bool row, run->Next());
    if (!row) return pairs;
    std::string key = run->Bytes(0);
    KEEL_ASSIGN_OR_RETURN(std::string value,
                          CheckedValue(*run, 1, reader_->path(), table, key));
    pairs.emplace_back(std::move(key), std::move(value));
  }
}

absl::Status SqliteStore::Apply(const WriteBatch::Change& change) {
  KEEL_RETURN_IF_ERROR(CheckTable(change.table));
  const std::string sql =
      change.erase
          ? absl::StrCat("DELETE FROM ", change.table, " WHERE key=?1")
          : absl::StrCat("REPLACE INTO ", change.table, " VALUES (?1, ?2, ?3)");
  KEEL_ASSIGN_OR_RETURN(const auto run, writer_->Start(sql));
  run->BindBytes(1, change.key);
  if (!change.erase) {
    run->BindBytes(2, change.value);
    run->BindInteger(3, Checksum(change.table, change.key, change.value));
  }
  return run->Next().status();
}

absl::Status SqliteStore::ApplyAll(const WriteBatch& batch) {
  KEEL_RETURN_IF_ERROR(writer_->Execute("BEGIN IMMEDIATE"));
  for (const WriteBatch::Change& change : batch.changes()) {
    KEEL_RETURN_IF_ERROR(Apply(change));
  }
  return writer_->Execute("COMMIT");
}

absl::Status SqliteStore::Commit(const WriteBatch& batch) {
  if (batch.empty()) return absl::OkStatus();
  absl::MutexLock lock(&write_mutex_);
  KEEL_RETURN_IF_ERROR(write_error_);
  const absl::Status status = ApplyAll(batch);
  if (status.ok()) return status;
  const absl::Status undone = writer_->Rollback();
  // A sync that failed may have left the commit in the log, or not.
  if (!undone.ok() || absl::IsInternal(status) || absl::IsDataLoss(status)) {
    write_error_ = status;
  }
  return status;
}

}  // namespace keel
