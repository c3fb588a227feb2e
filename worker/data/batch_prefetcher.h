// Loads upcoming batches in a thread of its own, so that training does not
// wait for bytes and decoding.
#ifndef KEEL_WORKER_DATA_BATCH_PREFETCHER_H_
#define KEEL_WORKER_DATA_BATCH_PREFETCHER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "worker/data/sample_loader.h"

namespace keel {

// Thread-safe. The destructor waits for the row that is being loaded.
class BatchPrefetcher {
 public:
  // The rows of batch `index`, counted from 0; nullopt behind the last batch.
  // Called by the prefetcher's thread, with growing indexes.
  using Requests =
      std::function<std::optional<std::vector<RowRequest>>(int64_t index)>;

  // Keeps up to `depth` (at least 1) batches ready. `loader` outlives this.
  // `cancelled` (empty: never) is asked by the prefetcher's thread before each
  // row.
  BatchPrefetcher(SampleLoader& loader, Requests requests, int depth,
                  std::function<bool()> cancelled = {});
  ~BatchPrefetcher();
  BatchPrefetcher(const BatchPrefetcher&) = delete;
  BatchPrefetcher& operator=(const BatchPrefetcher&) = delete;

  // The next batch, in order; blocks until it is loaded. OUT_OF_RANGE: there
  // are no more; CANCELLED: `cancelled` said true. The loader's errors come in
  // the place of their batch and end the prefetching: every later call returns
  // the same error.
  absl::StatusOr<LoadedRows> Next();

 private:
  void Run();
  bool IsStopped();
  // False when the thread is to end.
  bool WaitForRoom();
  bool HasRoomOrStops() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasBatchOrEnded() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(absl::Status status);

  SampleLoader& loader_;
  const Requests requests_;
  const std::function<bool()> cancelled_;
  const size_t depth_;

  absl::Mutex mutex_;
  std::deque<LoadedRows> ready_ ABSL_GUARDED_BY(mutex_);
  // Why the thread loads no more; OK while it does.
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // Last, so that it starts when all else is there.
  std::thread thread_;
};

}  // namespace keel

#endif  // KEEL_WORKER_DATA_BATCH_PREFETCHER_H_
