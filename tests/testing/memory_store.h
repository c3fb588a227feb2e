// A store in memory, for tests of what stands on one.
#ifndef KEEL_TESTS_TESTING_MEMORY_STORE_H_
#define KEEL_TESTS_TESTING_MEMORY_STORE_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/store/store.h"
#include "coordinator/store/table_names.h"

namespace keel::testing {

// Thread-safe. Knows the tables of table_names.h only, as the real one.
class MemoryStore : public Store {
 public:
  using CommitHook = std::function<absl::Status(const WriteBatch&)>;

  absl::StatusOr<std::string> Get(std::string_view table,
                                  std::string_view key) override {
    if (!IsTable(table)) return absl::InvalidArgumentError("no such table");
    absl::MutexLock lock(&mutex_);
    const auto& rows = tables_[std::string(table)];
    const auto it = rows.find(key);
    if (it == rows.end()) return absl::NotFoundError("no such key");
    return it->second;
  }

  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> Scan(
      std::string_view table, std::string_view prefix,
      std::string_view after = "", int limit = 0) override {
    if (scan_hook_) scan_hook_(table);
    if (!IsTable(table)) return absl::InvalidArgumentError("no such table");
    absl::MutexLock lock(&mutex_);
    const auto& rows = tables_[std::string(table)];
    std::vector<std::pair<std::string, std::string>> pairs;
    for (auto it = rows.lower_bound(prefix);
         it != rows.end() && it->first.starts_with(prefix); ++it) {
      if (!after.empty() && it->first <= after) continue;
      pairs.push_back(*it);
      if (static_cast<int>(pairs.size()) == limit) break;
    }
    return pairs;
  }

  absl::Status Commit(const WriteBatch& batch) override {
    absl::MutexLock lock(&mutex_);
    if (hook_) {
      if (absl::Status status = hook_(batch); !status.ok()) return status;
    }
    for (const WriteBatch::Change& change : batch.changes()) {
      if (!IsTable(change.table)) {
        return absl::InvalidArgumentError("no such table");
      }
    }
    for (const WriteBatch::Change& change : batch.changes()) {
      auto& rows = tables_[change.table];
      if (change.erase) {
        rows.erase(change.key);
      } else {
        rows.insert_or_assign(change.key, change.value);
      }
    }
    if (!batch.empty()) ++commit_count_;
    return absl::OkStatus();
  }

  // Called with each batch before it is applied; its error is Commit's, and
  // nothing is changed then. Calls no store. Null takes it away.
  void SetCommitHook(CommitHook hook) {
    absl::MutexLock lock(&mutex_);
    hook_ = std::move(hook);
  }
  // Called before each Scan, by its thread. Not to be changed meanwhile.
  void SetScanHook(std::function<void(std::string_view table)> hook) {
    scan_hook_ = std::move(hook);
  }
  // Batches applied so far.
  int commit_count() const {
    absl::MutexLock lock(&mutex_);
    return commit_count_;
  }

 private:
  std::function<void(std::string_view)> scan_hook_;
  mutable absl::Mutex mutex_;
  std::map<std::string, std::map<std::string, std::string, std::less<>>> tables_
      ABSL_GUARDED_BY(mutex_);
  CommitHook hook_ ABSL_GUARDED_BY(mutex_);
  int commit_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_TESTING_MEMORY_STORE_H_
