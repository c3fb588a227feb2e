// Durable facts: small serialized records in named tables, changed only in
// transactions that are durable when Commit returns.
//
// The interface is narrow on purpose: ordered keys, three verbs. SQLite serves
// one machine; a networked database takes its place when a user outgrows it.
#ifndef KEEL_COORDINATOR_STORE_STORE_H_
#define KEEL_COORDINATOR_STORE_STORE_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keel {

// A set of changes that becomes durable as a whole, or not at all. Not
// thread-safe; needs no store until it is given to Store::Commit.
class WriteBatch {
 public:
  struct Change {
    std::string table;
    std::string key;
    std::string value;
    bool erase = false;
  };
  void Put(std::string_view table, std::string_view key, std::string value) {
    changes_.push_back(
        {std::string(table), std::string(key), std::move(value)});
  }
  void Erase(std::string_view table, std::string_view key) {
    changes_.push_back({std::string(table), std::string(key), {}, true});
  }
  const std::vector<Change>& changes() const { return changes_; }
  bool empty() const { return changes_.empty(); }

 private:
  std::vector<Change> changes_;
};

// Thread-safe.
class Store {
 public:
  virtual ~Store() = default;
  // NOT_FOUND: no such key.
  virtual absl::StatusOr<std::string> Get(std::string_view table,
                                          std::string_view key) = 0;
  // Pairs whose keys start with `prefix`, in key order; keys > `after` only;
  // at most `limit` (0: all).
  virtual absl::StatusOr<std::vector<std::pair<std::string, std::string>>> Scan(
      std::string_view table, std::string_view prefix,
      std::string_view after = "", int limit = 0) = 0;
  // Applies all changes in order and makes them durable before it returns.
  // RESOURCE_EXHAUSTED: the disk is full; nothing was changed.
  virtual absl::Status Commit(const WriteBatch& batch) = 0;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_STORE_STORE_H_
