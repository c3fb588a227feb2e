// One connection to a SQLite file, with its prepared statements.
#ifndef KEEL_COORDINATOR_STORE_SQLITE_CONNECTION_H_
#define KEEL_COORDINATOR_STORE_SQLITE_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace keel {

class SqliteConnection;

// One run of a prepared statement. Bound bytes stay alive as long as it does;
// one run of the same SQL at a time. Not thread-safe.
class SqliteRun {
 public:
  ~SqliteRun();
  SqliteRun(const SqliteRun&) = delete;
  SqliteRun& operator=(const SqliteRun&) = delete;

  // Parameters count from 1, columns from 0.
  void BindBytes(int parameter, std::string_view bytes);
  void BindInteger(int parameter, int64_t value);
  // True: a row is there; false: the run is over.
  absl::StatusOr<bool> Next();
  std::string Bytes(int column) const;
  int64_t Integer(int column) const;

 private:
  friend class SqliteConnection;
  SqliteRun(const SqliteConnection& connection, sqlite3_stmt* statement);
  const SqliteConnection& connection_;
  sqlite3_stmt* const statement_;
};

// Not thread-safe. Errors name the file. RESOURCE_EXHAUSTED: the disk is full;
// DATA_LOSS: the file is damaged or no database; UNAVAILABLE: another process
// kept it locked for `busy_timeout`; PERMISSION_DENIED; NOT_FOUND: it cannot
// be opened; INTERNAL: an error of the disk, or a bug.
class SqliteConnection {
 public:
  // Creates the file if it is missing.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(
      const std::string& path, absl::Duration busy_timeout);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // Runs statements that give no rows.
  absl::Status Execute(const std::string& sql);
  // The first column of the first row of a statement that gives one.
  absl::StatusOr<std::string> QueryText(const std::string& sql);
  absl::StatusOr<int64_t> QueryInteger(const std::string& sql);
  // Prepares `sql` at its first use and keeps it.
  absl::StatusOr<std::unique_ptr<SqliteRun>> Start(const std::string& sql);
  // Ends the transaction without effect, if one is open.
  absl::Status Rollback();
  const std::string& path() const { return path_; }

 private:
  friend class SqliteRun;
  SqliteConnection(std::string path, sqlite3* handle);
  absl::Status Error(int code, const std::string& doing) const;

  const std::string path_;
  sqlite3* const handle_;
  absl::flat_hash_map<std::string, sqlite3_stmt*> statements_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_STORE_SQLITE_CONNECTION_H_
