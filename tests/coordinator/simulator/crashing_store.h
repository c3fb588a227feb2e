// Durable records in memory, whose process may end before or after a commit.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_CRASHING_STORE_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_CRASHING_STORE_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/testing/memory_store.h"

namespace keel::testing {

// The end of the coordinator's process, thrown where it is.
struct SimulatedCrash {};

// A commit is whole or absent, and durable. Not thread-safe.
class CrashingStore : public Store {
 public:
  struct Hooks {
    // Called before and after each commit; may throw SimulatedCrash.
    std::function<void()> reach;
    // Called with each batch once it is durable.
    std::function<void(const WriteBatch&)> committed;
  };
  explicit CrashingStore(Hooks hooks) : hooks_(std::move(hooks)) {}

  absl::StatusOr<std::string> Get(std::string_view table,
                                  std::string_view key) override {
    return records_.Get(table, key);
  }
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> Scan(
      std::string_view table, std::string_view prefix, std::string_view after,
      int limit) override {
    return records_.Scan(table, prefix, after, limit);
  }
  absl::Status Commit(const WriteBatch& batch) override {
    hooks_.reach();
    if (absl::Status status = records_.Commit(batch); !status.ok()) {
      return status;
    }
    hooks_.committed(batch);
    hooks_.reach();
    return absl::OkStatus();
  }

 private:
  const Hooks hooks_;
  MemoryStore records_;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_CRASHING_STORE_H_
