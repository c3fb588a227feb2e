// A cache that fills up to its bound and then keeps what it has: for data that
// is visited in cycles, where evicting the oldest would evict what comes next.
#ifndef KEEL_WORKER_DATA_BOUNDED_CACHE_H_
#define KEEL_WORKER_DATA_BOUNDED_CACHE_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace keel {

// Thread-safe. Values are immutable and shared with the callers.
template <typename Key, typename Value>
class BoundedCache {
 public:
  explicit BoundedCache(int64_t capacity_bytes)
      : capacity_bytes_(capacity_bytes) {}

  // Null if it is not there.
  std::shared_ptr<const Value> Find(const Key& key) const {
    absl::ReaderMutexLock lock(&mutex_);
    const auto it = values_.find(key);
    return it == values_.end() ? nullptr : it->second;
  }

  // Keeps the value, which takes `bytes`, if there is room and `key` is new.
  void Insert(Key key, std::shared_ptr<const Value> value, int64_t bytes) {
    absl::MutexLock lock(&mutex_);
    if (bytes > capacity_bytes_ - size_bytes_) return;
    if (values_.emplace(std::move(key), std::move(value)).second) {
      size_bytes_ += bytes;
    }
  }

  int64_t size_bytes() const {
    absl::ReaderMutexLock lock(&mutex_);
    return size_bytes_;
  }

 private:
  const int64_t capacity_bytes_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<Key, std::shared_ptr<const Value>> values_
      ABSL_GUARDED_BY(mutex_);
  int64_t size_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace keel

#endif  // KEEL_WORKER_DATA_BOUNDED_CACHE_H_
