// Blobs of the coordinator on this machine's disk, by digest.
#ifndef KEEL_WORKER_AGENT_BLOB_CACHE_H_
#define KEEL_WORKER_AGENT_BLOB_CACHE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/file_system.h"
#include "worker/agent/blob_fetcher.h"

namespace keel {

// Bounded by bytes: what was used longest ago goes first, what is pinned never
// goes. Survives restarts, broken and cancelled downloads included; every
// file's digest is checked when it is fetched, and once more at its first use
// after a restart. The folder may be deleted while no process uses it.
// Thread-safe. `fetcher` outlives the cache, the cache outlives its pins.
class BlobCache {
 public:
  struct Options {
    std::string directory;
    int64_t capacity_bytes = int64_t{20} << 30;
    // INVALID_ARGUMENT: names the field.
    absl::Status Validate() const;
  };

  // Keeps a blob on the disk as long as it lives.
  class Pin {
   public:
    Pin(BlobCache& cache, std::string digest, std::string path);
    ~Pin();
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    const std::string& path() const { return path_; }

   private:
    BlobCache& cache_;
    const std::string digest_;
    const std::string path_;
  };

  static absl::StatusOr<std::unique_ptr<BlobCache>> Open(const Options& options,
                                                         BlobFetcher& fetcher);

  // Called as bytes arrive, on the fetching thread; at most a frame apart.
  using OnBytes = std::function<void()>;

  // The blob, fetched if it is not here; callers of the same blob wait for one
  // transfer. `size_bytes` -1: not known. Blocks.
  // RESOURCE_EXHAUSTED: it does not fit beside what is pinned, or the disk is
  // full. DATA_LOSS: the coordinator's bytes have another digest or size.
  // INVALID_ARGUMENT: no digest. Else as BlobFetcher::Fetch.
  absl::StatusOr<std::unique_ptr<Pin>> Get(const std::string& digest,
                                           int64_t size_bytes,
                                           const absl::Notification& stop,
                                           const OnBytes& on_bytes = {})
      ABSL_LOCKS_EXCLUDED(mu_);

  // Bytes on the disk, unfinished downloads included.
  int64_t used_bytes() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  enum class State { kAbsent, kPartial, kUnverified, kReady };
  struct Transfer {
    absl::Notification done;
    absl::Status status;
  };
  struct Entry {
    State state = State::kAbsent;
    int64_t size = 0;
    int64_t last_use = 0;
    int pins = 0;
    // The transfer or check in progress; its thread owns the file.
    std::shared_ptr<Transfer> busy;
  };

  BlobCache(const Options& options, BlobFetcher& fetcher);
  void Scan(const std::vector<std::string>& names);
  std::string PathOf(const std::string& digest) const;
  std::string PartOf(const std::string& digest) const;

  // Makes a file that this thread owns ready, by check or download.
  absl::Status Prepare(const std::string& digest, State state,
                       int64_t size_bytes, const absl::Notification& stop,
                       const OnBytes& on_bytes);
  absl::Status Verify(const std::string& digest,
                      const absl::Notification& stop);
  absl::Status Download(const std::string& digest, int64_t size_bytes,
                        const absl::Notification& stop,
                        const OnBytes& on_bytes);
  // One try, going on from what is there.
  absl::Status DownloadRest(const std::string& digest, int64_t size_bytes,
                            const absl::Notification& stop,
                            const OnBytes& on_bytes);
  absl::Status Discard(const std::string& digest) ABSL_LOCKS_EXCLUDED(mu_);
  // Accounts for `bytes` more of `digest`, evicting others.
  absl::Status Reserve(const std::string& digest, int64_t bytes)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status MakeRoom(int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SetState(const std::string& digest, State state)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Unpin(const std::string& digest) ABSL_LOCKS_EXCLUDED(mu_);
  std::unique_ptr<Pin> PinLocked(const std::string& digest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  BlobFetcher& fetcher_;

  mutable absl::Mutex mu_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mu_);
  int64_t used_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t uses_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_BLOB_CACHE_H_
