// Chunks for the training half: whole in the cache if they fit, else by range
// from the coordinator.
#ifndef KEEL_WORKER_AGENT_REMOTE_CHUNK_READER_H_
#define KEEL_WORKER_AGENT_REMOTE_CHUNK_READER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "worker/agent/blob_cache.h"
#include "worker/agent/blob_fetcher.h"
#include "worker/seam/environment.h"

namespace keel {

// Serves one job. A chunk is fetched whole at its first touch and stays
// pinned: with more chunks than the cache holds the first ones are local and
// the others are read from afar, rather than all of them being fetched again
// and again. Thread-safe; concurrent readers of a chunk wait for one transfer.
// `cache`, `fetcher` and `stop` outlive the reader.
// CANCELLED: `stop` was notified. Other errors as ChunkReader's.
class RemoteChunkReader : public ChunkReader {
 public:
  // `sizes`: bytes of the chunks, where they are known. `on_bytes` is called
  // as bytes arrive, by one reader at a time for each chunk.
  RemoteChunkReader(BlobCache& cache, BlobFetcher& fetcher,
                    std::map<std::string, int64_t> sizes,
                    const absl::Notification& stop,
                    BlobCache::OnBytes on_bytes = {});

  absl::StatusOr<std::string> Read(const std::string& chunk_digest,
                                   int64_t offset, int64_t length) override
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // The pinned chunk; null if it is to be read from afar.
  absl::StatusOr<std::shared_ptr<BlobCache::Pin>> Locate(
      const std::string& digest) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::shared_ptr<BlobCache::Pin>> Bring(
      const std::string& digest);
  absl::StatusOr<std::string> ReadRemotely(const std::string& digest,
                                           int64_t offset, int64_t length);

  BlobCache& cache_;
  BlobFetcher& fetcher_;
  const std::map<std::string, int64_t> sizes_;
  const absl::Notification& stop_;
  const BlobCache::OnBytes on_bytes_;

  absl::Mutex mu_;
  // Null: does not fit.
  std::map<std::string, std::shared_ptr<BlobCache::Pin>> chunks_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_REMOTE_CHUNK_READER_H_
