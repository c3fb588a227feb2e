#include "coordinator/services/chunk_indexes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/services/blob_message.h"
#include "coordinator/services/frame_check.h"

namespace keel {
namespace {

// As at the chunk's arrival: the same bytes, of the same digest. Its samples'
// digests are in it, so that no second reading is needed to trust it.
absl::StatusOr<storage::v1::ChunkIndex> Rebuild(
    BlobStore& blobs, const storage::v1::ChunkRecord& chunk,
    const v1::LimitsConfig& limits) {
  const std::string& digest = chunk.chunk().digest();
  auto indexed = IndexStoredChunk(blobs, digest, limits);
  if (!indexed.ok() && !absl::IsInvalidArgument(indexed.status())) {
    return indexed.status();
  }
  const std::string bytes =
      indexed.ok() ? indexed->index.SerializeAsString() : "";
  if (Sha256Hex(bytes) != chunk.index_digest()) {
    return absl::DataLossError(
        absl::StrCat("chunk ", digest, " and its index are damaged"));
  }
  KEEL_RETURN_IF_ERROR(blobs.Put(bytes).status());
  LogWarning("the index of a chunk was damaged and is made anew",
             {{"chunk", digest}});
  return std::move(indexed->index);
}

}  // namespace

absl::StatusOr<IndexedChunk> IndexStoredChunk(BlobStore& blobs,
                                              const std::string& digest,
                                              const v1::LimitsConfig& limits) {
  KEEL_ASSIGN_OR_RETURN(const int64_t size, blobs.Size(digest));
  ChunkIndexer indexer(limits);
  for (int64_t offset = 0; offset < size; offset += kFrameBytes) {
    KEEL_ASSIGN_OR_RETURN(
        const std::string piece,
        blobs.Read(digest, offset, std::min(kFrameBytes, size - offset)));
    KEEL_RETURN_IF_ERROR(indexer.Consume(piece));
  }
  return indexer.Finish(digest);
}

absl::StatusOr<storage::v1::ChunkIndex> ReadChunkIndex(
    BlobStore& blobs, const storage::v1::ChunkRecord& chunk,
    const v1::LimitsConfig& limits) {
  auto index =
      ReadMessage<storage::v1::ChunkIndex>(blobs, chunk.index_digest());
  return IsLost(index.status()) ? Rebuild(blobs, chunk, limits) : index;
}

}  // namespace keel
