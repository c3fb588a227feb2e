// Takes one chunk in while it streams: checks and stores the bytes, indexes
// them, and records the chunk. One object serves one upload; not thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_CHUNK_RECEIVER_H_
#define KEEL_COORDINATOR_SERVICES_CHUNK_RECEIVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/ingest/chunk_indexer.h"
#include "coordinator/services/cluster.h"
#include "coordinator/services/streams.h"

namespace keel {

class ChunkReceiver {
 public:
  // Reads the next message; false at the end of the stream.
  using Reader = std::function<bool(v1::SubmitChunkRequest*)>;

  // Both outlive it.
  ChunkReceiver(Cluster& cluster, Streams& streams)
      : cluster_(cluster), streams_(streams) {}

  // Blocks on the network and the disk. Errors: see StreamService.SubmitChunk;
  // also FAILED_PRECONDITION (UPLOAD_OFFSET): other bytes are kept than the
  // header believes; ABORTED (UPLOAD_INCOMPLETE): the stream ended early, what
  // came is kept. A chunk that is refused (INVALID_ARGUMENT) leaves no bytes,
  // nor does one that fills the disk up (RESOURCE_EXHAUSTED, DISK_FULL).
  absl::StatusOr<v1::SubmitChunkResponse> Receive(const Reader& read);

 private:
  absl::Status CheckHeader();
  absl::Status TakeRoom();
  absl::StatusOr<IndexedChunk> ReceiveNew(const Reader& read);
  // Takes frames up to the announced size; feeds `indexer` unless it is null.
  absl::Status ReceiveFrames(const Reader& read, BlobWriter& writer,
                             ChunkIndexer* indexer);
  absl::StatusOr<IndexedChunk> IndexStored();
  absl::StatusOr<std::string> StoreIndex(const IndexedChunk& indexed,
                                         BlobPins& pins);

  Cluster& cluster_;
  Streams& streams_;
  v1::SubmitChunkHeader header_;
  v1::LimitsConfig limits_;
  std::unique_ptr<DiskGuard::Room> room_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_CHUNK_RECEIVER_H_
