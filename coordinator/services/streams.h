// Streams and the chunks that they have accepted. Thread-safe; takes the
// cluster's lock.
#ifndef KEEL_COORDINATOR_SERVICES_STREAMS_H_
#define KEEL_COORDINATOR_SERVICES_STREAMS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/ingest/chunk_indexer.h"
#include "coordinator/services/cluster.h"

namespace keel {

class Streams {
 public:
  // `cluster` outlives it.
  explicit Streams(Cluster& cluster) : cluster_(cluster) {}

  // Errors: see StreamService.CreateStream. NOT_FOUND: no such initial
  // checkpoint.
  absl::StatusOr<v1::Stream> Create(const v1::CreateStreamRequest& request);
  absl::StatusOr<v1::Stream> Get(const std::string& name);
  std::vector<v1::Stream> List();
  absl::StatusOr<std::vector<v1::Chunk>> ListChunks(const std::string& stream);

  // A submission that was accepted before.
  struct Submitted {
    v1::SubmitChunkResponse response;
    std::string index_digest;
  };
  // By digest or by request id; nullopt: it is new. ALREADY_EXISTS: the request
  // id was used for other bytes (REQUEST_ID_REUSED), or the chunk was accepted
  // with another use (PROBE_MISMATCH). NOT_FOUND: no such stream.
  absl::StatusOr<std::optional<Submitted>> FindSubmitted(
      const v1::SubmitChunkHeader& header);
  // Records a chunk whose bytes and index are durable blobs.
  absl::StatusOr<v1::SubmitChunkResponse> Accept(
      const v1::SubmitChunkHeader& header, const IndexedChunk& indexed,
      const std::string& index_digest);

 private:
  absl::StatusOr<std::optional<Submitted>> FindSubmittedLocked(
      ClusterState& state, const v1::SubmitChunkHeader& header);
  absl::StatusOr<storage::v1::StreamRecord> NewRecord(
      const ClusterState& state, const v1::CreateStreamRequest& request,
      absl::Time now);

  Cluster& cluster_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_STREAMS_H_
