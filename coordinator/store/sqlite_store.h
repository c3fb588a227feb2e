// The store in one SQLite file: write-ahead log, synchronous=FULL, a table for
// each name of table_names.h. What Commit acknowledged survives the end of the
// process and of the power.
#ifndef KEEL_COORDINATOR_STORE_SQLITE_STORE_H_
#define KEEL_COORDINATOR_STORE_SQLITE_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "coordinator/store/sqlite_connection.h"
#include "coordinator/store/store.h"

namespace keel {

// Thread-safe: one connection reads while another one commits. Blocks on the
// disk. Each value carries a checksum over its table, key and bytes.
// DATA_LOSS: the file is damaged; UNAVAILABLE: another process has it locked.
// After an error of the disk in a commit, whose outcome is then unknown, every
// further commit returns that error: the file must be opened again.
class SqliteStore : public Store {
 public:
  struct Options {
    // Its folder exists.
    std::string path;
    // How long to wait for another process's lock.
    absl::Duration busy_timeout = absl::Seconds(10);
    // Largest size of the file; commits beyond it are RESOURCE_EXHAUSTED.
    // 0: what the disk takes.
    int64_t max_bytes = 0;
  };

  // Creates the file if it is missing. FAILED_PRECONDITION: another program's
  // file, a schema newer than this program's, or a file system without
  // shared memory (network disks).
  static absl::StatusOr<std::unique_ptr<Store>> Open(const Options& options);
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path);

  absl::StatusOr<std::string> Get(std::string_view table,
                                  std::string_view key) override;
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> Scan(
      std::string_view table, std::string_view prefix,
      std::string_view after = "", int limit = 0) override;
  absl::Status Commit(const WriteBatch& batch) override;

 private:
  SqliteStore(std::unique_ptr<SqliteConnection> reader,
              std::unique_ptr<SqliteConnection> writer);
  absl::Status Apply(const WriteBatch::Change& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status ApplyAll(const WriteBatch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  absl::Mutex read_mutex_;
  const std::unique_ptr<SqliteConnection> reader_
      ABSL_PT_GUARDED_BY(read_mutex_);
  absl::Mutex write_mutex_;
  const std::unique_ptr<SqliteConnection> writer_
      ABSL_PT_GUARDED_BY(write_mutex_);
  absl::Status write_error_ ABSL_GUARDED_BY(write_mutex_);
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_STORE_SQLITE_STORE_H_
